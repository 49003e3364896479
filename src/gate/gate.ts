import { newFindings } from "../diff/findings.ts";
import { ruleChanges } from "../diff/rules.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Catalog } from "../model/catalog.ts";
import { failsRun, type Finding, incompleteNotes } from "../model/finding.ts";
import type { GateRecord } from "../model/gate.ts";
import { postureRules, readsOnly } from "../model/posture.ts";
import type { Target } from "../model/target.ts";
import { RowgateError } from "../model/errors.ts";
import { blame, type ReadSignatures, type Signature } from "./blame.ts";
import { compare, type Compared } from "./compare.ts";
import { compareFuture, keyOf } from "./future.ts";
import { keysFor, type Measure, measure, type Measures, withVerdicts } from "./measure.ts";
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

const misfitKey = "misfit";

/** Finds the statement of each difference. */
async function guilty(
  request: GateRequest,
  differences: Omit<Compared, "compared" | "unknown"> & Pick<GateRecord, "findings" | "future" | "misfit">,
  { before, after, final, bare }: Ends & Sides,
  events: GateEvents,
): Promise<Found> {
  const { gained, lost, broken, findings, future, misfit } = differences;
  const cells = new Set([...gained, ...lost, ...broken].map(({ key }) => key));
  const keys = [
    ...cells,
    ...findings.map(({ finding }) => textOf(finding)),
    ...future.map(keyOf),
    ...(misfit === undefined ? [] : [misfitKey]),
  ];
  if (keys.length > 0) events.step?.(`searching the statements behind ${keys.length} differences`);
  const read: ReadSignatures = async (state, wanted) => {
    const asked = wanted.filter((key) => cells.has(key));
    const measures =
      asked.length === 0 ? undefined : await measure(state, keysFor(state, before), new Set(asked));
    return signatures(state, measures);
  };
  const statements = await blame(request, keys, signatures(after, final), read, bare);
  const put = <T>(one: T, key: string): T & { statement: number | undefined } => ({
    ...one,
    statement: statements.get(key),
  });
  const plain = <T extends { readonly key: string }>({
    key,
    ...one
  }: T): Omit<T, "key"> & { statement: number | undefined } => put(one, key);
  return {
    gained: gained.map(plain),
    lost: lost.map(plain),
    broken: broken.map(plain),
    findings: findings.map((one) => put(one, textOf(one.finding))),
    future: future.map((one) => put(one, keyOf(one))),
    misfit: misfit && put(misfit, misfitKey),
  };
}

function signatures(state: State, measures: Measures = new Map()): Signature {
  const found = new Set(state.findings.map(textOf));
  return (key) => {
    if (key === misfitKey) return String(state.issues.length > 0);
    const one = measures.get(key);
    if (one !== undefined) return signatureOf(one);
    const held = state.future.facts.filter((fact) => keyOf(fact) === key).map(({ privilege }) => privilege);
    return JSON.stringify([found.has(key), held]);
  };
}

function signatureOf({ verdict, reach, granted }: Measure): string {
  const { count, of, unexpected, accepted } = reach ?? {};
  return JSON.stringify([verdict, count, of, unexpected, accepted, granted]);
}

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
