import type { JoinExpr, Node, SelectStmt } from "libpg-query";
import { comparison } from "./comparable.ts";
import type { Schema } from "./schema.ts";
import { columnRef, conjuncts, fieldsOf, fromItemName, joined, part, replace, stringOf } from "./tree.ts";

type Columns = ReadonlyMap<string, Node>;

/**
 * The same query without FROM items that only name values (`from (select c.grp) x join m using (grp)`): the values stand where their names
 * were, and what joins asked of them is in WHERE.
 */
export function pulledUp(select: SelectStmt, schema: Schema): SelectStmt {
  const named = new Map<string, Columns>();
  const quals: Node[] = [];
  const items = (select.fromClause ?? []).flatMap((one) => withoutNames(one, schema, named, quals) ?? []);
  if (named.size === 0) return select;
  let clear = true;
  const { fromClause: _, whereClause, ...rest } = select;
  const where = [...quals, ...conjuncts(whereClause)];
  const made: SelectStmt = replace(
    {
      ...rest,
      ...(items.length > 0 && { fromClause: items }),
      ...(where.length > 0 && { whereClause: joined("AND_EXPR", where) }),
    },
    (node) => {
      const fields = fieldsOf(node);
      // Another item of that name, in a query within.
      if (named.has(fromItemName(node) ?? "")) clear = false;
      const columns = named.get(fields?.[0] ?? "");
      if (fields === undefined || columns === undefined) return undefined;
      const value = fields.length === 2 ? columns.get(fields[1] ?? "") : undefined;
      clear &&= value !== undefined;
      return value;
    },
  );
  return clear ? made : select;
}

/** What is left of a FROM item; its inner joins' conditions become the query's. */
function withoutNames(
  node: Node,
  schema: Schema,
  named: Map<string, Columns>,
  quals: Node[],
): Node | undefined {
  const columns = namesOf(node);
  if (columns !== undefined) {
    named.set(fromItemName(node) ?? "", columns);
    return undefined;
  }
  const join = part(node, "JoinExpr");
  if (join?.larg === undefined || join.rarg === undefined) return node;
  if (join.jointype !== "JOIN_INNER" || join.alias !== undefined) return node;
  const sides = [join.larg, join.rarg];
  if (!sides.some((one) => namesOf(one) !== undefined)) return node;
  const shared = sharedColumns(join, schema);
  if (shared === undefined) return node;
  const [left, right] = sides.map((one) => withoutNames(one, schema, named, quals));
  quals.push(...shared, ...(join.quals === undefined ? [] : [join.quals]));
  return left ?? right;
}

/** `undefined`: it is not known which columns are meant. */
function sharedColumns(
  { larg, rarg, isNatural, usingClause }: JoinExpr,
  schema: Schema,
): readonly Node[] | undefined {
  if (isNatural !== true && usingClause === undefined) return [];
  const [left, right] = [larg, rarg].map((one) => (one === undefined ? undefined : columnsOf(one, schema)));
  if (left === undefined || right === undefined) return undefined;
  const names =
    isNatural === true
      ? [...left.keys()].filter((name) => right.has(name))
      : (usingClause ?? []).map(stringOf);
  const pairs = names.map((name) => [left.get(name), right.get(name)] as const);
  return pairs.every(([a, b]) => a !== undefined && b !== undefined)
    ? pairs.flatMap(([a, b]) => (a === undefined || b === undefined ? [] : [comparison(a, "=", b)]))
    : undefined;
}

function columnsOf(node: Node, schema: Schema): Columns | undefined {
  const table = part(node, "RangeVar");
  if (table === undefined) return namesOf(node);
  const relation = schema.relation(table.schemaname, table.relname ?? "");
  const alias = fromItemName(node);
  if (relation === undefined || alias === undefined || table.alias?.colnames !== undefined) return undefined;
  return new Map(relation.columns.map(({ name }) => [name, columnRef(alias, name)]));
}

/** `(select c.grp, 1 as n) x`: its columns, if they are columns and constants, and nothing else is in it. */
function namesOf(node: Node): Columns | undefined {
  const query = part(node, "RangeSubselect");
  const select = part(query?.subquery, "SelectStmt");
  if (select?.targetList === undefined || query?.alias === undefined) return undefined;
  if (!Object.keys(select).every((key) => /^(?:targetList|limitOption|op)$/.test(key))) return undefined;
  const given = query.alias.colnames?.map(stringOf) ?? [];
  const columns = select.targetList.map((one, index): readonly [string, Node] | undefined => {
    const { val, name } = part(one, "ResTarget") ?? {};
    const fields = fieldsOf(val);
    const known = given[index] ?? name ?? fields?.at(-1);
    const plain = (fields !== undefined && !fields.includes("*")) || part(val, "A_Const") !== undefined;
    return val === undefined || known === undefined || !plain ? undefined : [known, val];
  });
  const all = columns.filter((one) => one !== undefined);
  return all.length === columns.length ? new Map(all) : undefined;
}
