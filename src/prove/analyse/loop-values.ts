import type { Node, SelectStmt } from "libpg-query";
import { boolean, exists, fieldsOf, joined, part, stringOf, subselect, walk } from "./tree.ts";

/** Stands for what a variable held before the row. */
export const earlier = "rowgate:earlier";

/** `n := n + 1`, `list := list || r.id`, `ok := ok or r.open` */
export function accumulated(
  name: string,
  value: Node,
  before: Node,
  rows: (value: Node) => SelectStmt,
): Node | undefined {
  const isEarlier = (one: Node | undefined): boolean =>
    fieldsOf(one)?.[0] === earlier && fieldsOf(one)?.[1] === name;
  const bool = part(value, "BoolExpr");
  if (bool?.boolop === "OR_EXPR") {
    const added = (bool.args ?? []).filter((one) => !isEarlier(one));
    if (mentions(added, earlier) || added.length === bool.args?.length) return undefined;
    const { whereClause, targetList: _, ...query } = rows(boolean(true));
    const where = joined("AND_EXPR", [
      ...(whereClause === undefined ? [] : [whereClause]),
      joined("OR_EXPR", added),
    ]);
    return joined("OR_EXPR", [before, exists({ ...query, whereClause: where })]);
  }
  const call = part(value, "FuncCall");
  const sum = part(value, "A_Expr");
  const appends = stringOf(call?.funcname?.at(-1)) === "array_append";
  const [left, right] = appends ? (call?.args ?? []) : [sum?.lexpr, sum?.rexpr];
  const operator = appends ? "||" : stringOf(sum?.name?.at(-1));
  if (!isEarlier(left) || right === undefined || mentions(right, earlier)) return undefined;
  if (operator === "+") {
    const total: Node = {
      FuncCall: {
        funcname: [{ String: { sval: "sum" } }],
        args: [right],
        funcformat: "COERCE_EXPLICIT_CALL",
      },
    };
    return {
      A_Expr: {
        ...sum,
        lexpr: before,
        rexpr: { CoalesceExpr: { args: [subselect(rows(total)), { A_Const: { ival: {} } }] } },
      },
    };
  }
  if (operator !== "||") return undefined;
  const all: Node = { SubLink: { subLinkType: "ARRAY_SUBLINK", subselect: { SelectStmt: rows(right) } } };
  return { A_Expr: { kind: "AEXPR_OP", name: [{ String: { sval: "||" } }], lexpr: before, rexpr: all } };
}

export function mentions(tree: unknown, name: string): boolean {
  let found = false;
  walk(tree, (one) => void (found ||= fieldsOf(one)?.[0] === name));
  return found;
}
