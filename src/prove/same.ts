import type { Node } from "libpg-query";
import {
  literal,
  outerNames,
  part,
  printExpression,
  readsRow,
  replace,
  show,
  stringOf,
  walk,
} from "./analyse/tree.ts";
import { isError, type ActingAs } from "./ask/session.ts";
import type { Context } from "./context.ts";

const values = [
  "FuncCall",
  "TypeCast",
  "A_Const",
  "A_Expr",
  "SubLink",
  "CoalesceExpr",
  "SQLValueFunction",
  "A_ArrayExpr",
] as const;

/** Of these a literal without a type means the same when compared with a column. */
const plain: ReadonlySet<string> = new Set(
  "unknown,text,character varying,uuid,smallint,integer,bigint,numeric,boolean,date,timestamp with time zone".split(
    ",",
  ),
);

/**
 * What two sub-expressions have in common that are the same once all that has nothing of the row is known:
 * `auth.uid() = any (members)` and `'7c9e…' = any (members)`. What a function or a subquery says may differ by who asks.
 */
export async function canonicalAtom(
  { session, knowledge }: Context,
  as: ActingAs,
  tree: Node,
): Promise<string> {
  const fixed: Node[] = [];
  walk(tree, (node) => {
    if (!values.some((tag) => part(node, tag) !== undefined)) return true;
    if (readsRow(node) || outerNames(node).length > 0) return true;
    fixed.push(node);
    return false;
  });
  const known = new Map<Node, Node>();
  for (const node of fixed) {
    try {
      const text = printExpression(node);
      const [answer, type] = await Promise.all([
        session.ask(as, `select (${text})::text`),
        session.ask(as, `select pg_catalog.pg_typeof(${text})::text`),
      ]);
      if (isError(answer) || isError(type) || !("value" in answer) || !("value" in type)) continue;
      known.set(
        node,
        literal(answer.value, plain.has(type.value ?? "") ? undefined : (type.value ?? undefined)),
      );
    } catch {
      // It stays as it is written.
    }
  }
  const made = operatorsOf(replace(tree, (node) => known.get(node)));
  let asked = false;
  walk(made, (node) => {
    if (part(node, "SubLink") !== undefined) asked = true;
    const name = stringOf(part(node, "FuncCall")?.funcname?.at(-1));
    if (knowledge.schema.namesakes(name).some(({ volatility }) => volatility !== "immutable")) asked = true;
  });
  return `${asked ? JSON.stringify(as) : ""}${show(made)}`;
}

/** `a LIKE b` as Postgres prints it back: `a ~~ b`. */
function operatorsOf(tree: Node): Node {
  return replace(tree, (node) => {
    const { kind, lexpr, rexpr, ...rest } = part(node, "A_Expr") ?? {};
    if ((kind !== "AEXPR_LIKE" && kind !== "AEXPR_ILIKE") || lexpr === undefined || rexpr === undefined)
      return undefined;
    return {
      A_Expr: { ...rest, kind: "AEXPR_OP", lexpr: operatorsOf(lexpr), rexpr: operatorsOf(rexpr) },
    };
  });
}
