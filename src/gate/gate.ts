import { newFindings } from "../diff/findings.ts";
import { ruleChanges } from "../diff/rules.ts";
import { now } from "../lib/clock.ts";
import { dayOf } from "../lib/moment.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Catalog } from "../model/catalog.ts";
import { failsRun, type Finding, incompleteNotes } from "../model/finding.ts";
import type { GateRecord } from "../model/gate.ts";
import { postureRules, readsOnly } from "../model/posture.ts";
import type { Target } from "../model/target.ts";
import { RowgateError } from "../model/errors.ts";
import { expiredWaivers } from "../run/waivers.ts";
import { compare, type Compared } from "./compare.ts";
import { compareProofs } from "./compare-proofs.ts";
import { compareFuture } from "./future.ts";
import { compareNewRows } from "./new-rows.ts";
import { comparePowers, notesOf } from "./powers.ts";
import { compareSideWrites, restated, type SideWriting, tightened } from "./side-writes.ts";
import { unreviewed, unwaived } from "./waived.ts";
import { guilty } from "./guilty.ts";
import { compareSignUps } from "./sign-up.ts";
import { compareWrites } from "./tried-writes.ts";
import { reachOfChanges } from "./touched.ts";
import { type Proof, type Proofs, proveState } from "./proofs.ts";
import { declarationOf, keysFor, measure, type Measures, withVerdicts } from "./measure.ts";
import { fittedOnce, type GateRequest, openState, type State } from "./state.ts";

export type { GateRequest } from "./state.ts";

export interface GateEvents {
  readonly step?: (doing: string) => void;
}

/** The state before the migrations, and what was asked of it: several gates may begin with it. */
export interface Earlier extends AsyncDisposable {
  readonly state: State;
  readonly measures: Measures;
  /** Of these cells, and of those that were asked about before. */
  readonly proofs: (wanted: ReadonlySet<string>) => Promise<Proofs>;
}

export async function openEarlier(request: GateRequest, events: GateEvents = {}): Promise<Earlier> {
  const state = await openState({ ...request, pending: [] }, 0);
  const known = new Map<string, Proof>();
  try {
    return {
      state,
      measures: await measured(state, state, events, "before"),
      proofs: async (wanted) => {
        const more = new Set([...wanted].filter((key) => !known.has(key)));
        const found = await proveState(request, state, keysFor(state, state), more);
        for (const [key, proof] of found) known.set(key, proof);
        return known;
      },
      [Symbol.asyncDispose]: () => state.close(),
    };
  } catch (error) {
    await state.close();
    throw error;
  }
}

/** What the pending statements do to access. Each is applied in transactions that are rolled back. @throws RowgateError `gate/…`, `sql/…` */
export async function gate(
  given: GateRequest,
  events: GateEvents = {},
  known?: Earlier,
): Promise<GateRecord> {
  const began = performance.now();
  const request = withFormerPersonas(given);
  const { target, pending } = request;
  mayApply(target, request.onSharedTarget);
  mustRunInTransactions(request);
  const opened: AsyncDisposable[] = [];
  try {
    events.step?.(pending.length === 1 ? "applying one statement" : `applying ${pending.length} statements`);
    const open = async (count: number, bare?: ReadonlySet<string>): Promise<State> => {
      const state = await openState(request, count, bare);
      opened.push({ [Symbol.asyncDispose]: () => state.close() });
      return state;
    };
    const after = await open(pending.length);
    const earlier = known ?? (await openEarlier(request, events));
    if (known === undefined) opened.push(earlier);
    const record = await compareStates(request, { earlier, after, open }, events);
    return { ...record, milliseconds: performance.now() - began };
  } finally {
    await Promise.all(opened.map((one) => one[Symbol.asyncDispose]()));
  }
}

interface States {
  readonly earlier: Earlier;
  readonly after: State;
  readonly open: (count: number, bare: ReadonlySet<string>) => Promise<State>;
}

async function compareStates(
  request: GateRequest,
  { earlier, after, open }: States,
  events: GateEvents,
): Promise<Omit<GateRecord, "milliseconds">> {
  const { matrix, target, pending } = request;
  const sides = await measureSides(earlier, after, open, events);
  const compared = compare(sides.first, sides.last, matrix.waivedRelations);
  const newRows = await compareNewRows(earlier.state, after);
  const proofs = await proveSides(request, earlier, after, sides, compared, events);
  const differences = {
    gained: await sinceBase([...compared.gained, ...newRows, ...proofs.gained], request, {
      before: earlier.state,
      ...sides,
    }),
    lost: compared.lost,
    broken: [...compared.broken, ...proofs.broken],
    ...structural(earlier.state, after, request),
  };
  const untried = await compareSignUps(request, after, differences.sideWrites);
  const unread = await compareWrites(request, after, untried);
  const ends = { before: earlier.state, after, proofs: proofs.last };
  const found = await guilty(
    request,
    { ...differences, sideWrites: unread },
    { ...sides, ...ends },
    events.step,
  );
  const [was, is] = [earlier.state.plan.catalog, after.plan.catalog];
  return {
    matrix: matrix.name,
    target: target.name,
    base: request.base?.name,
    files: [...new Set(pending.map(({ file }) => file))],
    statements: pending.map(({ file, line, text }) => ({ file, line, text })),
    personas: matrix.personas.length,
    relations: after.plan.work.length,
    compared: compared.compared,
    proved: proofs.proved,
    unknown: compared.unknown.map(({ cell }) => cell),
    ...found,
    notes: [
      ...(request.notes ?? []),
      ...notesOf(earlier.state.powers, after.powers),
      ...restated(earlier.state.sideWrites, after.sideWrites).map(
        ({ by }) => `${by} is written otherwise, and does what it did: 0 gained, 0 lost`,
      ),
      ...tightened(earlier.state.sideWrites, after.sideWrites).map(
        ({ by }) => `${by} is written otherwise, and does no more than it did: 0 gained`,
      ),
    ],
    rules: ruleChanges(was, renamedBack(is, was)),
  };
}

/** Personas that the matrix has left out since the base are asked about too: no other persona would show what they gain. */
function withFormerPersonas(request: GateRequest): GateRequest {
  const { matrix, base } = request;
  const names = new Set(matrix.personas.map(({ name }) => name));
  const former = base?.matrix?.personas.filter(({ name }) => !names.has(name)) ?? [];
  return { ...request, matrix: { ...matrix, personas: [...matrix.personas, ...former] } };
}

/** Whether the matrix of the base says the same of what is gained. */
async function sinceBase(
  gained: Compared["gained"],
  request: GateRequest,
  { before, last }: { readonly before: State; readonly last: Measures },
): Promise<Compared["gained"]> {
  const { base } = request;
  if (base?.matrix === undefined || gained.every(({ declared }) => declared === undefined)) return gained;
  const state = await openState({ ...request, matrix: base.matrix, pending: [] }, 0);
  try {
    const keys = keysFor(state, before);
    const said = new Map(state.cells.map((cell) => [keys(cell), declarationOf(cell)]));
    return gained.map((one) => {
      const changed = last.get(one.key)?.declaration !== said.get(one.key);
      return one.declared === undefined ? one : { ...one, declared: { ...one.declared, changed } };
    });
  } finally {
    await state.close();
  }
}

/** Asks the proof for all rows on both sides about the cells that what differs can reach, where the rows at hand show nothing. */
async function proveSides(
  request: GateRequest,
  earlier: Earlier,
  after: State,
  { first, last }: Sides,
  compared: Compared,
  events: GateEvents,
): Promise<ReturnType<typeof compareProofs> & { readonly last: Proofs }> {
  if (earlier.state.marks === after.marks) return { gained: [], broken: [], proved: 0, last: new Map() };
  events.step?.("asking the proof for all rows on both sides");
  const keys = keysFor(after, earlier.state);
  const shown = new Set([...compared.gained, ...compared.broken].map(({ key }) => key));
  const inReach = await reachOfChanges(earlier.state, after);
  const wanted = new Set(
    after.cells
      .filter(inReach)
      .map(keys)
      .filter((key) => !shown.has(key)),
  );
  const proofs = await proveState(request, after, keys, wanted);
  const before = { measures: first, proofs: await earlier.proofs(wanted) };
  return { ...compareProofs(before, { measures: last, proofs }, compared), last: proofs };
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
  { state: before, measures }: Earlier,
  after: State,
  open: (count: number, bare: ReadonlySet<string>) => Promise<State>,
  events: GateEvents,
): Promise<Sides> {
  const bare = fittedOnce(before, after);
  const named = await measured(after, before, events, "after");
  if (bare.size === 0) return { first: measures, last: named, final: named, bare };
  const first = await measured(await open(before.count, bare), before, events, "before");
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

/** @throws RowgateError `gate/outside-transaction` */
function mustRunInTransactions({ pending, clones, target }: GateRequest): void {
  const apart = clones === undefined ? pending.find(({ commits }) => commits === "apart") : undefined;
  if (apart === undefined) return;
  const { file, line, text } = apart;
  throw new RowgateError({
    code: "gate/outside-transaction",
    message: `${text} may not run inside a transaction, and ${target.name} is no database that rowgate could copy and throw away.`,
    at: { file, line, column: 1 },
    hint: "use --target embedded: rowgate applies it to a copy there",
  });
}

async function measured(state: State, before: State, events: GateEvents, when: string): Promise<Measures> {
  events.step?.(`probing ${state.cells.length} cells ${when} the migrations`);
  return measure(state, keysFor(state, before));
}

/** What the matrix leaves out of what is in reach. */
function leavesOut({ kind }: Finding): boolean {
  return incompleteNotes.includes(kind) || leftOutKinds.has(kind);
}

const leftOutKinds: ReadonlySet<Finding["kind"]> = new Set([
  "undeclared-relation",
  "undeclared-definer",
  "undeclared-identity-setter",
  "undeclared-exposed-schema",
  "unprobed-anonymous-role",
  "missing-pre-request",
]);

/** What differs without a probe: findings, the matrix that does not fit any more, objects to come. */
function structural(
  before: State,
  after: State,
  { requireComplete, matrix }: GateRequest,
): Pick<GateRecord, "findings" | "future" | "misfit" | "powers"> & {
  readonly sideWrites: readonly SideWriting[];
} {
  const there = new Set(before.plan.catalog.relations.map((one) => formatQualified(one)));
  const fails = (finding: Finding): boolean =>
    failsRun(finding) ||
    (finding.kind === "cascades-past-a-deny" && there.has(finding.relation)) ||
    (requireComplete && incompleteNotes.includes(finding.kind));
  const brought = newFindings(before.findings, after.findings).filter(fails);
  const left = requireComplete
    ? after.findings.filter((one) => leavesOut(one) && !brought.includes(one))
    : [];
  const expired = expiredWaivers(matrix, dayOf(now()));
  const issues = after.issues.filter(
    (issue) => !before.issues.some(({ message }) => message === issue.message),
  );
  return {
    findings: [
      ...brought.map((finding) => ({ finding })),
      ...[...left, ...expired].map((finding) => ({ finding, before: true as const })),
    ],
    future: compareFuture(before.future, after.future),
    powers: unwaived(comparePowers(before.powers, after.powers), matrix),
    sideWrites: unreviewed(compareSideWrites(before.sideWrites, after.sideWrites), matrix),
    misfit: issues.length === 0 ? undefined : { issues },
  };
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
