import { messageOf } from "../model/errors.ts";
import type { Node } from "libpg-query";
import type { RelationInfo } from "../model/catalog.ts";
import { parseExpression } from "../lib/sql-tree.ts";
import {
  boolean,
  fieldsOf,
  joined,
  part,
  printExpression,
  replace,
  stringOf,
  walk,
} from "../prove/analyse/tree.ts";

/** A change of one expression: the text that replaces it, or why it cannot be printed. */
export type ExpressionChange = { readonly text: string } | { readonly unprintable: string };

type NodeChange = (node: Node) => readonly Node[];

/** The expression with one node changed, for each node and each change of it; subqueries included. */
export function changesOf(expression: string, change: NodeChange): readonly ExpressionChange[] {
  const tree = parseExpression(expression);
  const found: ExpressionChange[] = [];
  walk(tree, (node) => {
    for (const put of change(node))
      found.push(printed(replace(tree, (one) => (one === node ? put : undefined))));
  });
  return found;
}

function printed(tree: Node): ExpressionChange {
  try {
    return { text: printExpression(tree) };
  } catch (error) {
    return { unprintable: messageOf(error) };
  }
}

/** `a and b` → `b`, `a`. */
export function withoutOperand(node: Node): readonly Node[] {
  const connective = part(node, "BoolExpr");
  if (connective?.boolop !== "AND_EXPR" && connective?.boolop !== "OR_EXPR") return [];
  const { boolop } = connective;
  const args = connective.args ?? [];
  return args.map((_, index) => joined(boolop, args.toSpliced(index, 1)));
}

/** `a and b` ↔ `a or b`. */
export function otherConnective(node: Node): readonly Node[] {
  const { boolop, args = [] } = part(node, "BoolExpr") ?? {};
  if (boolop === "AND_EXPR") return [joined("OR_EXPR", args)];
  return boolop === "OR_EXPR" ? [joined("AND_EXPR", args)] : [];
}

/** `not a` → `a`. */
export function withoutNot(node: Node): readonly Node[] {
  const { boolop, args = [] } = part(node, "BoolExpr") ?? {};
  return boolop === "NOT_EXPR" ? args : [];
}

const negations: Readonly<Record<string, string>> = {
  "=": "<>",
  "<>": "=",
  "<": ">=",
  ">=": "<",
  ">": "<=",
  "<=": ">",
};

const shifts: Readonly<Record<string, string>> = { "<": "<=", "<=": "<", ">": ">=", ">=": ">" };

/** `a = b` → `a <> b`; `a in (…)` ↔ `a not in (…)`; `is null` ↔ `is not null`. */
export function negatedComparison(node: Node): readonly Node[] {
  const test = part(node, "NullTest");
  if (test !== undefined)
    return [
      { NullTest: { ...test, nulltesttype: test.nulltesttype === "IS_NULL" ? "IS_NOT_NULL" : "IS_NULL" } },
    ];
  return withOperator(node, negations);
}

/** `a < b` → `a <= b`. */
export function shiftedComparison(node: Node): readonly Node[] {
  return withOperator(node, shifts);
}

/** `= any (…)` negated is `<> all (…)`: of both forms, only the plain comparison keeps its kind. */
function withOperator(node: Node, table: Readonly<Record<string, string>>): readonly Node[] {
  const comparison = part(node, "A_Expr");
  const name = comparison?.name ?? [];
  const put = table[stringOf(name.at(-1))];
  if (comparison === undefined || put === undefined) return [];
  const kind = { AEXPR_OP: "AEXPR_OP", AEXPR_OP_ANY: "AEXPR_OP_ALL", AEXPR_OP_ALL: "AEXPR_OP_ANY" } as const;
  const now = comparison.kind === undefined || !(comparison.kind in kind) ? undefined : comparison.kind;
  if (now === undefined) return [];
  const negates = table === negations;
  return [
    {
      A_Expr: {
        ...comparison,
        kind: negates ? kind[now as keyof typeof kind] : now,
        name: [...name.slice(0, -1), { String: { sval: put } }],
      },
    },
  ];
}

/** `x = y` → `x = y or x is null`. */
export function nullOpens(node: Node): readonly Node[] {
  const { kind, name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
  if (kind !== "AEXPR_OP" || stringOf(name?.at(-1)) !== "=") return [];
  const column = [lexpr, rexpr].find((side) => part(side, "ColumnRef") !== undefined);
  if (column === undefined) return [];
  return [joined("OR_EXPR", [node, { NullTest: { arg: column, nulltesttype: "IS_NULL" } }])];
}

/** `x = y` → `x is not distinct from y`, so that two NULLs are equal. */
export function nullEquals(node: Node): readonly Node[] {
  const comparison = part(node, "A_Expr");
  if (comparison?.kind !== "AEXPR_OP" || stringOf(comparison.name?.at(-1)) !== "=") return [];
  return [{ A_Expr: { ...comparison, kind: "AEXPR_NOT_DISTINCT" } }];
}

const otherClaims: Readonly<Record<string, string>> = {
  app_metadata: "user_metadata",
  user_metadata: "app_metadata",
  sub: "session_id",
};

/** `jwt ->> 'sub'` → another claim's value; `app_metadata`, which the server writes → `user_metadata`, which its owner writes. */
export function otherClaim(node: Node): readonly Node[] {
  const put = otherClaims[part(node, "A_Const")?.sval?.sval ?? ""];
  return put === undefined ? [] : [{ A_Const: { sval: { sval: put } } }];
}

/** The expression, negated: `a` → `not a`. */
export function negated(expression: string): ExpressionChange {
  return printed({ BoolExpr: { boolop: "NOT_EXPR", args: [parseExpression(expression)] } });
}

/** A column of the relation → each other column of the same type. */
export function otherColumn({ columns, name }: RelationInfo): NodeChange {
  return (node) => {
    const fields = fieldsOf(node);
    const own = columns.find((one) => one.name === fields?.at(-1));
    if (fields === undefined || own === undefined) return [];
    // In a subquery, Postgres prints each column with its relation.
    if (fields.length > 2 || (fields.length === 2 && fields[0] !== name)) return [];
    return columns
      .filter((one) => one !== own && one.type === own.type)
      .map((one) => ({
        ColumnRef: { fields: [...fields.slice(0, -1), one.name].map((sval) => ({ String: { sval } })) },
      }));
  };
}

/** `exists (select … where …)` → without its condition. */
export function unboundExists(node: Node): readonly Node[] {
  const link = part(node, "SubLink");
  const select = part(link?.subselect, "SelectStmt");
  if (link === undefined || select?.whereClause === undefined) return [];
  const { whereClause: _, ...open } = select;
  return [{ SubLink: { ...link, subselect: { SelectStmt: open } } }];
}

/** The whole expression is a constant. */
export function isConstant(expression: string, value: boolean): boolean {
  return (
    JSON.stringify(part(parseExpression(expression), "A_Const")?.boolval) === JSON.stringify(constant(value))
  );
}

function constant(value: boolean): unknown {
  return part(boolean(value), "A_Const")?.boolval;
}
