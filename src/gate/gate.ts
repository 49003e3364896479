import { newFindings } from "../diff/findings.ts";
import { ruleChanges } from "../diff/rules.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Catalog } from "../model/catalog.ts";
import { failsRun, type Finding, incompleteNotes } from "../model/finding.ts";
import type { FutureAccess, GateRecord } from "../model/gate.ts";
import { postureRules, readsOnly } from "../model/posture.ts";
import type { Target } from "../model/target.ts";
import { RowgateError } from "../model/errors.ts";
import { blame, type Difference } from "./blame.ts";
import { compare, type Compared, type Keyed } from "./compare.ts";
import { compareFuture, privilegesOf } from "./future.ts";
import { keysFor, measure, type Measures, withVerdicts } from "./measure.ts";
import { fittedOnce, type GateRequest, openState, type State } from "./state.ts";

export type { GateRequest } from "./state.ts";

export interface GateEvents {
  readonly step?: (doing: string) => void;
}

/** What the pending statements do to access. Each is applied in transactions that are rolled back. @throws RowgateError `gate/…`, `sql/…` */
export async function gate(request: GateRequest, events: GateEvents = {}): Promise<GateRecord> {
  const began = performance.now();
  const { matrix, target, pending } = request;
  mayApply(target, request.onSharedTarget);
  const states: State[] = [];
  const open = async (count: number, bare?: ReadonlySet<string>): Promise<State> => {
    const state = await openState(request, count, bare);
    states.push(state);
    return state;
  };
  try {
    events.step?.(`applying ${pending.length} statements`);
    const [before, after] = [await open(0), await open(pending.length)];
    const sides = await measureSides({ before, after }, open, events);
    const compared = compare(sides.first, sides.last, matrix.waivedRelations);
    const differences = { ...compared, ...structural(before, after, request) };
    const found = await guilty(request, differences, { ...sides, before, after }, events);
    const [was, is] = [before.plan.catalog, after.plan.catalog];
    return {
      matrix: matrix.name,
      target: target.name,
      files: [...new Set(pending.map(({ file }) => file))],
      statements: pending.map(({ file, line, text }) => ({ file, line, text })),
      personas: matrix.personas.length,
      relations: after.plan.work.length,
      compared: compared.compared,
      unknown: compared.unknown.map(({ cell }) => cell),
      ...found,
      rules: ruleChanges(was, renamedBack(is, was)),
      milliseconds: performance.now() - began,
    };
  } finally {
    await Promise.all(states.map((state) => state.close()));
  }
}

interface Ends {
  readonly before: State;
  readonly after: State;
}

interface Sides {
  readonly first: Measures;
  readonly last: Measures;
  /** As the statements' search compares them. */
  readonly final: Measures;
  readonly bare: ReadonlySet<string>;
}

/** Probes both ends. Where the matrix fits a relation at one end only, it is asked about without the matrix at both. */
async function measureSides(
  { before, after }: Ends,
  open: (count: number, bare: ReadonlySet<string>) => Promise<State>,
  events: GateEvents,
): Promise<Sides> {
  const bare = fittedOnce(before, after);
  const first = await measured(
    bare.size === 0 ? before : await open(before.count, bare),
    before,
    events,
    "before",
  );
  const named = await measured(after, before, events, "after");
  if (bare.size === 0) return { first, last: named, final: named, bare };
  const final = await measured(await open(after.count, bare), before, events, "after");
  return { first, last: withVerdicts(final, named), final, bare };
}

/** @throws RowgateError `gate/reads-only`, `gate/shared-target` */
function mayApply(target: Pick<Target, "name" | "posture" | "writes">, onSharedTarget: boolean): void {
  const { name, posture } = target;
  if (readsOnly(target))
    throw new RowgateError({
      code: "gate/reads-only",
      message: `rowgate gate applies migrations in transactions that it rolls back, and ${name} takes no writes (${posture}).`,
      hint: "rowgate gate --target embedded applies the same migrations to a separate database",
    });
  if (postureRules[posture].shared && !onSharedTarget)
    throw new RowgateError({
      code: "gate/shared-target",
      message: `rowgate gate applies migrations in transactions that it rolls back, and others work on ${name}: they wait for the locks of these migrations.`,
      hint: "use --target embedded, or add --on-shared-target where that disturbs no user",
    });
}

async function measured(state: State, before: State, events: GateEvents, when: string): Promise<Measures> {
  events.step?.(`probing ${state.cells.length} cells ${when} the migrations`);
  return measure(state, keysFor(state, before));
}

/** What differs without a probe: findings, the matrix that does not fit any more, objects to come. */
function structural(
  before: State,
  after: State,
  { requireComplete }: GateRequest,
): Pick<GateRecord, "findings" | "future" | "misfit"> {
  const fails = (finding: Finding): boolean =>
    failsRun(finding) || (requireComplete && incompleteNotes.includes(finding.kind));
  const brought = newFindings(before.findings, after.findings).filter(fails);
  const issues = after.issues.filter(
    (issue) => !before.issues.some(({ message }) => message === issue.message),
  );
  return {
    findings: brought.map((finding) => ({ finding })),
    future: compareFuture(before.future, after.future),
    misfit: issues.length === 0 ? undefined : { issues },
  };
}

const textOf = (finding: Finding): string => JSON.stringify(finding);

type Found = Pick<GateRecord, "gained" | "lost" | "broken" | "findings" | "future" | "misfit">;
type Differences = Omit<Compared, "compared" | "unknown"> & ReturnType<typeof structural>;

/** Finds the statement of each difference. */
async function guilty(
  request: GateRequest,
  { gained, lost, broken, findings, future, misfit }: Differences,
  { before, after, final, bare }: Ends & Sides,
  events: GateEvents,
): Promise<Found> {
  const all = {
    gained: gained.map(cellDifference),
    lost: lost.map(cellDifference),
    broken: broken.map(cellDifference),
    findings: findings.map((one) => ({ one, facet: isFound(one.finding) })),
    future: future.map((one) => ({ one, facet: holdsOf(one) })),
    misfit: misfit === undefined ? [] : [{ one: misfit, facet: isMisfit }],
  };
  const differences: readonly Difference[] = Object.values(all).flat();
  if (differences.length > 0)
    events.step?.(`searching the statements behind ${differences.length} differences`);
  const probe = async (state: State, some: readonly Difference[]): Promise<Measures> => {
    const cells = new Set(some.flatMap(({ cell }) => cell ?? []));
    return cells.size === 0 ? new Map() : measure(state, keysFor(state, before), cells);
  };
  const last = { state: after, measures: final };
  const statements = await blame(request, differences, last, probe, bare);
  const put = <T>(some: readonly (Difference & { readonly one: T })[]): Put<T>[] =>
    some.map((difference) => ({ ...difference.one, statement: statements.get(difference) }));
  return {
    gained: put(all.gained),
    lost: put(all.lost),
    broken: put(all.broken),
    findings: put(all.findings),
    future: put(all.future),
    misfit: put(all.misfit)[0],
  };
}

type Put<T> = T & { readonly statement: number | undefined };

function cellDifference<T>({
  key,
  facet,
  ...one
}: Keyed<T>): Difference & { readonly one: Omit<Keyed<T>, "key" | "facet"> } {
  return { one, cell: key, facet: ({ measures }) => facet(measures.get(key)) };
}

function isFound(finding: Finding): Difference["facet"] {
  const text = textOf(finding);
  return ({ state }) => state.findings.some((one) => textOf(one) === text);
}

function holdsOf(one: FutureAccess): Difference["facet"] {
  return ({ state }) => privilegesOf(state.future, one);
}

const isMisfit: Difference["facet"] = ({ state }) => state.issues.length > 0;

/** A relation that is only called otherwise is the same: rules are compared under its earlier name. */
function renamedBack(after: Catalog, before: Catalog): Catalog {
  const names = new Map(before.relations.map(({ oid, schema, name }) => [oid, { schema, name }]));
  const taken = new Set(after.relations.map((one) => formatQualified(one)));
  const relations = after.relations.map((one) => {
    const was = names.get(one.oid);
    return was === undefined || taken.has(formatQualified(was)) ? one : { ...one, ...was };
  });
  return { ...after, relations };
}
