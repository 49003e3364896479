import type { ProofAnswer as Answer, RestsOn } from "../model/proof.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Context } from "./context.ts";
import type { Proved } from "./variants.ts";

/**
 * A search for what would open the policies with other rows in other tables, or with other tokens: of one persona once for all operations
 * with the same conditions. What one persona's search does not find another's may: its own rows are where it starts.
 */
export function searched(
  { session, as, full, space: { relation, fixed }, raises }: Context,
  { policy, declared, both, storable }: Proved,
  rests: RestsOn,
  /** Of what there is to search. */
  how: unknown,
  find: () => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  const sides = [policy, declared].map(({ alias, text }) => [alias, text]);
  const what = [formatQualified(relation), [...fixed], sides, both, storable, raises, rests, how];
  return session.once([as, full], `search ${JSON.stringify(what)}`, find);
}
