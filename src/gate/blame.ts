import type { Measures } from "./measure.ts";
import type { Proofs } from "./proofs.ts";
import { type GateRequest, openState, type State } from "./state.ts";

/** Something that differs between the first state and the last. */
export interface Difference {
  /** The cell that shows it; none is probed for the others. */
  readonly cell?: string | undefined;
  /** The proof for all rows shows it. */
  readonly byProof?: true | undefined;
  /** What of a state it is about. */
  readonly facet: (seen: Seen) => unknown;
}

export interface Seen {
  readonly state: State;
  readonly measures: Measures;
  readonly proofs: Proofs;
}

/**
 * The statement after which each difference is as it is in the end: found by halving the statements. Of what changes
 * several times, one such statement is found.
 * @param last after all statements
 * @param ask asks about the cells of these differences in a state
 */
export async function blame<D extends Difference>(
  request: GateRequest,
  differences: readonly D[],
  last: Seen,
  ask: (state: State, differences: readonly D[]) => Promise<Omit<Seen, "state">>,
  bare: ReadonlySet<string>,
): Promise<ReadonlyMap<D, number>> {
  const found = new Map<D, number>();
  const final = new Map(differences.map((one) => [one, signature(one, last)]));
  const search = async (some: readonly D[], low: number, high: number): Promise<void> => {
    if (some.length === 0) return;
    if (high - low === 1) {
      for (const one of some) found.set(one, low);
      return;
    }
    request.interrupted?.throwIfAborted();
    const middle = Math.floor((low + high) / 2);
    const state = await openState(request, middle, bare);
    const seen = await ask(state, some).finally(() => state.close());
    const isFinal = (one: D): boolean => signature(one, { state, ...seen }) === final.get(one);
    const early = new Set(some.filter(isFinal));
    await search([...early], low, middle);
    await search(
      some.filter((one) => !early.has(one)),
      middle,
      high,
    );
  };
  await search(differences, 0, request.pending.length);
  return found;
}

function signature({ facet }: Difference, seen: Seen): string {
  return JSON.stringify(facet(seen)) ?? "";
}
