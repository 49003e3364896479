import type { Node } from "libpg-query";
import { parseStatements } from "../../lib/sql-tree.ts";
import type { ProofColumn, ProofRelation, Schema } from "./schema.ts";
import { fieldsOf, part, printExpression, row, stringOf, typeNameOf } from "./tree.ts";
import { castKeepsIdentity, castToText, hasIdentity, isEnumerable, isTextual } from "./types.ts";

export function columnOf({ columns }: ProofRelation, name: string): ProofColumn | undefined {
  return columns.find((one) => one.name === name);
}

/**
 * The row's column behind casts that keep its identity.
 * @param byText it is asked only whether texts are equal, as different texts are different
 */
export function plainColumn(node: Node, relation: ProofRelation, byText = false): string | undefined {
  const casts: string[] = [];
  let inner = node;
  for (let made = part(inner, "TypeCast"); made?.arg !== undefined; made = part(inner, "TypeCast")) {
    // With a length it cuts off.
    if ((made.typeName?.typmods?.length ?? 0) > 0 || (made.typeName?.arrayBounds?.length ?? 0) > 0)
      return undefined;
    casts.push(typeNameOf(inner));
    inner = made.arg;
  }
  const name = rowColumn(inner);
  const column = name === undefined ? undefined : columnOf(relation, name);
  if (column === undefined) return undefined;
  if (isEnumerable(column)) return name;
  const isSame = (to: string): boolean => castKeepsIdentity(column, to) || (byText && castToText(column, to));
  return hasIdentity(column) && casts.every(isSame) ? name : undefined;
}

/** The row's column as JSON: `to_jsonb(c)`, `jsonb_build_array(c)`; equal documents are made of equal values. */
export function jsonColumn(node: Node, relation: ProofRelation, schema: Schema): string | undefined {
  const call = part(node, "FuncCall");
  const name = stringOf(call?.funcname?.at(-1));
  const [arg, ...more] = call?.args ?? [];
  const isBuiltIn = /^(?:to_jsonb|jsonb_build_array)$/.test(name) && schema.namesakes(name).length === 0;
  return isBuiltIn && arg !== undefined && more.length === 0 ? plainColumn(arg, relation) : undefined;
}

/** A query of the values that such a document, or an element of it, is made of. */
export function jsonValues(document: Node): Node {
  const elements = `case jsonb_typeof(whole.d) when 'array' then whole.d else jsonb_build_array(whole.d) end`;
  const text = `case jsonb_typeof(element.e) when 'number' then trim_scale((element.e #>> '{}')::numeric)::text else element.e #>> '{}' end`;
  const query = `select ${text} from (select ${printExpression(document)}) as whole(d) cross join lateral jsonb_array_elements(${elements}) as element(e)`;
  const [statement] = parseStatements(query);
  return statement ?? document;
}

function rowColumn(node: Node): string | undefined {
  const fields = fieldsOf(node);
  return fields?.[0] === row && fields.length === 2 && fields[1] !== "*" ? fields[1] : undefined;
}

/** The text column of `lower(c)`, `upper(c)` or `c::citext`. */
export function foldedColumn(node: Node, relation: ProofRelation, schema: Schema): string | undefined {
  let inner = node;
  let folds = false;
  for (;;) {
    const call = part(inner, "FuncCall");
    const made = part(inner, "TypeCast");
    const name = stringOf(call?.funcname?.at(-1));
    if (
      call?.args?.length === 1 &&
      call.funcname?.length === 1 &&
      /^(?:lower|upper)$/.test(name) &&
      schema.namesakes(name).length === 0
    )
      folds = true;
    else if (
      made === undefined ||
      (made.typeName?.typmods?.length ?? 0) > 0 ||
      !/^(?:text|varchar|citext)$/.test(typeNameOf(inner))
    )
      break;
    if (made !== undefined && typeNameOf(inner) === "citext") folds = true;
    const next = made?.arg ?? call?.args?.[0];
    if (next === undefined) return undefined;
    inner = next;
  }
  const name = folds ? rowColumn(inner) : undefined;
  const column = name === undefined ? undefined : columnOf(relation, name);
  return column !== undefined && isTextual(column) && hasIdentity(column) ? name : undefined;
}

export function comparison(lexpr: Node, operator: string, rexpr: Node): Node {
  return { A_Expr: { kind: "AEXPR_OP", name: [{ String: { sval: operator } }], lexpr, rexpr } };
}

export function pairsOf(left: Node, right: Node): readonly (readonly [Node, Node])[] | undefined {
  const [a, b] = [part(left, "RowExpr")?.args, part(right, "RowExpr")?.args];
  if (a === undefined || b === undefined || a.length !== b.length) return undefined;
  return a.flatMap((one, index) => {
    const other = b[index];
    return other === undefined ? [] : [[one, other] as const];
  });
}

/** AND, OR, NOT, IS TRUE, COALESCE and CASE: truth values put together. */
export function connected(node: Node): readonly Node[] | undefined {
  const arg = part(node, "BooleanTest")?.arg;
  if (arg !== undefined) return [arg];
  const choice = part(node, "CaseExpr");
  if (choice !== undefined && choice.arg === undefined)
    return [...(choice.args ?? []).flatMap((one) => part(one, "CaseWhen")?.expr ?? []), ...resultsOf(node)];
  return part(node, "BoolExpr")?.args ?? part(node, "CoalesceExpr")?.args;
}

export function resultsOf(node: Node): readonly Node[] {
  const choice = part(node, "CaseExpr");
  const results = (choice?.args ?? []).map((one) => part(one, "CaseWhen")?.result);
  return [...results, choice?.defresult].filter((one) => one !== undefined);
}

/** What a scalar's value is one of. */
export function leavesOf(node: Node): readonly Node[] {
  const made = part(node, "TypeCast");
  if (made?.arg !== undefined) {
    const inner = leavesOf(made.arg);
    return inner.length === 1 && inner[0] === made.arg
      ? [node]
      : inner.map((arg) => ({ TypeCast: { ...made, arg } }));
  }
  const list = part(node, "CoalesceExpr")?.args ?? part(node, "MinMaxExpr")?.args;
  if (list !== undefined) return list.flatMap(leavesOf);
  const operation = part(node, "A_Expr");
  if (operation?.kind === "AEXPR_NULLIF" && operation.lexpr !== undefined) return leavesOf(operation.lexpr);
  return part(node, "CaseExpr") === undefined ? [node] : resultsOf(node).flatMap(leavesOf);
}

export function isExtreme(node: Node): boolean {
  const inner = part(node, "TypeCast")?.arg;
  if (inner !== undefined) return isExtreme(inner);
  const list = part(node, "CoalesceExpr")?.args ?? resultsOf(node);
  return part(node, "MinMaxExpr") !== undefined || list.some(isExtreme);
}

export const flipped: Readonly<Record<string, string>> = {
  "<": ">",
  ">": "<",
  "<=": ">=",
  ">=": "<=",
  "=": "=",
  "<>": "<>",
};
