import type { JoinExpr, Node, SelectStmt, WithClause } from "libpg-query";
import { quoteLiteral } from "../../lib/sql-text.ts";
import type { PolicyInfo } from "../../model/catalog.ts";
import { comparison } from "./comparable.ts";
import { policyCondition } from "./policy.ts";
import type { ProofRelation } from "./schema.ts";
import { bodyFor, isTable, type Place, viewQuery, withinView } from "./opener-place.ts";
import { type Item, joinedWays, nothing, type Operand, type Rows, type Way } from "./ties.ts";
import {
  boolean,
  columnRef,
  exists,
  fieldsOf,
  fromItemName,
  isBoundWithin,
  part,
  replace,
  row,
  rowColumns,
  selectOf,
  stringOf,
} from "./tree.ts";
import { allColumns, queryName, slotOf, unread } from "./way-parts.ts";

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
  const add = (node: Node): readonly string[] => {
    const join = part(node, "JoinExpr");
    if (join?.larg !== undefined && join.rarg !== undefined) {
      const [left, right] = [add(join.larg), add(join.rarg)];
      if (join.quals !== undefined) quals.push(join.quals);
      quals.push(...sharedColumns(join, left, right, scope));
      return [...left, ...right];
    }
    const found = fromItem(node, place, firstRow) ?? unknownRow(node, place);
    way = joinedWays(way, "relation" in found ? { ...nothing, items: [found] } : found.way);
    const name = fromItemName(node) ?? "";
    scope.set(name, found);
    if ("relation" in found) quals.push(...policiesOf(found.relation, name, place));
    return [name];
  };
  for (const one of from) add(one);
  return { way, quals };
}

/** The queries of WITH, by their names. */
export function addQueries(
  clause: WithClause | undefined,
  place: Place,
  firstRow: FirstRow,
  scope: Map<string, Item | Rows>,
): void {
  for (const one of clause?.ctes ?? []) {
    const cte = part(one, "CommonTableExpr");
    const found = firstRow(part(cte?.ctequery, "SelectStmt"), place);
    if (found !== undefined) scope.set(queryName(cte?.ctename), found);
  }
}

/** What the table's own policies ask of a row that the persona is to find in it; of whom they are is not looked at. */
function policiesOf(
  relation: ProofRelation,
  alias: string,
  { reading, actor, pastPolicies }: Place,
): readonly Node[] {
  if (!relation.rls || actor.role !== undefined || pastPolicies === true) return [];
  const { schema } = reading;
  const everyRole = { ...relation, policies: relation.policies.map(forEveryRole) };
  const policies = policyCondition(everyRole, ["public"], "select", "old", schema);
  if (policies === undefined) return [boolean(false)];
  const condition = policies.tree;
  const isTaken =
    condition === undefined || isBoundWithin(condition, alias) || rowColumns(condition).has("*");
  if (isTaken) return [];
  return [
    replace(condition, (node) => {
      const [of, column = ""] = fieldsOf(node) ?? [];
      return of === row ? columnRef(alias, column) : undefined;
    }),
  ];
}

/** A policy for some roles as one for everybody, which asks for the role. */
function forEveryRole(policy: PolicyInfo): PolicyInfo {
  const { roles, using, permissive } = policy;
  if (using === null || roles.includes("public")) return policy;
  const holds = roles.map((one) => `pg_catalog.pg_has_role(${quoteLiteral(one)}, 'usage')`).join(" or ");
  const asked = permissive ? `(${holds}) and (${using})` : `not (${holds}) or (${using})`;
  return { ...policy, roles: ["public"], using: asked };
}

/** What USING and NATURAL compare. */
function sharedColumns(
  { isNatural, usingClause }: JoinExpr,
  left: readonly string[],
  right: readonly string[],
  scope: ReadonlyMap<string, Item | Rows>,
): readonly Node[] {
  const columnsOf = (name: string): readonly string[] => {
    const item = scope.get(name);
    if (item === undefined) return [];
    return "relation" in item ? item.relation.columns.map((one) => one.name) : [...item.columns.keys()];
  };
  const names = isNatural === true ? left.flatMap(columnsOf) : (usingClause ?? []).map(stringOf);
  return [...new Set(names)].flatMap((name) => {
    const [a, b] = [left, right].map((side) => side.find((one) => columnsOf(one).includes(name)));
    return a === undefined || b === undefined
      ? []
      : [comparison(columnRef(a, name), "=", columnRef(b, name))];
  });
}

/** `t as x (a, b)` */
function renamedRow(item: Item, names: readonly string[]): Rows {
  const columns = item.relation.columns.map(({ name }, index): [string, Operand] => [
    names[index] ?? name,
    slotOf(item, name),
  ]);
  return { way: { ...nothing, items: [item] }, columns: new Map(columns) };
}

/** Of a function that is not read: what it makes of a row is not known, nor whether it makes anything. */
function unknownRow(node: Node, place: Place): Rows {
  const query = { ...selectOf(boolean(true)), fromClause: [node] };
  return { way: unread(exists(query), place)[0] ?? nothing, columns: new Map() };
}

function fromItem(node: Node, place: Place, firstRow: FirstRow): Item | Rows | undefined {
  const { schema } = place.reading;
  const table = part(node, "RangeVar");
  if (table !== undefined) {
    const query = table.schemaname === undefined ? place.scope.get(queryName(table.relname)) : undefined;
    const relation = schema.relation(table.schemaname, table.relname ?? "");
    if (query !== undefined || relation === undefined) return query;
    const renamed = table.alias?.colnames?.map(stringOf);
    // A materialized view holds rows of its own, and others after each refresh.
    const holdsRows = isTable(relation) || relation.kind === "materialized";
    if (holdsRows) return renamed === undefined ? { relation } : renamedRow({ relation }, renamed);
    return firstRow(viewQuery(relation, place), withinView(relation, { ...place, scope: new Map() }));
  }
  const query = part(part(node, "RangeSubselect")?.subquery, "SelectStmt");
  if (query !== undefined) return firstRow(query, place);
  const item = part(part(node, "RangeFunction")?.functions?.[0], "List")?.items?.[0];
  const body = bodyFor(part(item, "FuncCall") ?? {}, place);
  return body && firstRow(body.select, body.place);
}

type Value = ReturnType<typeof allColumns>[number]["value"];

/** The columns of a query's rows, by name, and what each is made of. */
export function targetsOf(
  { targetList = [] }: SelectStmt,
  scope: ReadonlyMap<string, Item | Rows>,
  valueOf: (node: Node) => Value,
): ReturnType<typeof allColumns> {
  return targetList.flatMap((target, index) => {
    const { name, val } = part(target, "ResTarget") ?? {};
    const fields = fieldsOf(val) ?? [];
    if (fields.at(-1) === "*") return allColumns(scope, fields.at(-2));
    return [{ name: name ?? fields.at(-1) ?? String(index), value: val && valueOf(val) }];
  });
}
