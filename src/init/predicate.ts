import type { Node } from "libpg-query";
import type { ProofRelation } from "../prove/analyse/schema.ts";
import {
  columnRef,
  fieldsOf,
  part,
  printExpression,
  replace,
  row,
  stringOf,
  walk,
  withoutCasts,
} from "../prove/analyse/tree.ts";
import { mark, parameterOf } from "./conditions.ts";

/** As a predicate of the matrix; `undefined`: it cannot be written as one. */
export function predicateText(tree: Node, relation: ProofRelation): string | undefined {
  let whole = false;
  let nested = false;
  walk(tree, (node) => {
    const fields = fieldsOf(node);
    if (fields?.[0] === row && (fields.length < 2 || fields[1] === "*")) whole = true;
    if (part(node, "SubLink") !== undefined) nested = true;
  });
  if (whole) return undefined;
  const other = `${relation.name}_1`;
  const renamed = replace(tree, (node) => renamedNode(node, relation, other, nested));
  try {
    return printExpression(shortened(renamed)).replaceAll(new RegExp(`'${mark}([\\w.]+)'`, "g"), ":$1");
  } catch {
    return undefined;
  }
}

/** The row is called by its relation's name, so that another row of the same relation needs another one. */
function renamedNode(node: Node, { name }: ProofRelation, other: string, nested: boolean): Node | undefined {
  const fields = fieldsOf(node);
  if (fields?.[0] === row)
    return nested ? columnRef(name, ...fields.slice(1)) : columnRef(...fields.slice(1));
  if (fields?.[0] === name && fields.length > 1) return columnRef(other, ...fields.slice(1));
  const table = part(node, "RangeVar");
  if (table?.relname !== name || table.alias !== undefined) return undefined;
  return { RangeVar: { ...table, alias: { aliasname: other } } };
}

/** `public.members` is `members`, and `'admin'::text` beside an operator is `'admin'`. */
function shortened(tree: Node): Node {
  return replace(tree, (node) => {
    const compares = turned(part(node, "A_Expr"));
    const sides = [compares?.lexpr, compares?.rexpr].map((one) => one && bareText(one));
    if (
      compares !== undefined &&
      sides.some((one, index) => one !== [part(node, "A_Expr")?.lexpr, part(node, "A_Expr")?.rexpr][index])
    )
      return {
        A_Expr: {
          ...compares,
          ...(sides[0] && { lexpr: shortened(sides[0]) }),
          ...(sides[1] && { rexpr: shortened(sides[1]) }),
        },
      };
    const table = part(node, "RangeVar");
    if (table?.schemaname !== "public") return undefined;
    const { schemaname: _, ...rest } = table;
    return { RangeVar: rest };
  });
}

type Comparison = NonNullable<ReturnType<typeof part<"A_Expr">>>;

/** `:sub = owner` reads better as `owner = :sub`. */
function turned(compares: Comparison | undefined): Comparison | undefined {
  const { lexpr, rexpr, name, kind } = compares ?? {};
  const isEqual = kind === "AEXPR_OP" && stringOf(name?.at(-1)) === "=";
  if (lexpr === undefined || rexpr === undefined || !isEqual || parameterOf(lexpr) === undefined)
    return compares;
  return fieldsOf(withoutCasts(rexpr)) === undefined ? compares : { ...compares, lexpr: rexpr, rexpr: lexpr };
}

function bareText(node: Node): Node {
  const cast = part(node, "TypeCast");
  const type = stringOf(cast?.typeName?.names?.at(-1));
  const constant = cast?.arg && part(cast.arg, "A_Const")?.sval;
  return cast?.arg !== undefined &&
    constant !== undefined &&
    type === "text" &&
    cast.typeName?.arrayBounds === undefined
    ? cast.arg
    : node;
}

/** A short name in the words of the policy: `own`, `published`, `is_member`. */
export function nameOf(tree: Node, helpers: ReadonlyMap<Node, string>, policy?: string): string {
  const helper = helpers.get(tree);
  if (helper !== undefined) return word(helper);
  const bool = part(tree, "BoolExpr");
  if (bool?.args !== undefined && bool.boolop !== "NOT_EXPR") {
    const names = [...new Set(bool.args.map((one) => nameOf(one, helpers)))];
    const joined = names.join(bool.boolop === "OR_EXPR" ? "_or_" : "_and_");
    return joined.length <= 40 ? joined : `${names[0] ?? "rows"}_and_more`;
  }
  const column = fieldsOf(tree)?.at(-1);
  if (column !== undefined) return word(column);
  const { lexpr, rexpr } = part(tree, "A_Expr") ?? {};
  const sides = [lexpr, rexpr].map((one) => (one === undefined ? undefined : withoutCasts(one)));
  const compares = sides.map((one) => fieldsOf(one)?.at(-1)).find((one) => one !== undefined);
  if (sides.some((one) => parameterOf(one) === "sub") && compares !== undefined) return "own";
  if (policy !== undefined) return policy;
  const table = firstTable(tree);
  if (table !== undefined) return `by_${word(table)}`;
  return compares === undefined ? "rows" : word(compares);
}

function firstTable(tree: Node): string | undefined {
  let found: string | undefined;
  walk(tree, (node) => {
    found ??= part(node, "RangeVar")?.relname;
  });
  return found;
}

function word(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_]/g, "_").replace(/^[^a-zA-Z_]/, "_");
}
