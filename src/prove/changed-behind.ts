import type { FuncCall, Node } from "libpg-query";
import type { QualifiedName } from "../lib/sql-text.ts";
import { closersOf, type Opener, openersOfRows } from "./analyse/openers.ts";
import { isAbsence } from "./analyse/denied.ts";
import { isTable } from "./analyse/opener-place.ts";
import type { ProofRelation } from "./analyse/schema.ts";
import { callOf } from "./analyse/tree.ts";
import { evaluate } from "./ask/evaluate.ts";
import { changedRows } from "./changed-rows.ts";
import { tryOf } from "./closed-sets.ts";
import type { Context } from "./context.ts";
import type { CallOf } from "./other-rows.ts";
import type { RowToPutIn } from "./put-in.ts";
import { standingRows } from "./show/rows.ts";
import { changesOf, deletionOf, saidBy, statesIn } from "./states.ts";

/** What shows the rows: a view, or a call of a function. */
export type ShownBy = { readonly view: QualifiedName } | { readonly call: CallOf };

const changeLimit = 24;
const closerLimit = 6;

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
  const closers = closersOf(tree, space.relation, knowledge).ways.filter(({ items }) => items.length > 0);
  const read = closers.flatMap(({ items }) => items.map(({ relation }) => relation));
  const opened = await Promise.all(ways.map((way) => openedBy(context, way)));
  const changes = await Promise.all(
    [...new Set([space.relation, ...read])].filter(isTable).map(async (relation) => {
      const isState = await statesIn(context, relation, said);
      return changesOf(relation, said, isState, ways, []);
    }),
  );
  const states = changes
    .flat()
    .toSorted((a, b) => Object.keys(a.row).length - Object.keys(b.row).length)
    .map(({ sql, row }): RowToPutIn => ({ setup: sql, witness: row, changes: true }));
  const taken = await takenAway(context, predicate, closers);
  return [...opened.flat(), ...taken, ...states].slice(0, changeLimit);
}

/** Rows of other tables with which the row set may no longer hold of a row that is there. */
async function takenAway(
  context: Context,
  predicate: string,
  closers: readonly Opener[],
): Promise<readonly RowToPutIn[]> {
  if (closers.length === 0) return [];
  const { full, session, space } = context;
  const rows = (await standingRows(space)).map(({ row }) => row);
  const { alias, text } = context.knowledge.declared(space.relation, predicate);
  const asked = { relation: space.relation, as: full, alias, texts: [text] };
  const truths = await evaluate(
    session,
    asked,
    rows.map((row) => ({ row })),
  );
  const row = rows.find((_, index) => truths[index] === "T");
  if (row === undefined) return [];
  const tries = await Promise.all(
    closers.slice(0, closerLimit).map((one) => tryOf(context, one, { row, place: undefined })),
  );
  return tries.map((one) => ({
    setup: one.rows.map(({ sql }) => sql).join("; "),
    witness: one.rows[0]?.row ?? {},
    changes: true,
  }));
}

/** Rows of other tables that are there, changed to what a way through the query asks of them, or gone where it asks that they are not there. */
async function openedBy(context: Context, way: Opener): Promise<readonly RowToPutIn[]> {
  const { knowledge, space } = context;
  const gone = way.unmet.flatMap(({ node }) =>
    isAbsence(node)
      ? [...knowledge.schema.relations].filter((one) => isTable(one) && isReadBy(context, node, one))
      : [],
  );
  const others = way.items.filter(({ relation }) => relation !== space.relation);
  const [made] = others.length === 0 ? [] : await changedRows(context, { ...way, items: others }, {});
  return [
    ...gone.map((one) => ({ setup: deletionOf(one), witness: {}, changes: true })),
    ...(made === undefined
      ? []
      : [
          {
            setup: made.rows.map(({ sql }) => sql).join("; "),
            witness: made.rows[0]?.row ?? {},
            changes: true,
          },
        ]),
  ];
}

function isReadBy({ knowledge }: Context, node: Node, { schema, name }: ProofRelation): boolean {
  return knowledge.reaches.of(node).relations.has(`${schema}.${name}`);
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
