import type { Node, SelectStmt } from "libpg-query";
import { bodyFor, isTable, type Place, viewQuery } from "./opener-place.ts";
import { type Item, joinedWays, nothing, type Rows, type Way } from "./ties.ts";
import { fromItemName, part } from "./tree.ts";
import { queryName } from "./way-parts.ts";

/** A row of a query, and what it comes from. */
type FirstRow = (select: SelectStmt | undefined, place: Place) => Rows | undefined;

/** Rows for the items of FROM, whose names are put into the scope, and what joins ask of them. */
export function fromItems(
  from: readonly Node[],
  place: Place,
  firstRow: FirstRow,
  scope: Map<string, Item | Rows>,
): { readonly way: Way; readonly quals: readonly Node[] } {
  let way = nothing;
  const quals: Node[] = [];
  const add = (node: Node): void => {
    const join = part(node, "JoinExpr");
    if (join?.larg !== undefined && join.rarg !== undefined) {
      add(join.larg);
      add(join.rarg);
      if (join.quals !== undefined) quals.push(join.quals);
      return;
    }
    const found = fromItem(node, place, firstRow);
    if (found === undefined) return;
    way = joinedWays(way, "relation" in found ? { ...nothing, items: [found] } : found.way);
    scope.set(fromItemName(node) ?? "", found);
  };
  from.forEach(add);
  return { way, quals };
}

function fromItem(node: Node, place: Place, firstRow: FirstRow): Item | Rows | undefined {
  const { schema } = place.reading;
  const table = part(node, "RangeVar");
  if (table !== undefined) {
    const query = table.schemaname === undefined ? place.scope.get(queryName(table.relname)) : undefined;
    const relation = schema.relation(table.schemaname, table.relname ?? "");
    if (query !== undefined || relation === undefined) return query;
    if (isTable(relation)) return { relation };
    return firstRow(viewQuery(relation, place), { ...place, scope: new Map() });
  }
  const query = part(part(node, "RangeSubselect")?.subquery, "SelectStmt");
  if (query !== undefined) return firstRow(query, place);
  const item = part(part(node, "RangeFunction")?.functions?.[0], "List")?.items?.[0];
  const body = bodyFor(part(item, "FuncCall") ?? {}, place);
  return body && firstRow(body.select, body.place);
}
