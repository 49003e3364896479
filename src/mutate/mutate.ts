import type { Cell } from "../model/cell.ts";
import { isAssignment } from "../model/cell.ts";
import { addressOf, postureRules, readsOnly } from "../model/posture.ts";
import type { Target } from "../model/target.ts";
import { RowgateError } from "../model/errors.ts";
import type { MutationRecord, MutantResult, OperatorSet } from "../model/mutation.ts";
import { isFor, operationInfo } from "../model/operations.ts";
import type { Verdict } from "../model/verdict.ts";
import { judge } from "../judge/verdict.ts";
import { loadParser } from "../lib/sql-tree.ts";
import { readSql } from "../lib/sql-file.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { now } from "../lib/clock.ts";
import { signIn, type SignInRequest } from "../persona/sign-in.ts";
import { channelsOf } from "../plan/channels.ts";
import { filterOf } from "../plan/filters.ts";
import { type CellOptions, cellsOf, type RelationWork, type Work } from "../plan/plan.ts";
import type { RunFilters } from "../model/run.ts";
import { Control } from "../probe/sql/baseline.ts";
import { sessionRules } from "../probe/sessions.ts";
import { type DirectChannel, openDirectChannel } from "../probe/sql/channel.ts";
import type { PreflightedRun } from "../run/2-inspect.ts";
import { visibleRows } from "../run/4-probe.ts";
import { gatewayOf } from "../run/request.ts";
import { equivalence } from "./equivalent.ts";
import { type Mutant, mutantsOf } from "./operators.ts";

export interface MutationRequest extends SignInRequest {
  readonly filters: Pick<RunFilters, "only" | "personas">;
  readonly operators: OperatorSet;
  /** Change policies, in transactions that are rolled back, where others work too. */
  readonly onSharedTarget: boolean;
  readonly interrupted?: AbortSignal | undefined;
}

export interface MutationEvents {
  readonly planned?: (mutants: number) => void;
  readonly mutant?: (result: MutantResult) => void;
}

type Visible = Awaited<ReturnType<typeof visibleRows>>;

/** A relation or function, with the cells of it that passed without any change. */
interface Covered {
  readonly work: Work;
  readonly visible: Visible;
  readonly passed: ReadonlyMap<string, Cell>;
}

interface Mutating {
  readonly plan: PreflightedRun;
  readonly options: CellOptions;
  readonly channel: DirectChannel;
  readonly covered: readonly Covered[];
  /** Roles that views and functions lend, and to which policies apply. */
  readonly lent: readonly string[];
}

/** Changes what decides who may do what, one thing at a time, and asks whether the matrix notices. Every change is rolled back. */
export async function mutate(
  request: MutationRequest,
  plan: PreflightedRun,
  events: MutationEvents = {},
): Promise<MutationRecord> {
  const { matrix, target, filters, interrupted } = request;
  mayChange(target, request.onSharedTarget);
  const began = performance.now();
  await loadParser();
  const options: CellOptions = {
    channels: channelsOf(matrix, ["direct"]),
    exposed: gatewayOf(target)?.schemas ?? [],
    wants: filterOf(filters),
  };
  const identities = signIn(request, plan.settings, now(), plan.cells);
  const home = plan.catalog.login;
  const sessions = sessionRules({
    identities,
    inForce: plan.settings,
    gateway: target.rest !== undefined,
    home: home.name,
  });
  const privileged = await Control.open(addressOf(target), target.limits);
  const channel = await openDirectChannel({ target, sessions, home });
  try {
    const { covered, cells } = await baseline({ plan, options, channel, privileged });
    const passed = covered.reduce((sum, one) => sum + one.passed.size, 0);
    if (passed === 0) throw nothingPassed(request);
    const lent = await privileged.ask("while owners of views and functions were read", async (client) =>
      (await client.query<{ name: string }>(readSql("mutate_owners.sql"))).rows.map(({ name }) => name),
    );
    const mutating = { plan, options, channel, covered, lent };
    const mutants = relationsOf(plan, options).flatMap((relation) =>
      mutantsOf(relation, plan.catalog.roles.filter(isPersonas(plan)), request.operators),
    );
    events.planned?.(mutants.length);
    const results: MutantResult[] = [];
    for (const mutant of mutants) {
      interrupted?.throwIfAborted();
      const result = await resultOf(mutant, mutating);
      events.mutant?.(result);
      results.push(result);
    }
    return {
      matrix: matrix.name,
      operators: request.operators,
      cells,
      passed,
      mutants: results,
      milliseconds: performance.now() - began,
    };
  } finally {
    await channel.close();
    await privileged.close();
  }
}

/** Refuses where nothing is written, and where others work unless that was asked for. @throws RowgateError `mutate/…` */
export function mayChange(
  target: Pick<Target, "name" | "posture" | "writes">,
  onSharedTarget: boolean,
): void {
  if (readsOnly(target))
    throw new RowgateError({
      code: "mutate/reads-only",
      message: `rowgate mutate changes policies, and ${target.name} takes no writes (${target.posture}).`,
      hint: "rowgate mutate --target embedded applies the same migrations to a database of its own",
    });
  if (postureRules[target.posture].shared && !onSharedTarget)
    throw new RowgateError({
      code: "mutate/shared-target",
      message: `rowgate mutate changes policies in transactions that it rolls back, and others work on ${target.name}: they wait for its locks.`,
      hint: "use --target embedded, or add --on-shared-target where nobody is disturbed",
    });
}

function nothingPassed({ matrix }: MutationRequest): RowgateError {
  return new RowgateError({
    code: "mutate/nothing-passed",
    message: `No cell of ${matrix.file} passed on the direct channel, and only a cell that passed can notice a change.`,
    hint: `prove the matrix first: rowgate run ${matrix.file}`,
  });
}

function isPersonas({ matrix }: PreflightedRun): (role: { readonly name: string }) => boolean {
  const names = new Set(matrix.personas.map(({ role }) => role));
  return ({ name }) => names.has(name);
}

/** Those that the matrix names, and those of its schemas that it does not: a change there is noticed by no cell. */
function relationsOf(
  { matrix, catalog, work }: PreflightedRun,
  { exposed }: CellOptions,
): readonly Mutant["after"][] {
  const named = new Set(work.map(({ relation }) => relation.info.oid));
  const schemas = new Set([...matrix.exposes, ...exposed, ...work.map(({ spec }) => spec.schema)]);
  return catalog.relations.filter(({ oid, schema }) => named.has(oid) || schemas.has(schema));
}

/** Every cell without any change, once. */
async function baseline({
  plan,
  options,
  channel,
  privileged,
}: Pick<Mutating, "plan" | "options" | "channel"> & { privileged: Control }): Promise<{
  covered: readonly Covered[];
  cells: number;
}> {
  const covered: Covered[] = [];
  let count = 0;
  const { personas } = plan.matrix;
  for (const work of [...plan.work, ...plan.functions]) {
    const visible: Visible =
      "routine" in work
        ? new Map()
        : await privileged.ask("while rows for candidates were read", (client) =>
            visibleRows(client, plan, work, personas),
          );
    const cells = cellsOf(plan, work, personas, options, visible).filter(isAsked);
    const verdicts = await verdictsOf(cells, channel);
    count += cells.length;
    covered.push({
      work,
      visible,
      passed: new Map(
        cells.flatMap((cell, index) =>
          verdicts[index]?.verdict === "pass" ? [[cell.id, cell] as const] : [],
        ),
      ),
    });
  }
  return { covered, cells: count };
}

function isAsked(cell: Cell): boolean {
  return cell.channels.includes("direct") && !isAssignment(cell);
}

interface Seen {
  readonly verdict: Verdict;
  readonly timedOut: boolean;
  readonly because: string;
}

async function verdictsOf(cells: readonly Cell[], channel: DirectChannel): Promise<readonly Seen[]> {
  const answers = await channel.probe(cells);
  return cells.map((cell, index) => {
    const seen = answers[index]?.observation ?? { kind: "skipped", reason: "not asked" };
    const { verdict, because } = judge(cell, seen, { channel: "direct", identityShown: true });
    return { verdict, because, timedOut: seen.kind === "failed" && seen.failure.kind === "timeout" };
  });
}

async function resultOf(mutant: Mutant, mutating: Mutating): Promise<MutantResult> {
  const { operator, relation, subject, from, to } = mutant;
  const described = { operator, relation, subject, from, to };
  return { ...described, asked: [], ...(await outcomeOf(mutant, mutating)) };
}

type Outcome = Pick<MutantResult, "state"> & Partial<Pick<MutantResult, "killedBy" | "because" | "asked">>;

async function outcomeOf(mutant: Mutant, mutating: Mutating): Promise<Outcome> {
  const { channel, plan } = mutating;
  if (mutant.unprintable !== undefined) return { state: "compile error", because: mutant.unprintable };
  const before = plan.catalog.relations.find(({ oid }) => oid === mutant.after.oid) ?? mutant.after;
  const because = equivalentBecause(before, mutant, mutating);
  if (because !== undefined) return { state: "ignored", because };
  const first = cellsOn(mutant, mutating);
  const others = cellsBehind(mutant, mutating);
  if (first.length === 0 && others.length === 0) return { state: "no coverage" };
  const refusal = await channel.refusalOf(mutant.ddl);
  if (refusal !== undefined) return { state: "compile error", because: refusal };
  let failed: Outcome | undefined;
  const changed = channel.under(mutant.ddl);
  for (const cells of [first, ...others].flatMap(likeliestFirst)) {
    const outcome = outcomeFor(cells, await verdictsOf(cells, changed));
    if (outcome?.state === "killed") return outcome;
    failed ??= outcome;
  }
  return failed ?? { state: "survived", asked: [first, ...others].flat().map(({ id }) => id) };
}

/** Reads cost least, and one read by each persona notices most changes; writes, row by row, cost most. */
function likeliestFirst(cells: readonly Cell[]): readonly (readonly Cell[])[] {
  const steps = [0, 1, 2, 3].map((step) => cells.filter((cell) => costOf(cell) === step));
  return steps.filter((step) => step.length > 0);
}

function costOf({ operation, column }: Cell): number {
  if (column !== undefined) return 2;
  const { reads, rowByRow } = operationInfo[operation];
  return reads ? 0 : rowByRow ? 3 : 1;
}

function equivalentBecause(
  before: Mutant["after"],
  mutant: Mutant,
  { plan, lent }: Mutating,
): string | undefined {
  const { roles } = plan.catalog;
  // Whom these inherit from is not known.
  if (lent.some((name) => name !== before.owner && !roles.some((role) => role.name === name)))
    return undefined;
  if (lent.includes(before.owner) && mutant.after.forceRls) return undefined;
  return equivalence(before, mutant, roles);
}

/** Only what is less or more than declared was noticed: what is unclear afterwards was not. */
const kills: ReadonlySet<Verdict> = new Set(["leak", "lockout", "diverged"]);

function outcomeFor(cells: readonly Cell[], verdicts: readonly Seen[]): Outcome | undefined {
  const at = verdicts.findIndex(({ verdict }) => kills.has(verdict));
  const [cell, seen] = [cells[at], verdicts[at]];
  if (cell !== undefined && seen !== undefined)
    return { state: "killed", killedBy: { cell: cell.id, verdict: seen.verdict }, because: seen.because };
  const late = verdicts.find(({ timedOut }) => timedOut);
  if (late !== undefined) return { state: "timeout", because: late.because };
  const error = verdicts.find(({ verdict }) => verdict === "error");
  return error && { state: "runtime error", because: error.because };
}

/** The relation's own cells that can see the change, planned as the catalogue would show the relation. */
function cellsOn({ after, command, roles }: Mutant, { plan, options, covered }: Mutating): readonly Cell[] {
  const own = covered.find(({ work }) => !("routine" in work) && work.relation.info.oid === after.oid);
  if (own === undefined || "routine" in own.work) return [];
  const changed = withInfo(own.work, after);
  return cellsOf(plan, changed, plan.matrix.personas, options, own.visible).filter(
    (cell) => own.passed.has(cell.id) && isFor(roles, cell.role) && maySee(cell, command),
  );
}

/** Where a relation is read by itself, its baseline query and its base table are the relation, too. */
function withInfo(work: RelationWork, info: Mutant["after"]): RelationWork {
  const { relation } = work;
  const put = <T extends Mutant["after"] | undefined>(one: T): T =>
    one?.oid === info.oid ? (info as T) : one;
  return {
    ...work,
    relation: { ...relation, info, baseline: put(relation.baseline), base: put(relation.base) },
  };
}

function maySee({ operation }: Cell, command: Mutant["command"]): boolean {
  return command === "all" || operationInfo[operation].policies.includes(command);
}

/** Cells of what reads the relation: views over it, policies that name it, and functions. Asked where its own noticed nothing. */
function cellsBehind({ after }: Mutant, { covered, plan }: Mutating): readonly (readonly Cell[])[] {
  const readers = readersOf(after, plan.catalog.relations);
  return covered
    .filter(
      ({ work, passed }) => passed.size > 0 && ("routine" in work || readers.has(work.relation.info.oid)),
    )
    .map(({ passed }) => [...passed.values()]);
}

/** By name: to ask one that reads another relation of that name costs time, and nothing else. */
function readersOf(relation: Mutant["after"], relations: readonly Mutant["after"][]): ReadonlySet<string> {
  const found = new Set<string>();
  const todo = [relation];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { name } = next;
    const full = formatQualified(next);
    for (const one of relations) {
      const reads =
        one.reads.some((read) => formatQualified(read) === full) ||
        one.policies.some((policy) => `${policy.using ?? ""} ${policy.check ?? ""}`.includes(name));
      if (!reads || found.has(one.oid) || one.oid === relation.oid) continue;
      found.add(one.oid);
      todo.push(one);
    }
  }
  return found;
}
