import type { Accepted, ShownBy } from "./compare.ts";
import type { Measures } from "./measure.ts";
import type { Proofs } from "./proofs.ts";
import { onItsOwn, type PendingStatement } from "./migrations.ts";
import { type GateRequest, openState, type State } from "./state.ts";

/** Something that differs between the first state and the last. */
export interface Difference {
  /** The cell that shows it; none is probed for the others. */
  readonly cell?: string | undefined;
  readonly shownBy?: ShownBy | undefined;
  /** What of a state it is about. */
  readonly facet: (seen: Seen) => unknown;
}

export interface Seen {
  readonly state: State;
  readonly measures: Measures;
  readonly proofs: Proofs;
  /** By the key of a cell. */
  readonly accepted: ReadonlyMap<string, Accepted>;
}

/** The statement behind a difference, by its index. */
export interface Guilty {
  readonly statement: number;
  /** What put in the rows that show it, where another statement opened them: `statement`. */
  readonly filledBy?: number | undefined;
}

/**
 * The statement after which each difference is as it is in the end: found by halving the statements. Of what changes
 * several times, one such statement is found. Where it only writes rows, the statement is searched that opens these rows: in states
 * that are given all rows which the migrations write later, as far as they have room for them.
 * @param last after all statements
 * @param ask asks about the cells of these differences in a state
 */
export async function blame<D extends Difference>(
  request: GateRequest,
  differences: readonly D[],
  last: Seen,
  ask: (state: State, differences: readonly D[]) => Promise<Omit<Seen, "state">>,
  bare: ReadonlySet<string>,
): Promise<ReadonlyMap<D, Guilty>> {
  const { pending } = request;
  const final = new Map(differences.map((one) => [one, signature(one, last)]));
  /** Which of them are as they are in the end, after `count` statements. */
  const asInTheEnd = async (some: readonly D[], count: number, early: Early): Promise<ReadonlySet<D>> => {
    request.interrupted?.throwIfAborted();
    const state = await openState(request, count, bare, early(count));
    const seen = await ask(state, some).finally(() => state.close());
    return new Set(some.filter((one) => signature(one, { state, ...seen }) === final.get(one)));
  };
  const search = async (some: readonly D[], low: number, high: number, early: Early): Promise<Found<D>> => {
    if (some.length === 0) return [];
    if (high - low === 1) return some.map((one) => [one, low]);
    const middle = Math.floor((low + high) / 2);
    const there = await asInTheEnd(some, middle, early);
    const rest = some.filter((one) => !there.has(one));
    return [...(await search([...there], low, middle, early)), ...(await search(rest, middle, high, early))];
  };
  const found = new Map(await search(differences, 0, pending.length, () => []));
  const shownByRows = differences.filter(
    (one) => one.cell !== undefined && pending[found.get(one) ?? 0]?.writesRows === true,
  );
  const rowsEarly: Early = (count) =>
    pending
      .slice(count)
      .filter((one) => one.writesRows)
      .map(onItsOwn);
  // Rows alone can be behind it: a membership opens what policies say of members.
  const byRows = shownByRows.length === 0 ? new Set<D>() : await asInTheEnd(shownByRows, 0, rowsEarly);
  const opened = shownByRows.filter((one) => !byRows.has(one));
  const opening = new Map(await search(opened, 0, pending.length, rowsEarly));
  return new Map(
    [...found].map(([one, by]) => {
      const statement = opening.get(one) ?? by;
      return [one, statement === by ? { statement } : { statement, filledBy: by }];
    }),
  );
}

type Found<D> = readonly (readonly [D, number])[];
/** Of the statements after the first ones, those that a state is given before their time. */
type Early = (count: number) => readonly PendingStatement[];

function signature({ facet }: Difference, seen: Seen): string {
  return JSON.stringify(facet(seen)) ?? "";
}
