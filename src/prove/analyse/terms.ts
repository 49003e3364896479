import type { Node } from "libpg-query";
import { isNeutral } from "./clock.ts";
import { flipped } from "./comparable.ts";
import type { Reading } from "./inline.ts";
import { asksEvaluator, asksSession } from "./opener-place.ts";
import type { ProofColumn, ProofRelation } from "./schema.ts";
import { constantOf } from "./ties.ts";
import {
  fieldsOf,
  literal,
  outerNames,
  part,
  printExpression,
  readsRow,
  replace,
  stringOf,
  typeNameOf,
  valueTags,
  walk,
} from "./tree.ts";
import { isComparison } from "./widen.ts";

/** A part of an expression that reads no row and no table: whoever has these settings gets the same value. */
export interface Closed {
  readonly name: string;
  readonly sql: string;
}

/** What stands on one side of a comparison. */
export type Term =
  | { readonly kind: "column"; readonly of: string; readonly column: ProofColumn }
  | { readonly kind: "constant"; readonly value: string | null; readonly type: string | undefined }
  | { readonly kind: "closed"; readonly closed: Closed };

/** A condition on rows. */
export type Literal =
  | { readonly kind: "compared"; readonly operator: string; readonly sides: readonly [Term, Term] }
  | { readonly kind: "null"; readonly isNull: boolean; readonly of: Term }
  | { readonly kind: "settled"; readonly closed: Closed }
  /** How it is written is all that is known of it; closed parts stand in it by their names. */
  | { readonly kind: "written"; readonly text: string; readonly closed: readonly Closed[] };

/** A row of a table, by a name that nothing else has. */
export interface TableRow {
  readonly name: string;
  readonly relation: ProofRelation;
}

export type RowsByName = ReadonlyMap<string, ProofRelation>;

/** What is known to be, or asked to be, true. `undefined`: it may differ by who evaluates it, or its names may mean several things. */
export function literalOf(node: Node, rows: RowsByName, reading: Reading): Literal | undefined {
  if (isClosed(node)) {
    const closed = closedPart(node, reading);
    return closed && { kind: "settled", closed };
  }
  return (
    nullLiteral(node, rows, reading) ??
    comparedLiteral(node, rows, reading) ??
    plainColumnLiteral(node, rows, reading) ??
    written(node, rows, reading)
  );
}

/** Of a composite value IS NOT NULL is not the opposite of IS NULL: https://www.postgresql.org/docs/current/functions-comparison.html */
function nullLiteral(node: Node, rows: RowsByName, reading: Reading): Literal | undefined {
  const bool = part(node, "BoolExpr");
  const isNegated = bool?.boolop === "NOT_EXPR";
  const test = part(isNegated ? bool?.args?.[0] : node, "NullTest");
  const of = test?.arg && termOf(test.arg, rows, reading);
  if (of?.kind !== "column" || of.column.category === "C") return undefined;
  return { kind: "null", isNull: (test?.nulltesttype === "IS_NULL") !== isNegated, of };
}

function comparedLiteral(node: Node, rows: RowsByName, reading: Reading): Literal | undefined {
  const { kind, name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
  if (kind !== "AEXPR_OP" || !isComparison(name) || lexpr === undefined || rexpr === undefined)
    return undefined;
  const operator = stringOf(name?.[0]).replace("!=", "<>");
  const isOrder = operator !== "=" && operator !== "<>";
  const [left, right] = [lexpr, rexpr].map((one) => termOf(one, rows, reading, isOrder));
  if (left === undefined || right === undefined) return undefined;
  const turned = flipped[operator] ?? operator;
  // A column is on the left, of two the one whose name is less.
  return keyOf(left) <= keyOf(right)
    ? { kind: "compared", operator, sides: [left, right] }
    : { kind: "compared", operator: turned, sides: [right, left] };
}

function keyOf(term: Term): string {
  return term.kind === "column" ? `a ${term.of} ${term.column.name}` : "b";
}

/** `active`, which is `active = true`. */
function plainColumnLiteral(node: Node, rows: RowsByName, reading: Reading): Literal | undefined {
  const negated =
    part(node, "BoolExpr")?.boolop === "NOT_EXPR" ? part(node, "BoolExpr")?.args?.[0] : undefined;
  const term = termOf(negated ?? node, rows, reading);
  if (term?.kind !== "column" || familyOf(term.column) !== "boolean") return undefined;
  const value: Term = { kind: "constant", value: String(negated === undefined), type: "bool" };
  return { kind: "compared", operator: "=", sides: [term, value] };
}

/** @param isOrder texts have another order than what they are the texts of */
function termOf(node: Node, rows: RowsByName, reading: Reading, isOrder = false): Term | undefined {
  const column = columnIn(node, rows, isOrder);
  if (column !== undefined) return column;
  if (!isClosed(node)) return undefined;
  const cast = part(node, "TypeCast");
  const constant = part(cast?.arg ?? node, "A_Const");
  const modified = (cast?.typeName?.typmods?.length ?? 0) + (cast?.typeName?.arrayBounds?.length ?? 0) > 0;
  // Of a number it is not known how it is written: `1e3`.
  if (constant !== undefined && constant.fval === undefined && !modified) {
    const type = cast === undefined ? typeOfConstant(constant) : typeNameOf(node);
    return { kind: "constant", value: constantOf(constant), type };
  }
  const closed = closedPart(node, reading);
  return closed && { kind: "closed", closed };
}

function typeOfConstant(constant: NonNullable<ReturnType<typeof part<"A_Const">>>): string | undefined {
  if (constant.ival !== undefined) return "int4";
  return constant.boolval === undefined ? undefined : "bool";
}

/** A column, behind casts by which it stays the same value: of a text to a text, of what has one text to that. */
function columnIn(node: Node, rows: RowsByName, isOrder: boolean): Term | undefined {
  const casts: string[] = [];
  let inner = node;
  for (let made = part(inner, "TypeCast"); made?.arg !== undefined; made = part(inner, "TypeCast")) {
    if ((made.typeName?.typmods?.length ?? 0) + (made.typeName?.arrayBounds?.length ?? 0) > 0)
      return undefined;
    casts.push(typeNameOf(inner));
    inner = made.arg;
  }
  const [of = "", name = "", ...more] = fieldsOf(inner) ?? [];
  const column = more.length > 0 ? undefined : rows.get(of)?.columns.find((one) => one.name === name);
  if (column === undefined || column.redefined) return undefined;
  const family = familyOf(column);
  const isSame = (to: string): boolean =>
    familyOfType(to) === family ||
    column.base.endsWith(`.${to}`) ||
    (!isOrder && hasOneText(family) && familyOfType(to) === "text");
  return casts.every(isSame) ? { kind: "column", of, column } : undefined;
}

const hasOneText = (family: string): boolean => family === "uuid" || family === "integer";

const families: Readonly<Record<string, string>> = {
  text: "text",
  varchar: "text",
  "character varying": "text",
  int2: "integer",
  int4: "integer",
  int8: "integer",
  smallint: "integer",
  integer: "integer",
  bigint: "integer",
  bool: "boolean",
  uuid: "uuid",
};

/** Types whose values are compared with each other as one. */
export function familyOf({ base, deterministic }: ProofColumn): string {
  return deterministic ? (families[base] ?? base) : `${base} of its own collation`;
}

export function familyOfType(type: string): string {
  return families[type] ?? type;
}

/** The only spelling of a value; `undefined`: it has others, or the type is not one of those that are known. */
const canonical: Readonly<Record<string, RegExp>> = {
  text: /^[^]*$/,
  integer: /^(?:0|-?[1-9]\d{0,17})$/,
  boolean: /^(?:true|false)$/,
  uuid: /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/,
};

/** Is it compared as a value of the column's own type? */
export function isOfItsType(column: ProofColumn, type: string | undefined): boolean {
  const family = familyOf(column);
  const given = type === undefined ? family : familyOfType(type);
  const isLabel = column.labels !== null && type !== undefined && column.base.endsWith(type);
  return given === family || isLabel || (given === "text" && hasOneText(family));
}

/** What a column of the family is compared with, as one text for each value; `undefined`: that is not known. */
export function valueKey(column: ProofColumn, value: string, type: string | undefined): string | undefined {
  const family = familyOf(column);
  if (!isOfItsType(column, type)) return undefined;
  const isOneText = column.labels?.includes(value) === true || canonical[family]?.test(value) === true;
  return isOneText ? `${family} ${value}` : undefined;
}

function written(node: Node, rows: RowsByName, reading: Reading): Literal | undefined {
  if (!saysTheSame(node, rows, reading)) return undefined;
  const closed: Closed[] = [];
  let known = true;
  const whole = replace(node, (one) => {
    if (!isExpression(one) || !isClosed(one) || part(one, "A_Const") !== undefined) return undefined;
    const found = closedPart(one, reading);
    known &&= found !== undefined;
    if (found !== undefined) closed.push(found);
    return literal(found?.name ?? "");
  });
  const text = known ? printed(whole) : undefined;
  return text === undefined ? undefined : { kind: "written", text, closed };
}

function isExpression(node: Node): boolean {
  return valueTags.some((tag) => part(node, tag) !== undefined);
}

export function isClosed(node: Node): boolean {
  return !readsRow(node) && outerNames(node).length === 0;
}

/** For whoever evaluates it, and by whatever search path its names are looked up. */
function saysTheSame(node: Node, rows: RowsByName, reading: Reading): boolean {
  // What it asks of the session may be in closed parts alone.
  const rest = replace(node, (one) => (isExpression(one) && isClosed(one) ? literal("") : undefined));
  if (!isNeutral(rest, reading) || asksSession(rest, reading)) return false;
  let known = true;
  walk(node, (one) => {
    if (isExpression(one) && isClosed(one)) return false;
    const called = stringOf(part(one, "FuncCall")?.funcname?.at(-1));
    const [of, name] = fieldsOf(one) ?? [];
    const column = of === undefined ? undefined : rows.get(of)?.columns.find((each) => each.name === name);
    if (called !== "" && reading.schema.namesakes(called).length > 0) known = false;
    if (part(one, "SubLink") !== undefined || column?.redefined === true) known = false;
    if (of !== undefined && column === undefined) known = false;
    return known;
  });
  return known;
}

/** Each by one name, wherever it stands. */
const closedParts = new Map<string, Closed>();

function closedPart(node: Node, reading: Reading): Closed | undefined {
  if (!isNeutral(node, reading) || asksEvaluator(node, reading) || isCollated(node)) return undefined;
  const sql = printed(node);
  if (sql === undefined || !isNamedInFull(node, reading)) return undefined;
  const found = closedParts.get(sql) ?? { name: `rowgate:closed:${closedParts.size}`, sql };
  closedParts.set(sql, found);
  return found;
}

/** `=` means another thing then, which the value does not say. */
function isCollated(node: Node): boolean {
  let found = false;
  walk(node, (one) => void (found ||= part(one, "CollateClause") !== undefined));
  return found;
}

/** A function that another path would not lead elsewhere. */
function isNamedInFull(node: Node, { schema }: Reading): boolean {
  let clear = true;
  walk(node, (one) => {
    const { funcname = [] } = part(one, "FuncCall") ?? {};
    const namesakes = schema.namesakes(stringOf(funcname.at(-1)));
    clear &&= funcname.length > 1 || namesakes.length <= 1;
  });
  return clear;
}

function printed(node: Node): string | undefined {
  try {
    return printExpression(node);
  } catch {
    return undefined;
  }
}
