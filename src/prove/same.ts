import type { Node } from "libpg-query";
import {
  columnRef,
  fieldsOf,
  fromItemName,
  literal,
  outerNames,
  part,
  printExpression,
  readsRow,
  replace,
  row,
  show,
  stringOf,
  valueTags,
  walk,
  withoutCasts,
} from "./analyse/tree.ts";
import { quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import { isNeutral } from "./analyse/clock.ts";
import { asksSession } from "./analyse/opener-place.ts";
import { flipped } from "./analyse/comparable.ts";
import { isComparison } from "./analyse/widen.ts";
import { isError, type ActingAs } from "./ask/step.ts";
import type { Context } from "./context.ts";

const values = [...valueTags, "A_ArrayExpr"] as const;

/** Of these a literal without a type means the same when compared with a column. */
const plain: ReadonlySet<string> = new Set(
  "unknown,text,character varying,uuid,smallint,integer,bigint,numeric,boolean,date,timestamp with time zone".split(
    ",",
  ),
);

export function valueLiteral(value: string | null, type: string): Node {
  return literal(value, plain.has(type) ? undefined : type);
}

/**
 * What two sub-expressions have in common that are the same once all that has nothing of the row is known:
 * `auth.uid() = any (members)` and `'7c9e…' = any (members)`. What a function or a subquery says may differ by who asks.
 */
export async function canonicalAtom(context: Context, as: ActingAs, written: Node): Promise<string> {
  const { session, knowledge } = context;
  const tree = inOneSpelling(written, knowledge);
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
      known.set(node, valueLiteral(answer.value, type.value ?? "unknown"));
    } catch {
      // It stays as it is written.
    }
  }
  const made = operatorsOf(replace(tree, (node) => known.get(node)));
  let asked = false;
  walk(made, (node) => {
    // Of the elements of a document everybody is told the same.
    if (part(node, "SubLink") !== undefined && !isNeutral(node, knowledge)) asked = true;
    const name = stringOf(part(node, "FuncCall")?.funcname?.at(-1));
    if (knowledge.schema.namesakes(name).some(({ volatility }) => volatility !== "immutable"))
      asked ||= asksSession(node, knowledge) || !isNeutral(node, knowledge);
  });
  return `${asked ? JSON.stringify(as) : ""}${await asPostgresPrints(context, made)}`;
}

/**
 * With every name in full and operators as they were resolved: policies are printed like that, and a matrix is written for its
 * `search_path`. `path <@ 'acme'` is one operator of many.
 */
async function asPostgresPrints({ session, full, space }: Context, tree: Node): Promise<string> {
  const view = 'pg_temp."rowgate:same"';
  try {
    const query = `select (${printExpression(tree)}) as value from ${quoteQualified(space.relation)} as ${quoteIdent(row)}`;
    const made = { as: full, sql: `create view ${view} as ${query}`, rows: false };
    const everyName = { ...full, settings: [...full.settings, ["search_path", ""] as const] };
    const printed = `select pg_catalog.pg_get_viewdef('${view}'::regclass)`;
    const [, answer] = await session.askAbout([made], [{ as: everyName, sql: printed, rows: true }]);
    if (answer !== undefined && "value" in answer && answer.value !== null) return answer.value;
  } catch {
    // As it is written, then.
  }
  return show(tree);
}

/** `a = ANY (ARRAY[b, c])`, as Postgres prints `a IN (b, c)`; and `starts_with(a, 'b')`, which is `a LIKE 'b%'`. */
function inOneSpelling(tree: Node, { schema }: Pick<Context["knowledge"], "schema">): Node {
  return replace(tree, (node) => {
    const { kind, lexpr, rexpr, name } = part(node, "A_Expr") ?? {};
    const items = rexpr && part(withoutCasts(rexpr), "A_ArrayExpr")?.elements;
    const isIn = `${kind} ${stringOf(name?.[0])}`;
    if (
      lexpr !== undefined &&
      name?.length === 1 &&
      items !== undefined &&
      /^AEXPR_OP_(?:ANY =|ALL <>)$/.test(isIn)
    )
      return {
        A_Expr: {
          kind: "AEXPR_IN",
          name,
          lexpr: inOneSpelling(lexpr, { schema }),
          rexpr: { List: { items } },
        },
      };
    const { funcname = [], args = [] } = part(node, "FuncCall") ?? {};
    const [text, start] = args;
    const prefix = start && part(withoutCasts(start), "A_Const")?.sval?.sval;
    const isBuiltIn =
      stringOf(funcname.at(-1)) === "starts_with" && schema.namesakes("starts_with").length === 0;
    if (!isBuiltIn || text === undefined || prefix === undefined || /[%_\\]/.test(prefix)) return undefined;
    return {
      A_Expr: {
        kind: "AEXPR_LIKE",
        name: [{ String: { sval: "~~" } }],
        lexpr: text,
        rexpr: literal(`${prefix}%`),
      },
    };
  });
}

/** `a LIKE b` as Postgres prints it back, `a ~~ b`; and what has the row first: `a = 1` for `1 = a`. */
function operatorsOf(tree: Node): Node {
  return replace(tree, (node) => {
    const { kind, lexpr, rexpr, ...rest } = part(node, "A_Expr") ?? {};
    if (lexpr === undefined || rexpr === undefined) return undefined;
    const turned = flipped[stringOf(rest.name?.at(-1))];
    if (kind === "AEXPR_OP" && isComparison(rest.name) && turned !== undefined && !readsRow(lexpr)) {
      const name = [{ String: { sval: turned } }];
      return { A_Expr: { ...rest, kind, name, lexpr: operatorsOf(rexpr), rexpr: operatorsOf(lexpr) } };
    }
    if (kind !== "AEXPR_LIKE" && kind !== "AEXPR_ILIKE") return undefined;
    return {
      A_Expr: { ...rest, kind: "AEXPR_OP", lexpr: operatorsOf(lexpr), rexpr: operatorsOf(rexpr) },
    };
  });
}

/** Subqueries with the same names in the same places: what an alias or a column of the result is called says nothing. */
export function withPlainNames(tree: Node): Node {
  const names: string[] = [];
  const tables = new Set<string>();
  walk(tree, (node) => {
    const name = fromItemName(node);
    if (name === undefined) return;
    names.push(name);
    // A function's or a subquery's rows keep the name that they have.
    if (part(node, "RangeVar") !== undefined) tables.add(name);
  });
  const numbers =
    new Set(names).size === names.length
      ? new Map(names.flatMap((name, index) => (tables.has(name) ? [[name, `t${index}`]] : [])))
      : undefined;
  const renamed = (node: Node): Node | undefined => {
    const link = part(node, "SubLink");
    const select = part(link?.subselect, "SelectStmt");
    if (link !== undefined && select !== undefined) {
      const targetList = (select.targetList ?? []).map((one): Node => {
        const { name: _, ...target } = part(one, "ResTarget") ?? {};
        return { ResTarget: target };
      });
      const { testexpr, ...rest } = link;
      const subselect: Node = { SelectStmt: replace({ ...select, targetList }, renamed) };
      return { SubLink: { ...rest, ...(testexpr && { testexpr: replace(testexpr, renamed) }), subselect } };
    }
    const table = part(node, "RangeVar");
    const alias = table && numbers?.get(fromItemName(node) ?? "");
    if (table !== undefined && alias !== undefined)
      return { RangeVar: { ...table, alias: { aliasname: alias } } };
    const [of = "", ...fields] = fieldsOf(node) ?? [];
    const called = fields.length > 0 ? numbers?.get(of) : undefined;
    return called === undefined ? undefined : columnRef(called, ...fields);
  };
  return replace(tree, renamed);
}
