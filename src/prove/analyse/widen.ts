import type { Node, SelectStmt } from "libpg-query";
import type { Reading } from "./inline.ts";
import { boolean, part, readsRow, stringOf, walk } from "./tree.ts";

const comparisons: ReadonlySet<string> = new Set(["=", "<>", "!=", "<", ">", "<=", ">="]);
export const isComparison = (name: readonly Node[] | undefined): boolean =>
  name?.length === 1 && comparisons.has(stringOf(name[0]));

export function isVolatile(tree: object, { reaches }: Reading): boolean {
  return reaches.of(tree).volatile.size > 0;
}

/**
 * A query that returns at least the rows that this one returns for any row of the policy: what compares with the row holds.
 * `undefined` where fewer rows could mean more: aggregates, DISTINCT, LIMIT, set operations, outer joins over the row.
 */
export function widened(
  select: SelectStmt,
  reading: Reading,
  targets?: readonly Node[],
): SelectStmt | undefined {
  const {
    groupClause,
    havingClause,
    limitCount,
    limitOffset,
    distinctClause,
    withClause,
    valuesLists,
    larg,
  } = select;
  if (
    [groupClause, havingClause, limitCount, limitOffset, distinctClause, withClause, valuesLists, larg].some(
      Boolean,
    )
  )
    return undefined;
  if (isVolatile(select, reading) || isAggregated(select.targetList, reading)) return undefined;
  const from = (select.fromClause ?? []).map((item) => widenedItem(item));
  if (from.includes(undefined)) return undefined;
  const { whereClause, sortClause: _, ...rest } = select;
  return {
    ...rest,
    targetList: [...(targets ?? [{ ResTarget: { val: { A_Const: { ival: { ival: 1 } } } } }])],
    ...(from.length > 0 && { fromClause: from.filter((one) => one !== undefined) }),
    ...(whereClause !== undefined && { whereClause: weakened(whereClause, true) }),
  };
}

/** Does it aggregate, or number, the rows of the query that it stands in? */
export function isAggregated(tree: unknown, { schema }: Pick<Reading, "schema">): boolean {
  let found = false;
  walk(tree, (node) => {
    const call = part(node, "FuncCall");
    if (call === undefined) return;
    found ||= call.over !== undefined || schema.aggregates.has(stringOf(call.funcname?.at(-1)));
  });
  return found;
}

function widenedItem(item: Node): Node | undefined {
  const join = part(item, "JoinExpr");
  if (join === undefined) return readsRow(item) ? undefined : item;
  if (join.jointype !== "JOIN_INNER") return readsRow(item) ? undefined : item;
  const larg = join.larg && widenedItem(join.larg);
  const rarg = join.rarg && widenedItem(join.rarg);
  if (larg === undefined || rarg === undefined) return undefined;
  return { JoinExpr: { ...join, larg, rarg, ...(join.quals && { quals: weakened(join.quals, true) }) } };
}

/** A condition that holds at least where this one can hold (`positive`), or at most. */
function weakened(node: Node, positive: boolean): Node {
  if (!readsRow(node)) return node;
  const bool = part(node, "BoolExpr");
  if (bool !== undefined) {
    const inner = bool.boolop === "NOT_EXPR" ? !positive : positive;
    return { BoolExpr: { ...bool, args: (bool.args ?? []).map((one) => weakened(one, inner)) } };
  }
  const operation = part(node, "A_Expr");
  if (positive && operation?.kind === "AEXPR_OP" && isComparison(operation.name)) {
    const other = [operation.lexpr, operation.rexpr].find((one) => one !== undefined && !readsRow(one));
    if (other !== undefined) return holdsValue(other);
  }
  return boolean(positive);
}

function holdsValue(lexpr: Node): Node {
  const name: Node[] = [{ String: { sval: "=" } }];
  return { A_Expr: { kind: "AEXPR_DISTINCT", name, lexpr, rexpr: { A_Const: { isnull: true } } } };
}
