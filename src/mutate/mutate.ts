import type { Cell } from "../model/cell.ts";
import { addressOf, postureRules, readsOnly } from "../model/posture.ts";
import type { Target } from "../model/target.ts";
import { RowgateError } from "../model/errors.ts";
import {
  type MutationRecord,
  type MutantResult,
  mutantStateInfo,
  type OperatorSet,
  type PassedCell,
} from "../model/mutation.ts";
import { isFor } from "../model/operations.ts";
import { grouped } from "../lib/grouped.ts";
import { loadParser } from "../lib/sql-tree.ts";
import { readSql } from "../lib/sql-file.ts";
import { now } from "../lib/clock.ts";
import { signIn, type SignInRequest } from "../persona/sign-in.ts";
import { channelsOf } from "../plan/channels.ts";
import { filterOf } from "../plan/filters.ts";
import type { CellOptions } from "../plan/plan.ts";
import type { RunFilters } from "../model/run.ts";
import { Control } from "../probe/sql/baseline.ts";
import { sessionRules } from "../probe/sessions.ts";
import { type DirectChannel, openDirectChannel } from "../probe/sql/channel.ts";
import type { PreflightedRun } from "../run/2-inspect.ts";
import { gatewayOf } from "../run/request.ts";
import { askBaseline } from "./baseline.ts";
import { cellsBehind, type Coverage, type Covered, coveredReaders, ownCells } from "./cells.ts";
import { equivalence, unusable } from "./equivalent.ts";
import { isProvable } from "../run/prove-under.ts";
import { functionMutants, memberMutants, readFunctions } from "./functions.ts";
import type { Mutant } from "./mutant.ts";
import { mutantsOf } from "./operators.ts";
import { MutantProofs } from "./proof.ts";
import { isFinal, type Outcome, outcomeOf, seenAs } from "./outcome.ts";
import { readTexts } from "./readers.ts";
import { isLeftOut, screen, type Transcripts } from "./screen.ts";
import { sourcesOf } from "./source.ts";
import { suggestionFor } from "./suggest.ts";

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

interface Mutating extends Coverage {
  readonly plan: PreflightedRun;
  readonly channel: DirectChannel;
  readonly transcripts: Transcripts;
  readonly proofs: MutantProofs;
  readonly interrupted?: AbortSignal | undefined;
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
  const channel = await openDirectChannel({ target, sessions, home, hashed: true });
  try {
    const start = performance.now();
    const { covered, cells, transcripts } = await askBaseline({ plan, options, channel, privileged });
    const asked = performance.now();
    const passed = covered.reduce((sum, one) => sum + one.passed.size, 0);
    if (passed === 0) throw nothingPassed(request);
    const lent = await privileged.ask("while owners of views and functions were read", async (client) =>
      (await client.query<{ name: string }>(readSql("mutate_owners.sql"))).rows.map(({ name }) => name),
    );
    const texts = await privileged.ask("while functions and views were read", readTexts);
    const proofs = new MutantProofs({ target, matrix }, sessions);
    const mutating = { plan, options, channel, covered, transcripts, proofs, lent, texts, interrupted };
    const relations = relationsOf(plan, options);
    const roles = plan.catalog.roles.filter(isPersonas(plan));
    const functions = await privileged.ask("while functions of policies were read", (client) =>
      readFunctions(
        client,
        plan.functions.map(({ routine }) => routine.oid),
      ),
    );
    const mutants = [
      ...relations.flatMap((relation) => mutantsOf(relation, roles, request.operators)),
      ...(request.operators === "selective"
        ? []
        : [...functionMutants(functions, roles), ...memberMutants(roles, plan.catalog)]),
    ];
    events.planned?.(mutants.length);
    const tried = performance.now();
    const results = await resultsOf(mutants, mutating);
    const ended = performance.now();
    const evidence = proofs.milliseconds;
    return {
      matrix: matrix.name,
      file: matrix.file,
      operators: request.operators,
      cells,
      passed,
      tests: covered.flatMap((one) => [...one.passed.values()].map(passedCell)),
      relations: sourcesOf(relations, functions, mutants),
      mutants: results,
      milliseconds: ended - began,
      phases: { baseline: asked - start, changes: ended - tried - evidence, evidence },
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
      hint: "rowgate mutate --target embedded applies the same migrations to a separate database",
    });
  if (postureRules[target.posture].shared && !onSharedTarget)
    throw new RowgateError({
      code: "mutate/shared-target",
      message: `rowgate mutate changes policies in transactions that it rolls back, and others work on ${target.name}: they wait for its locks.`,
      hint: "use --target embedded, or add --on-shared-target if the disturbance is acceptable",
    });
}

function passedCell({ id, at }: Cell): PassedCell {
  return { id, line: at.line, column: at.column };
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

/** A mutant on its way to a state. */
interface Pending {
  readonly mutant: Mutant;
  readonly own: readonly Cell[];
  readonly readers: readonly Covered[];
  readonly asked: Set<string>;
  outcome?: Outcome | undefined;
  unknown: boolean;
}

/** Many at a time: cells of the relation itself first, then those of what reads it, and last what must be asked by itself. */
async function resultsOf(mutants: readonly Mutant[], mutating: Mutating): Promise<readonly MutantResult[]> {
  const pending = mutants.map((mutant) => pendingOf(mutant, mutating));
  const isOpen = ({ outcome }: Pending): boolean => outcome === undefined || isOpenState(outcome);
  const together = pending.filter(({ mutant }) => mutant.everywhere !== true);
  for (const same of grouped(together.filter(isOpen), ({ mutant }) => mutant.after.oid).values())
    await screened(same, ({ own }) => own, mutating);
  for (const one of mutating.covered) {
    const readers = together.filter((each) => isOpen(each) && each.readers.includes(one));
    await screened(readers, ({ mutant }) => cellsBehind(one, mutant, mutating), mutating);
  }
  for (const one of pending.filter(isOpen)) {
    await askAlone(one, mutating);
    if (one.outcome !== undefined) continue;
    const because = equivalentBecause(one.mutant, mutating, true);
    one.outcome = because === undefined ? await proved(one, mutating) : { state: "ignored", because };
  }
  return pending.map(({ mutant, outcome, asked, own }): MutantResult => {
    const { operator, relation, subject, from, to } = mutant;
    const survived = { state: "survived", asked: [...asked] } as const;
    const result = { operator, relation, subject, from, to, asked: [], ...(outcome ?? survived) };
    const isUndetected = mutantStateInfo[result.state].score === "undetected";
    return isUndetected ? { ...result, add: suggestionFor(mutant, own, mutating.plan) } : result;
  });
}

function pendingOf(mutant: Mutant, mutating: Mutating): Pending {
  const unknown = mutant.everywhere === true;
  const pending = { mutant, own: [], readers: [], asked: new Set<string>(), unknown };
  if (mutant.unprintable !== undefined)
    return { ...pending, outcome: { state: "compile error", because: mutant.unprintable } };
  const because = equivalentBecause(mutant, mutating);
  if (because !== undefined) return { ...pending, outcome: { state: "ignored", because } };
  const own = ownCells(mutant, mutating, typeof mutant.alters === "string" ? "after" : "before");
  const readers = coveredReaders(mutant, mutating);
  const outcome: Outcome | undefined =
    own.length === 0 && readers.length === 0 ? { state: "no coverage" } : undefined;
  return { ...pending, own, readers, outcome };
}

/** What no row at hand shows, rows that could be there may. */
async function proved({ mutant, own }: Pending, mutating: Mutating): Promise<Outcome | undefined> {
  const { proofs, plan } = mutating;
  const before = plan.catalog.relations.find(({ oid }) => oid === mutant.after.oid) ?? mutant.after;
  const all = plan.matrix.personas.every(
    ({ name, role }) => !isAbout(mutant, role, plan) || covers(own, name),
  );
  // A policy says nothing of what a privilege more lets a role write.
  const mayIgnore = typeof mutant.alters !== "string" && all && !isLent(before, mutant, mutating);
  return await proofs.outcomeOf(mutant, before, own, mayIgnore);
}

function isAbout({ roles }: Mutant, role: string, { catalog }: PreflightedRun): boolean {
  const known = catalog.roles.find(({ name }) => name === role);
  return known === undefined || isFor(roles, known);
}

function covers(cells: readonly Cell[], persona: string): boolean {
  return cells.some((cell) => cell.persona.name === persona && isProvable(cell));
}

/** A cell that errs or is late does not end the search for one that notices. */
function isOpenState({ state }: Outcome): boolean {
  return state === "runtime error" || state === "timeout";
}

async function screened(
  pending: readonly Pending[],
  cellsFor: (one: Pending) => readonly Cell[],
  { channel, transcripts, interrupted }: Mutating,
): Promise<void> {
  const trials = pending.map((one) => ({ mutant: one.mutant, cells: cellsFor(one) }));
  const results = await screen(trials, { channel, transcripts, interrupted });
  for (const [index, one] of pending.entries()) {
    const result = results[index];
    for (const { id } of trials[index]?.cells ?? []) one.asked.add(id);
    if (result === "unknown") one.unknown = true;
    else if (result !== undefined && (one.outcome === undefined || isFinal(result))) one.outcome = result;
  }
}

/** What a batch of mutants leaves out: cells that the change would have planned otherwise, and other states of a session. */
async function askAlone(one: Pending, mutating: Mutating): Promise<void> {
  const { mutant, unknown, readers } = one;
  const { channel, transcripts, interrupted } = mutating;
  interrupted?.throwIfAborted();
  const own = ownCells(mutant, mutating, "after");
  const all = [own, ...readers.map((reader) => cellsBehind(reader, mutant, mutating))];
  const changed = channel.under(mutant.ddl, mutant.everywhere !== true);
  for (const cells of all) {
    const left = unknown ? cells : cells.filter((cell) => isLeftOut(cell, { channel, transcripts }));
    if (left.length === 0) continue;
    for (const { id } of left) one.asked.add(id);
    const answers = await changed.probe(left);
    const seen = left.map((cell, index) =>
      seenAs(cell, answers[index]?.observation ?? { kind: "skipped", reason: "not asked" }, mutant),
    );
    const outcome = outcomeOf(left, seen);
    if (outcome !== undefined && (one.outcome === undefined || isFinal(outcome))) one.outcome = outcome;
    if (isFinal(one.outcome)) return;
  }
}

function equivalentBecause(mutant: Mutant, mutating: Mutating, survived = false): string | undefined {
  const { plan, texts } = mutating;
  const useless = unusable(mutant, plan.catalog, texts);
  if (useless !== undefined) return useless;
  const { roles, relations } = plan.catalog;
  const before = relations.find(({ oid }) => oid === mutant.after.oid) ?? mutant.after;
  return isLent(before, mutant, mutating) ? undefined : equivalence(before, mutant, roles, survived);
}

/** Views and functions may show what policies let through to a role that is no persona's; whom that inherits from is not known. */
function isLent(before: Mutant["after"], { after }: Mutant, { lent, plan }: Mutating): boolean {
  const { roles } = plan.catalog;
  const others = lent.some((name) => name !== before.owner && !roles.some((role) => role.name === name));
  return others || (lent.includes(before.owner) && after.forceRls);
}
