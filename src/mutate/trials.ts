import { perObject } from "../lib/recent.ts";
import { grouped } from "../lib/grouped.ts";
import type { Cell } from "../model/cell.ts";
import { type MutantResult, mutantStateInfo } from "../model/mutation.ts";
import { isFor } from "../model/operations.ts";
import type { DirectChannel } from "../probe/sql/channel.ts";
import type { PreflightedRun } from "../run/2-inspect.ts";
import type { ColumnTries } from "../run/assign-under.ts";
import { isProvable } from "../run/prove-under.ts";
import {
  cellsBehind,
  columnCells,
  type Coverage,
  type Covered,
  coveredOwn,
  coveredReaders,
  isLent,
  ownCells,
  plannedUnder,
} from "./cells.ts";
import { equivalence } from "./equivalent.ts";
import type { Mutant } from "./mutant.ts";
import { isFinal, type Outcome, outcomeOf, seenAs, underInfo } from "./outcome.ts";
import { inPlaces } from "../lib/limiter.ts";
import type { MutantProofs } from "./proof.ts";
import { screen, type Trial } from "./screen.ts";
import { suggestionFor } from "./suggest.ts";
import { isLeftOut, type Transcripts } from "./transcripts.ts";
import { unusable } from "./unseen.ts";
import { mayDiffer } from "./visible.ts";

export interface Mutating extends Coverage {
  readonly plan: PreflightedRun;
  readonly transcripts: Transcripts;
  readonly interrupted?: AbortSignal | undefined;
}

/** A database in which changes are tried: the target's, or a copy of it. */
export interface Place {
  readonly channel: DirectChannel;
  readonly proofs: MutantProofs;
  readonly columns: ColumnTries;
}

/** A mutant on its way to a state. */
interface Pending {
  readonly mutant: Mutant;
  readonly own: readonly Cell[];
  readonly readers: readonly Covered[];
  /** Of `columns: { fixed, free }`. */
  readonly columns: readonly Cell[];
  readonly asked: Set<string>;
  /** Personas whose SELECT of the relation was answered as without the change. */
  readonly unmoved: Set<string>;
  /** What it is if no cell says otherwise: the same rows are permitted, by another clause. */
  readonly ignored: Outcome | undefined;
  outcome?: Outcome | undefined;
  unknown: boolean;
}

export interface Trials {
  readonly results: readonly MutantResult[];
  /** Milliseconds in which changes were tried, and in which those that no cell noticed were looked at. */
  readonly changes: number;
  readonly evidence: number;
}

/** Many at a time: cells of the relation itself first, then those of what reads it, and last what must be asked by itself. */
export async function tryAll(
  mutants: readonly Mutant[],
  mutating: Mutating,
  places: readonly Place[],
): Promise<Trials> {
  const began = performance.now();
  const looked = new Map<Mutant, Pending>();
  await inPlaces(places, pieces(mutants, mutating, looked, places.length), async (piece, place) => {
    await tryTogether(piece, mutating, place);
  });
  const pending = mutants.flatMap((mutant) => looked.get(mutant) ?? []);
  const tried = performance.now();
  await inPlaces(places, pending.filter(isOpen), async (one, { proofs }) => {
    one.outcome ??= one.ignored ?? (await proved(one, mutating, proofs));
  });
  return {
    results: pending.map((one) => resultOf(one, mutating)),
    changes: tried - began,
    evidence: performance.now() - tried,
  };
}

async function tryTogether(
  piece: readonly Pending[],
  mutating: Mutating,
  { channel, columns }: Place,
): Promise<void> {
  const together = piece.filter(isTogether);
  await screened(together, ({ own }) => own, mutating, channel);
  for (const one of mutating.covered) {
    const readers = together.filter((each) => !isFinal(each.outcome) && each.readers.includes(one));
    await screened(readers, ({ mutant }) => cellsBehind(one, mutant, mutating), mutating, channel);
  }
  for (const one of piece) {
    if (isOpen(one)) await askAlone(one, mutating, channel);
    if (isOpen(one)) await askColumns(one, columns);
  }
}

function isTogether({ mutant }: Pending): boolean {
  return mutant.everywhere !== true;
}

/** One statement carries so many changes, and for less than the first of these a statement is not worth it. */
const pieceOf = { atLeast: 4, atMost: 32 };
/** A piece is at most this part of what a place has to do still, so that none is left with much at the end. */
const partOfPlace = 4;

/** Changes of the same relation, the most work first: looked at when a place is free for them, while the servers work in the others. */
function* pieces(
  mutants: readonly Mutant[],
  mutating: Mutating,
  looked: Map<Mutant, Pending>,
  places: number,
): Generator<readonly Pending[]> {
  let left = mutants.length;
  const groups = [...grouped(mutants, ({ after }) => after.oid).values()];
  for (const same of groups.toSorted((a, b) => workOf(b, mutating) - workOf(a, mutating))) {
    let piece: Pending[] = [];
    for (const mutant of same) {
      const one = pendingOf(mutant, mutating);
      looked.set(mutant, one);
      left -= 1;
      if (isOpen(one)) piece.push(one);
      if (piece.length < sizeOfPiece(left / places)) continue;
      yield piece;
      piece = [];
    }
    if (piece.length > 0) yield piece;
  }
}

function sizeOfPiece(left: number): number {
  return Math.min(pieceOf.atMost, Math.max(pieceOf.atLeast, Math.floor(left / partOfPlace)));
}

/** In cells that may have to be asked. */
function workOf(mutants: readonly Mutant[], { covered }: Mutating): number {
  const [first] = mutants;
  return mutants.length * (first === undefined ? 0 : (coveredOwn(first, { covered })?.passed.size ?? 0));
}

function resultOf(one: Pending, mutating: Mutating): MutantResult {
  const { mutant, outcome, asked } = one;
  const { operator, relation, subject, from, to } = mutant;
  const survived = { state: "survived", asked: [...asked] } as const;
  const result = { operator, relation, subject, from, to, asked: [], ...(outcome ?? survived) };
  const isUndetected = mutantStateInfo[result.state].score === "undetected";
  return isUndetected && mutant.unseen === undefined
    ? { ...result, add: suggestionFor(mutant, ownPlanned(one, mutating), mutating.plan, mutating.covered) }
    : result;
}

function pendingOf(mutant: Mutant, mutating: Mutating): Pending {
  const unknown = mutant.everywhere === true;
  const pending: Pending = {
    mutant,
    own: [],
    readers: [],
    columns: [],
    asked: new Set(),
    unmoved: new Set(),
    ignored: undefined,
    unknown,
  };
  if (mutant.unprintable !== undefined)
    return { ...pending, outcome: { state: "compile error", because: mutant.unprintable } };
  const same = equivalent(mutant, mutating);
  if (same !== undefined) return { ...pending, outcome: same };
  if (mutant.unseen !== undefined)
    return { ...pending, outcome: { state: "no coverage", because: mutant.unseen } };
  const own = ownCells(mutant, mutating);
  const readers = coveredReaders(mutant, mutating);
  const columns = columnCells(mutant, mutating);
  const outcome: Outcome | undefined =
    own.length + readers.length + columns.length === 0 ? { state: "no coverage" } : undefined;
  const ignored = equivalent(mutant, mutating, true);
  return { ...pending, own, readers, columns: ignored === undefined ? columns : [], ignored, outcome };
}

/** A privilege decides which statements a cell is made of; a policy, in which order values are tried. */
function ownPlanned({ mutant, own }: Pending, mutating: Mutating): readonly Cell[] {
  return typeof mutant.alters === "string" ? plannedUnder(mutant, mutating)(own) : own;
}

/** Where the same rows are permitted, only a cell that says which clause refuses can notice. */
function saysMore({ ignored }: Pending): (cell: Cell) => boolean {
  return ({ expectation }) =>
    ignored === undefined || (expectation.kind === "deny" && expectation.reason !== undefined);
}

/** What no row at hand shows, rows that could be there may. */
async function proved(one: Pending, mutating: Mutating, proofs: MutantProofs): Promise<Outcome | undefined> {
  const { mutant } = one;
  const own = ownPlanned(one, mutating);
  const { plan } = mutating;
  const before = plan.catalog.relations.find(({ oid }) => oid === mutant.after.oid) ?? mutant.after;
  const all = plan.matrix.personas.every(
    ({ name, role }) => !isAbout(mutant, role, plan) || covers(own, name),
  );
  // A policy says nothing of what a privilege more lets a role write.
  const mayIgnore = typeof mutant.alters !== "string" && all && !isLent(before, mutant, mutating);
  const compared = { before, after: mutant.after, bodies: mutating.bodies };
  return await proofs.outcomeOf(mutant, compared, own, mayIgnore);
}

function isAbout({ roles }: Mutant, role: string, { catalog }: PreflightedRun): boolean {
  const known = catalog.roles.find(({ name }) => name === role);
  return known === undefined || isFor(roles, known);
}

function covers(cells: readonly Cell[], persona: string): boolean {
  return cells.some((cell) => cell.persona.name === persona && isProvable(cell));
}

/** A cell that errs or is late does not end the search for one that notices. */
function isOpen({ outcome }: Pending): boolean {
  return outcome === undefined || outcome.state === "runtime error" || outcome.state === "timeout";
}

async function screened(
  pending: readonly Pending[],
  cellsFor: (one: Pending) => readonly Cell[],
  mutating: Mutating,
  channel: DirectChannel,
): Promise<void> {
  const { transcripts, interrupted } = mutating;
  const all = pending.map((one) => cellsFor(one).filter(saysMore(one)));
  const trials = pending.map(({ mutant, unmoved }, index): Trial => {
    const differs = mayDiffer(mutant, mutating, unmoved);
    const onSame = (cell: Cell): void => {
      if (isReadOf(mutant, cell)) unmoved.add(cell.persona.name);
    };
    const cells = (all[index] ?? []).filter((cell) => differs(cell));
    return { mutant, cells, planned: plannedOne(mutant, mutating), onSame, mayDiffer: differs };
  });
  const results = await screen(trials, { channel, transcripts, interrupted });
  for (const [index, one] of pending.entries()) {
    const { result, differing = new Set() } = results[index] ?? {};
    for (const { id } of all[index] ?? []) one.asked.add(id);
    if (result === "unknown") one.unknown = true;
    else if (result !== undefined && (one.outcome === undefined || isFinal(result))) one.outcome = result;
    if (result !== undefined) continue;
    for (const cell of all[index] ?? [])
      if (isReadOf(one.mutant, cell) && !differing.has(cell.id)) one.unmoved.add(cell.persona.name);
  }
}

function plannedOne(mutant: Mutant, mutating: Mutating): (cell: Cell) => Cell {
  if (typeof mutant.alters !== "string") return (cell) => cell;
  const planned = plannedUnder(mutant, mutating);
  return perObject((cell) => (isOf(mutant, cell) ? (planned([cell])[0] ?? cell) : cell));
}

function isOf({ after }: Mutant, { relation }: Cell): boolean {
  return relation.info.oid === after.oid;
}

function isReadOf({ after }: Mutant, { operation, column, relation }: Cell): boolean {
  return operation === "select" && column === undefined && relation.info.oid === after.oid;
}

/** What a batch of mutants leaves out: cells that the change would have planned otherwise, and other states of a session. */
async function askAlone(one: Pending, mutating: Mutating, channel: DirectChannel): Promise<void> {
  const { mutant, unknown, readers } = one;
  const { transcripts, interrupted } = mutating;
  interrupted?.throwIfAborted();
  const differs = mayDiffer(mutant, mutating, one.unmoved);
  const worth = (cells: readonly Cell[]): readonly Cell[] =>
    cells.filter(saysMore(one)).filter((cell) => differs(cell));
  const all = [
    plannedUnder(mutant, mutating)(worth(one.own)),
    ...readers.map((reader) => worth(cellsBehind(reader, mutant, mutating))),
  ];
  const changed = channel.under(mutant.ddl, mutant.everywhere !== true, true);
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

/** What the run tries with columns, tried again with the change. */
async function askColumns(one: Pending, tries: ColumnTries): Promise<void> {
  const { mutant, columns } = one;
  if (columns.length === 0) return;
  const seen = await tries.observe(
    columns.map((cell) => underInfo(cell, mutant)),
    mutant.ddl,
  );
  for (const { id } of columns) one.asked.add(id);
  const verdicts = columns.map((cell, index) =>
    seenAs(cell, seen[index] ?? { kind: "skipped", reason: "not asked" }, mutant),
  );
  const outcome = outcomeOf(columns, verdicts);
  if (outcome !== undefined && (one.outcome === undefined || isFinal(outcome))) one.outcome = outcome;
}

/** `survived`: where no cell notices it. */
function equivalent(mutant: Mutant, mutating: Mutating, survived = false): Outcome | undefined {
  const { plan, texts, bodies } = mutating;
  const { roles, relations } = plan.catalog;
  const before = relations.find(({ oid }) => oid === mutant.after.oid) ?? mutant.after;
  const because =
    mutant.equivalent ??
    unusable(mutant, plan.catalog, texts) ??
    (isLent(before, mutant, mutating) ? undefined : equivalence(before, mutant, roles, survived, bodies));
  return because === undefined ? undefined : { state: "ignored", because };
}
