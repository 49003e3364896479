import type { A_Expr, BooleanTest, FuncCall, Node, SelectStmt, SubLink } from "libpg-query";
import { bodyOf } from "./bodies.ts";
import { type Actor, type Answer, type BoundValues, persona, type Question } from "./question.ts";
import type { Reaches } from "./reach.ts";
import { resolveNames } from "./resolve.ts";
import type { ProofFunction, Schema } from "./schema.ts";
import {
  boolean,
  columnRef,
  fieldsOf,
  free,
  part,
  printExpression,
  printSelect,
  readsRow,
  row,
  rowColumns,
  stringOf,
  typeNameOf,
  walk,
} from "./tree.ts";

/** Truth values that an expression may have, as bits; `raises`: it ends in an error. */
export const truth = { true: 1, false: 2, null: 4, raises: 8 } as const;
const anything = truth.true | truth.false | truth.null;
export type Values = number;

/** Which truth values an expression can have over all rows there could be; a superset of the true answer, never less. */
export type Relaxed =
  | { readonly kind: "values"; readonly values: Values }
  /** What the database answers, row for row, decides; `leaf`: it is the expression itself. */
  | {
      readonly kind: "asked";
      readonly question: Question;
      readonly arms: ReadonlyMap<string | null, Values>;
      readonly otherwise: Relaxed;
      readonly none: Values;
      readonly leaf: Node | undefined;
      /** An error of the question is one of the expression. */
      readonly raises: boolean;
    }
  | { readonly kind: "and" | "or"; readonly of: readonly Relaxed[] }
  | { readonly kind: "not"; readonly of: Relaxed }
  | { readonly kind: "test"; readonly test: BooleanTest["booltesttype"]; readonly of: Relaxed }
  | { readonly kind: "coalesce"; readonly of: readonly Relaxed[] }
  | {
      readonly kind: "case";
      readonly arms: readonly { readonly when: Relaxed; readonly then: Relaxed }[];
      readonly otherwise: Relaxed;
    }
  | { readonly kind: "also"; readonly values: Values; readonly of: Relaxed };

const any: Relaxed = { kind: "values", values: anything };
const yesOrNo: Relaxed = { kind: "values", values: truth.true | truth.false };

export interface Reading {
  readonly schema: Schema;
  readonly reaches: Reaches;
  readonly bounds: BoundValues;
}

interface Place extends Reading {
  readonly actor: Actor;
  readonly depth: number;
}

/** @param tree names resolved */
export function relax(tree: Node, reading: Reading): Relaxed {
  return relaxed(tree, { ...reading, actor: persona, depth: 0 });
}

function relaxed(node: Node, place: Place): Relaxed {
  try {
    return readsRow(node) || part(node, "BoolExpr") !== undefined ? composed(node, place) : leaf(node, place);
  } catch {
    // What cannot be printed cannot be asked.
    return any;
  }
}

const truths = new Map<string | null, Values>([
  ["true", truth.true],
  ["false", truth.false],
  [null, truth.null],
]);

/** It has no column of the row: one value, whatever the row. */
function leaf(node: Node, place: Place): Relaxed {
  if (place.reaches.of(node).volatile.size > 0) return any;
  let ours = false;
  walk(node, (one) => void (ours ||= fieldsOf(one)?.[0] === free));
  if (ours) return any;
  const sql = `select (${printExpression(node)})::boolean::text`;
  return { ...asked(place, sql, truths, any, node), none: anything };
}

function asked(
  { actor, bounds }: Place,
  sql: string,
  arms: ReadonlyMap<string | null, Values>,
  otherwise: Relaxed,
  of?: Node,
): Extract<Relaxed, { kind: "asked" }> {
  return { kind: "asked", question: bounds.question(actor, sql), arms, otherwise, none: truth.null, leaf: of, raises: of !== undefined };
}

function composed(node: Node, place: Place): Relaxed {
  const bool = part(node, "BoolExpr");
  if (bool !== undefined) return connective(bool.boolop, bool.args ?? [], place);
  const test = part(node, "BooleanTest");
  if (test?.arg !== undefined) return { kind: "test", test: test.booltesttype, of: relaxed(test.arg, place) };
  if (part(node, "NullTest") !== undefined) return yesOrNo;
  const typeCast = part(node, "TypeCast");
  if (typeCast?.arg !== undefined) return typeNameOf(node) === "bool" ? relaxed(typeCast.arg, place) : any;
  const first = part(node, "CoalesceExpr");
  if (first !== undefined) return { kind: "coalesce", of: (first.args ?? []).map((one) => relaxed(one, place)) };
  const choice = part(node, "CaseExpr");
  if (choice !== undefined) return choice.arg === undefined ? searchedCase(choice, place) : any;
  const operation = part(node, "A_Expr");
  if (operation !== undefined) return comparison(operation, place);
  const sub = part(node, "SubLink");
  if (sub !== undefined) return subquery(sub, place);
  const call = part(node, "FuncCall");
  return call === undefined ? any : functionCall(call, place);
}

function connective(operator: string | undefined, args: readonly Node[], place: Place): Relaxed {
  const of = args.map((one) => relaxed(one, place));
  const [only = any] = of;
  if (operator === "NOT_EXPR") return { kind: "not", of: only };
  return { kind: operator === "AND_EXPR" ? "and" : "or", of };
}

function searchedCase(choice: { args?: Node[]; defresult?: Node }, place: Place): Relaxed {
  const arms = (choice.args ?? []).map((one) => {
    const arm = part(one, "CaseWhen");
    return { when: side(arm?.expr, place), then: side(arm?.result, place) };
  });
  const nothing: Relaxed = { kind: "values", values: truth.null };
  return { kind: "case", arms, otherwise: choice.defresult ? relaxed(choice.defresult, place) : nothing };
}

function side(node: Node | undefined, place: Place): Relaxed {
  return node === undefined ? any : relaxed(node, place);
}

const comparisons: ReadonlySet<string> = new Set(["=", "<>", "!=", "<", ">", "<=", ">="]);
const isComparison = (name: readonly Node[] | undefined): boolean =>
  name?.length === 1 && comparisons.has(stringOf(name[0]));

/** With NULL on one side it is NULL, whatever is on the other; of an empty array nothing is any. */
function comparison({ kind, name, lexpr, rexpr }: A_Expr, place: Place): Relaxed {
  if ((kind !== "AEXPR_OP" && kind !== "AEXPR_OP_ANY") || !isComparison(name)) return any;
  const fixed = [lexpr, rexpr].find((one) => one !== undefined && !readsRow(one));
  if (fixed === undefined || place.reaches.of(fixed).volatile.size > 0) return any;
  const text = printExpression(fixed);
  const array = kind === "AEXPR_OP_ANY";
  const empty = array && fixed === rexpr ? ` when cardinality(${text}) = 0 then 'empty'` : "";
  const arms = new Map([
    // NULL = ANY of an empty array is FALSE all the same.
    ["null", array && fixed === lexpr ? truth.null | truth.false : truth.null],
    ["empty", truth.false],
  ]);
  // Of a composite, IS NULL would say that its fields are. Where one side raises, the comparison does.
  const sql = `select case when (${text}) is not distinct from null then 'null'${empty} end`;
  return { ...asked(place, sql, arms, any), raises: true };
}

function subquery({ subLinkType, subselect, testexpr }: SubLink, place: Place): Relaxed {
  const select = part(subselect, "SelectStmt");
  if (select === undefined) return any;
  if (subLinkType === "EXPR_SUBLINK") return scalarQuery(select, place);
  if (subLinkType === "ANY_SUBLINK" && testexpr !== undefined && !readsRow(select) && !isVolatile(select, place)) {
    const columns = part(testexpr, "RowExpr") === undefined ? "count(*) = 0, count(v) = 0" : "count(*) = 0, false";
    const sql =
      `select case when none then 'none' when nulls then 'nulls' end from (select ${columns} ` +
      `from (${printSelect(select)}) as q${columns.endsWith("false") ? "" : "(v)"}) as n(none, nulls)`;
    return asked(place, sql, new Map([["none", truth.false], ["nulls", truth.null]]), any);
  }
  if (subLinkType !== "EXISTS_SUBLINK" && subLinkType !== "ANY_SUBLINK") return any;
  const wider = widened(select, place);
  const otherwise = subLinkType === "EXISTS_SUBLINK" ? yesOrNo : any;
  if (wider === undefined) return otherwise;
  return asked(place, `select exists(${printSelect(wider)})::text`, new Map([["false", truth.false]]), otherwise);
}

function isVolatile(tree: object, place: Place): boolean {
  return place.reaches.of(tree).volatile.size > 0;
}

/** The value of `(select …)`: the value of its one column, for the rows that there could be, or NULL. */
function scalarQuery(select: SelectStmt, place: Place): Relaxed {
  const value = part(select.targetList?.[0], "ResTarget")?.val;
  if (value === undefined || select.targetList?.length !== 1 || select.larg !== undefined) return any;
  if (select.fromClause === undefined && select.whereClause === undefined) return relaxed(value, place);
  if (readsRow(value)) {
    const wider = widened(select, place);
    if (wider === undefined) return any;
    return asked(place, `select exists(${printSelect(wider)})::text`, new Map([["false", truth.null]]), any);
  }
  const wider = widened(select, place, select.targetList);
  if (wider === undefined) return any;
  const sql = `select distinct v::boolean::text from (${printSelect(wider)}) as q(v)`;
  return { kind: "also", values: truth.null, of: asked(place, sql, truths, any) };
}

const aggregates: ReadonlySet<string> = new Set(
  "count sum avg max min bool_or bool_and every array_agg string_agg json_agg jsonb_agg json_object_agg jsonb_object_agg bit_and bit_or any_value".split(" "),
);

/**
 * A query that returns at least the rows that this one returns for any row of the policy: what compares with the row holds.
 * `undefined` where fewer rows could mean more: aggregates, DISTINCT, LIMIT, set operations, outer joins over the row.
 */
function widened(select: SelectStmt, place: Place, targets?: readonly Node[]): SelectStmt | undefined {
  const { groupClause, havingClause, limitCount, limitOffset, distinctClause, withClause, valuesLists, larg } = select;
  if ([groupClause, havingClause, limitCount, limitOffset, distinctClause, withClause, valuesLists, larg].some(Boolean))
    return undefined;
  if (isVolatile(select, place) || hasAggregate(select.targetList ?? [], place)) return undefined;
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

/** A set-returning or unknown aggregate would not be a row for a row. */
function hasAggregate(targets: readonly Node[], { schema }: Place): boolean {
  let found = false;
  walk(targets, (node) => {
    const call = part(node, "FuncCall");
    const name = stringOf(call?.funcname?.at(-1));
    if (call === undefined) return;
    if (aggregates.has(name) || call.agg_star === true || call.over !== undefined) found = true;
    if ((call.funcname?.length ?? 0) > 1 && schema.namesakes(name).length === 0) found = true;
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

/** Goes on in the body, as the function's owner where it is SECURITY DEFINER. */
function functionCall(call: FuncCall, place: Place): Relaxed {
  const args = call.args ?? [];
  const fn = place.schema.callee((call.funcname ?? []).map(stringOf), args.length);
  if (fn === undefined || fn.returns !== "boolean" || fn.returnsSet || place.depth > 8) return any;
  const body = bodyOf(fn);
  if (body === undefined) return any;
  const given = args.map((arg, index) => argument(arg, fn.argumentTypes[index] ?? "", place));
  if (given.includes(undefined)) return any;
  const inside = { ...place, actor: actorOf(fn, place.actor), depth: place.depth + 1 };
  const select = part(inlined(body, fn, given.flatMap((one) => one?.node ?? []), place.schema), "SelectStmt");
  if (select === undefined) return any;
  let result = scalarQuery(select, inside);
  if (fn.strict) {
    if (args.some(readsRow)) result = { kind: "also", values: truth.null, of: result };
    for (const one of given) {
      if (one?.question === undefined) continue;
      const { question } = one;
      const sql = `select case when (${question.sql}) is not distinct from null then 'null' end`;
      result = { kind: "asked", question: { ...question, sql }, arms: new Map([["null", truth.null]]), otherwise: result, none: truth.null, leaf: undefined, raises: false };
    }
  }
  return result;
}

export function actorOf(fn: ProofFunction, caller: Actor): Actor {
  return { role: fn.definer ? fn.owner : caller.role, settings: fn.settings.length > 0 ? fn.settings : caller.settings };
}

interface Given {
  readonly node: Node;
  readonly question?: Question;
}

/** A column stays a column; what has none of the row's is the caller's to evaluate, once. */
function argument(arg: Node, type: string, place: Place): Given | undefined {
  if (part(arg, "NamedArgExpr") !== undefined) return undefined;
  if (readsRow(arg)) return plainReference(arg) ? { node: arg } : undefined;
  if (isVolatile(arg, place)) return undefined;
  const { node, bound } = place.bounds.add(place.actor, printExpression(arg), type);
  return { node, question: bound };
}

/** A column of the row, cast or not, or the row as a whole. */
export function plainReference(node: Node): boolean {
  const inner = part(node, "TypeCast")?.arg;
  return fieldsOf(node)?.[0] === row || (inner !== undefined && plainReference(inner) && !rowColumns(inner).has("*"));
}

/** The body with the arguments in place. @throws UnclearName */
export function inlined(body: Node, fn: ProofFunction, given: readonly Node[], schema: Schema): Node {
  const byName = new Map(fn.argumentNames.flatMap((name, index) => (name === "" ? [] : [[name, given[index] ?? columnRef(free)] as const])));
  return resolveNames(body, { schema, path: pathOf(fn), parameters: { function: fn.name, byName, byPosition: given } });
}

/** Where the function's own `search_path` leads; `undefined`: the caller's. */
function pathOf({ settings }: ProofFunction): readonly string[] | undefined {
  const own = settings.find((one) => /^search_path=/i.test(one));
  return own
    ?.slice(own.indexOf("=") + 1)
    .split(",")
    .map((name) => name.trim().replaceAll('"', ""))
    .filter((name) => name !== "");
}

/** Everything that must be asked before `valuesOf`. */
export function questionsOf(tree: Relaxed): readonly Question[] {
  switch (tree.kind) {
    case "values":
      return [];
    case "asked":
      return [tree.question, ...questionsOf(tree.otherwise)];
    case "and":
    case "or":
    case "coalesce":
      return tree.of.flatMap(questionsOf);
    case "case":
      return [...tree.arms.flatMap(({ when, then }) => [when, then]), tree.otherwise].flatMap(questionsOf);
    case "not":
    case "test":
    case "also":
      return questionsOf(tree.of);
  }
}

/** An error that the data or the session causes, and not the way in which we ask. */
const raising = /^(?:22|P0001|42501|42704)/;

/** @param assume values of leaves that are taken for true or false whatever they are */
export function valuesOf(tree: Relaxed, answerOf: (question: Question) => Answer, assume?: ReadonlyMap<Node, Values>): Values {
  const of = (one: Relaxed): Values => valuesOf(one, answerOf, assume);
  switch (tree.kind) {
    case "values":
      return tree.values;
    case "asked": {
      const assumed = tree.leaf && assume?.get(tree.leaf);
      return assumed ?? answered(tree, answerOf(tree.question), of);
    }
    case "and":
      return tree.of.map(of).reduce(and);
    case "or":
      return negated(tree.of.map((one) => negated(of(one))).reduce(and));
    case "not":
      return negated(of(tree.of));
    case "test":
      return tested(of(tree.of), tree.test);
    case "coalesce":
      return firstOf(tree.of.map(of));
    case "case":
      return chosen(tree.arms.map(({ when, then }) => [of(when), of(then)]), of(tree.otherwise));
    case "also":
      return tree.values | of(tree.of);
  }
}

function answered(tree: Extract<Relaxed, { kind: "asked" }>, answer: Answer, of: (one: Relaxed) => Values): Values {
  if (!("rows" in answer)) return tree.raises && raising.test(answer.code) ? truth.raises : widest(tree, of);
  if (answer.rows.length === 0) return tree.none;
  return answer.rows.reduce((values, one) => values | (tree.arms.get(one) ?? of(tree.otherwise)), 0);
}

function widest({ arms, otherwise, none }: Extract<Relaxed, { kind: "asked" }>, of: (one: Relaxed) => Values): Values {
  return [...arms.values()].reduce((all, one) => all | one, of(otherwise) | none);
}

const each = [truth.true, truth.false, truth.null, truth.raises] as const;

/** Three-valued AND, over sets. Either side may be evaluated first, so that FALSE can hide an error and NULL cannot. */
function and(a: Values, b: Values): Values {
  let out = 0;
  for (const x of each) for (const y of each) if (a & x && b & y) out |= both(x, y);
  return out;
}

function both(x: Values, y: Values): Values {
  if (x === truth.raises || y === truth.raises) {
    const other = x === truth.raises ? y : x;
    return other === truth.false ? truth.false | truth.raises : truth.raises;
  }
  if (x === truth.false || y === truth.false) return truth.false;
  return x === truth.null || y === truth.null ? truth.null : truth.true;
}

function negated(values: Values): Values {
  const flipped = (values & truth.true ? truth.false : 0) | (values & truth.false ? truth.true : 0);
  return flipped | (values & (truth.null | truth.raises));
}

function tested(values: Values, test: BooleanTest["booltesttype"]): Values {
  const wanted: Readonly<Record<string, Values>> = {
    IS_TRUE: truth.true,
    IS_NOT_TRUE: truth.false | truth.null,
    IS_FALSE: truth.false,
    IS_NOT_FALSE: truth.true | truth.null,
    IS_UNKNOWN: truth.null,
    IS_NOT_UNKNOWN: truth.true | truth.false,
  };
  const meant = wanted[test ?? ""] ?? 0;
  const yes = values & meant ? truth.true : 0;
  return yes | (values & ~meant & anything ? truth.false : 0) | (values & truth.raises);
}

function firstOf(list: readonly Values[]): Values {
  let out = 0;
  for (const values of list) {
    out |= values & ~truth.null;
    if ((values & truth.null) === 0) return out;
  }
  return out | truth.null;
}

function chosen(arms: readonly (readonly [when: Values, then: Values])[], otherwise: Values): Values {
  let out = 0;
  for (const [when, then] of arms) {
    if (when & truth.true) out |= then;
    out |= when & truth.raises;
    if (when === truth.true || when === truth.raises) return out;
  }
  return out | otherwise;
}
