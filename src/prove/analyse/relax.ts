import type { A_Expr, FuncCall, Node, SelectStmt, SubLink } from "libpg-query";
import { bodyOf, mayRaise } from "./bodies.ts";
import { actorOf, inlined, plainReference, type Reading } from "./inline.ts";
import { type Actor, persona, type Question } from "./question.ts";
import {
  fieldsOf,
  free,
  onlyValue,
  part,
  printExpression,
  printSelect,
  readsRow,
  stringOf,
  typeNameOf,
  walk,
} from "./tree.ts";
import { anything, type Relaxed, truth, type Values } from "./truth.ts";
import { isComparison, isVolatile, widened } from "./widen.ts";

const any: Relaxed = { kind: "values", values: anything };
const yesOrNo: Relaxed = { kind: "values", values: truth.true | truth.false };

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
  return {
    kind: "asked",
    question: bounds.question(actor, sql),
    arms,
    otherwise,
    none: truth.null,
    leaf: of,
    raises: of !== undefined,
  };
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
  if (first !== undefined)
    return { kind: "coalesce", of: (first.args ?? []).map((one) => relaxed(one, place)) };
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
    return { when: side(arm?.expr, place), result: side(arm?.result, place) };
  });
  const nothing: Relaxed = { kind: "values", values: truth.null };
  return { kind: "case", arms, otherwise: choice.defresult ? relaxed(choice.defresult, place) : nothing };
}

function side(node: Node | undefined, place: Place): Relaxed {
  return node === undefined ? any : relaxed(node, place);
}

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
  if (
    subLinkType === "ANY_SUBLINK" &&
    testexpr !== undefined &&
    !readsRow(select) &&
    !isVolatile(select, place)
  ) {
    const columns =
      part(testexpr, "RowExpr") === undefined ? "count(*) = 0, count(v) = 0" : "count(*) = 0, false";
    const sql =
      `select case when none then 'none' when nulls then 'nulls' end from (select ${columns} ` +
      `from (${printSelect(select)}) as q${columns.endsWith("false") ? "" : "(v)"}) as n(none, nulls)`;
    return asked(
      place,
      sql,
      new Map([
        ["none", truth.false],
        ["nulls", truth.null],
      ]),
      any,
    );
  }
  if (subLinkType !== "EXISTS_SUBLINK" && subLinkType !== "ANY_SUBLINK") return any;
  const wider = widened(select, place);
  const otherwise = subLinkType === "EXISTS_SUBLINK" ? yesOrNo : any;
  if (wider === undefined) return otherwise;
  return asked(
    place,
    `select exists(${printSelect(wider)})::text`,
    new Map([["false", truth.false]]),
    otherwise,
  );
}

/** The value of `(select …)`: the value of its one column, for the rows that there could be, or NULL. */
function scalarQuery(select: SelectStmt, place: Place): Relaxed {
  const value = part(select.targetList?.[0], "ResTarget")?.val;
  if (value === undefined || select.targetList?.length !== 1 || select.larg !== undefined) return any;
  if (onlyValue(select) !== undefined) return relaxed(value, place);
  // WITH brings along what the value reads.
  if (select.withClause !== undefined) return any;
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

/** Goes on in the body, as the function's owner where it is SECURITY DEFINER. */
function functionCall(call: FuncCall, place: Place): Relaxed {
  const args = call.args ?? [];
  const fn = place.schema.callee((call.funcname ?? []).map(stringOf), args.length);
  if (fn === undefined || fn.returns !== "boolean" || fn.returnsSet || place.depth > 8) return any;
  const body = bodyOf(fn);
  // Where it raises, the error decides, which only each row's own evaluation shows.
  if (body === undefined || mayRaise(fn)) return any;
  const given = args.map((arg, index) => argument(arg, fn.argumentTypes[index] ?? "", place));
  if (given.includes(undefined)) return any;
  const inside = { ...place, actor: actorOf(fn, place.actor), depth: place.depth + 1 };
  const select = part(
    inlined(
      body,
      fn,
      given.flatMap((one) => one?.node ?? []),
      place.schema,
    ),
    "SelectStmt",
  );
  if (select === undefined) return any;
  let result = scalarQuery(select, inside);
  if (fn.strict) {
    if (args.some(readsRow)) result = { kind: "also", values: truth.null, of: result };
    for (const one of given) {
      if (one?.question === undefined) continue;
      const { question } = one;
      const sql = `select case when (${question.sql}) is not distinct from null then 'null' end`;
      result = {
        kind: "asked",
        question: { ...question, sql },
        arms: new Map([["null", truth.null]]),
        otherwise: result,
        none: truth.null,
        leaf: undefined,
        raises: false,
      };
    }
  }
  return result;
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
