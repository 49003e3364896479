import type { GateRequest, State } from "./state.ts";
import { openState } from "./state.ts";

/** Something that differs between two states: its text in a state. */
export type Signature = (key: string) => string;
/** Reads the signatures of some keys in a state. */
export type ReadSignatures = (state: State, keys: readonly string[]) => Promise<Signature>;

/**
 * The statement after which each key is as it is in the end: found by halving the statements. A key that changes several times is
 * put down to the last.
 * @param final signatures after all statements
 * @returns key → index of the statement
 */
export async function blame(
  request: GateRequest,
  keys: readonly string[],
  final: Signature,
  read: ReadSignatures,
  bare: ReadonlySet<string>,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  const search = async (some: readonly string[], low: number, high: number): Promise<void> => {
    if (some.length === 0) return;
    if (high - low === 1) {
      for (const key of some) found.set(key, low);
      return;
    }
    request.interrupted?.throwIfAborted();
    const middle = Math.floor((low + high) / 2);
    const state = await openState(request, middle, bare);
    const signature = await read(state, some).finally(() => state.close());
    const early = some.filter((key) => signature(key) === final(key));
    await search(early, low, middle);
    await search(
      some.filter((key) => !early.includes(key)),
      middle,
      high,
    );
  };
  await search(keys, 0, request.pending.length);
  return found;
}
