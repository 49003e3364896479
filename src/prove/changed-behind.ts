import type { Node } from "libpg-query";
import type { QualifiedName } from "../lib/sql-text.ts";
import { closersOf } from "./analyse/openers.ts";
import { isTable } from "./analyse/opener-place.ts";
import { callOf } from "./analyse/tree.ts";
import type { Context } from "./context.ts";
import type { CallOf } from "./other-rows.ts";
import type { RowToPutIn } from "./put-in.ts";
import { changeTo, saidBy, stateValues, statesIn } from "./states.ts";

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
  const query: Node =
    "view" in shown ? { RangeVar: { relname: shown.view.name } } : callOf(shown.call, shown.call.values);
  const said = saidBy(knowledge.schema, tree, query);
  const read = closersOf(tree, space.relation, knowledge).ways.flatMap(({ items }) =>
    items.map(({ relation }) => relation),
  );
  const changes = await Promise.all(
    [...new Set([space.relation, ...read])].filter(isTable).map(async (relation) => {
      const isState = await statesIn(context, relation, said);
      return relation.columns
        .filter(({ name }) => said.columns.has(name))
        .flatMap((column) =>
          stateValues(column, said, isState(column)).map((value) => changeTo(relation, column, value, [])),
        );
    }),
  );
  return changes
    .flat()
    .slice(0, changeLimit)
    .map(({ sql, row }) => ({ setup: sql, witness: row, changes: true }));
}
