import type { FuncCall, Node, SelectStmt } from "libpg-query";
import { parseStatements } from "../../lib/sql-tree.ts";
import { bodyOf } from "./bodies.ts";
import { resultsOf } from "./comparable.ts";
import { actorOf, inlined, type Reading } from "./inline.ts";
import type { Actor, Question } from "./question.ts";
import { resolveNames } from "./resolve.ts";
import type { ProofRelation } from "./schema.ts";
import type { Item, Operand, Way } from "./ties.ts";
import { joined, part, printExpression, stringOf } from "./tree.ts";
import { isComparison } from "./widen.ts";

export const deepest = 6;

/** A row of a query, and the rows that it comes from. */
export interface Rows {
  readonly way: Way;
  readonly columns: ReadonlyMap<string, Operand>;
}

/** What names of FROM items mean. */
export type Scope = ReadonlyMap<string, Item | Rows>;

export interface Place {
  readonly reading: Reading;
  readonly actor: Actor;
  readonly scope: Scope;
  readonly depth: number;
}

export function casesOf(node: Node): readonly Node[] {
  const whens = (part(node, "CaseExpr")?.args ?? []).flatMap((one) => part(one, "CaseWhen") ?? []);
  const both = whens.flatMap(({ expr, result }): readonly Node[] =>
    expr === undefined || result === undefined
      ? []
      : [{ BoolExpr: { boolop: "AND_EXPR", args: [expr, result] } }],
  );
  return [...both, ...resultsOf(node).slice(whens.length)];
}

/** More than one value: what a row of a table adds to it may be any. */
export function isList(node: Node, { reading: { schema } }: Place): boolean {
  const call = part(node, "FuncCall");
  const fn = call && schema.callee((call.funcname ?? []).map(stringOf), call.args?.length ?? 0);
  if (fn !== undefined) return fn.returnsSet || fn.returns.endsWith("[]");
  return part(node, "SubLink")?.subLinkType === "ARRAY_SUBLINK";
}

export function questionOf(node: Node, { reading, actor }: Place): Question | undefined {
  try {
    return reading.bounds.question(actor, `select (${printExpression(node)})::text`);
  } catch {
    return undefined;
  }
}

export function bodyFor(
  call: FuncCall,
  place: Place,
): { readonly select: SelectStmt; readonly place: Place } | undefined {
  const { schema } = place.reading;
  const args = call.args ?? [];
  const fn = schema.callee((call.funcname ?? []).map(stringOf), args.length);
  const body = fn === undefined || place.depth >= deepest ? undefined : bodyOf(fn);
  if (fn === undefined || body === undefined) return undefined;
  try {
    const select = part(inlined(body, fn, args, schema), "SelectStmt");
    return select && { select, place: { ...place, actor: actorOf(fn, place.actor), depth: place.depth + 1 } };
  } catch {
    return undefined;
  }
}

export function viewQuery({ definition }: ProofRelation, { reading }: Place): SelectStmt | undefined {
  try {
    const [query] = parseStatements(definition ?? "");
    return query && part(resolveNames(query, { schema: reading.schema }), "SelectStmt");
  } catch {
    return undefined;
  }
}

export function isTable({ kind }: ProofRelation): boolean {
  return kind === "table" || kind === "partitioned";
}

/** Where a query returns a condition (`select plan = 'public' from teams …`): the rows for which it holds. */
export function holding(select: SelectStmt): SelectStmt {
  const value = part(select.targetList?.[0], "ResTarget")?.val;
  const isCondition =
    isComparison(part(value, "A_Expr")?.name) ||
    part(value, "A_Expr")?.kind === "AEXPR_IN" ||
    [part(value, "BoolExpr"), part(value, "NullTest"), part(value, "BooleanTest")].some(Boolean);
  if (value === undefined || !isCondition) return select;
  const { whereClause } = select;
  return {
    ...select,
    whereClause: whereClause === undefined ? value : joined("AND_EXPR", [whereClause, value]),
  };
}
