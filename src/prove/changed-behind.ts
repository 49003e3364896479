import type { FuncCall, Node } from "libpg-query";
import type { QualifiedName } from "../lib/sql-text.ts";
import { closersOf, openersOfRows } from "./analyse/openers.ts";
import { isTable } from "./analyse/opener-place.ts";
import type { ProofRelation } from "./analyse/schema.ts";
import { callOf } from "./analyse/tree.ts";
import type { Context } from "./context.ts";
import type { CallOf } from "./other-rows.ts";
import type { RowToPutIn } from "./put-in.ts";
import { changesOf, saidBy, statesIn } from "./states.ts";

/** What shows the rows: a view, or a call of a function. */
export type ShownBy = { readonly view: QualifiedName } | { readonly call: CallOf };

const changeLimit = 24;

/**
 * The rows that a view or a call shows, and the rows that its row set reads in other tables, in another state: a state that the row set asks
 * for, and the query does not, is shown by nothing else where all rows of the data are in it.
 */
export async function changesBehind(
  context: Context,
  predicate: string,
  shown: ShownBy,
): Promise<readonly RowToPutIn[]> {
  const { knowledge, space } = context;
  const { tree } = knowledge.declared(space.relation, predicate);
  if (tree === undefined) return [];
  const { query, of } = queryOf(context, shown);
  const said = saidBy(knowledge.schema, tree, query);
  const ways = of === undefined ? [] : openersOfRows(of, knowledge);
  const read = closersOf(tree, space.relation, knowledge).ways.flatMap(({ items }) =>
    items.map(({ relation }) => relation),
  );
  const changes = await Promise.all(
    [...new Set([space.relation, ...read])].filter(isTable).map(async (relation) => {
      const isState = await statesIn(context, relation, said);
      return changesOf(relation, said, isState, ways, []);
    }),
  );
  return changes
    .flat()
    .toSorted((a, b) => Object.keys(a.row).length - Object.keys(b.row).length)
    .slice(0, changeLimit)
    .map(({ sql, row }) => ({ setup: sql, witness: row, changes: true }));
}

function queryOf(
  { knowledge }: Context,
  shown: ShownBy,
): { readonly query: Node; readonly of: FuncCall | ProofRelation | undefined } {
  if ("view" in shown) {
    const { schema, name } = shown.view;
    return { query: { RangeVar: { relname: name } }, of: knowledge.schema.relation(schema, name) };
  }
  const call = callOf(shown.call, shown.call.values);
  return { query: call, of: call.FuncCall };
}
