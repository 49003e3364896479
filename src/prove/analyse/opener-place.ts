import type { FuncCall, Node, SelectStmt } from "libpg-query";
import { bodyOf } from "./bodies.ts";
import { comparison } from "./comparable.ts";
import { actorOf, inlined, type Reading } from "./inline.ts";
import { type Actor, persona, type Question } from "./question.ts";
import { resolveNames } from "./resolve.ts";
import { type ProofFunction, type ProofRelation, type Schema, viewStatements } from "./schema.ts";
import { constantOf, type Scope, type Way } from "./ties.ts";
import { joined, part, printExpression, show, stringOf, walk, withoutCasts } from "./tree.ts";

export const deepest = 6;

export interface Place {
  readonly reading: Reading;
  readonly actor: Actor;
  readonly scope: Scope;
  readonly depth: number;
  readonly alternatives: Alternatives;
  /** Within a view that reads with its owner's rights. */
  readonly pastPolicies?: boolean;
  /** Gathers the ways by which a query would lose its rows: what it says is not there is there. */
  readonly denied?: Way[] | undefined;
}

/** Which way of several a query within an expression has its row by. */
export interface Alternatives {
  readonly choice: number;
  /** How many the query with the most of them has. */
  most: number;
}

/** Where the whole condition is read. */
export function outermost(reading: Reading, choice = 0): Place {
  return { reading, actor: persona, scope: new Map(), depth: 0, alternatives: { choice, most: 1 } };
}

/** A CASE as alternatives: its conditions, those before them not met, and its results, where these are to be true, or not. */
export function casesOf(node: Node, holds: boolean): readonly Node[] {
  const { arg, args = [], defresult } = part(node, "CaseExpr") ?? {};
  const before: Node[] = [];
  const cases: Node[] = [];
  const add = (conditions: readonly Node[], result: Node | undefined): void => {
    const constant = result && part(withoutCasts(result), "A_Const");
    const is = constant && constantOf(constant);
    if (result === undefined || (constant !== undefined && /^t/i.test(is ?? "") !== holds)) return;
    const value = constant !== undefined ? [] : [wanted(result, holds)];
    const all = [...before.map(negated), ...conditions, ...value];
    cases.push(all.length === 0 ? result : { BoolExpr: { boolop: "AND_EXPR", args: all } });
  };
  for (const one of args) {
    const { expr, result } = part(one, "CaseWhen") ?? {};
    if (expr === undefined) continue;
    const condition = arg === undefined ? expr : comparison(arg, "=", expr);
    add([condition], result);
    before.push(condition);
  }
  add([], defresult);
  return cases;
}

function negated(node: Node): Node {
  const known = negations.get(node) ?? { BoolExpr: { boolop: "NOT_EXPR", args: [node] } };
  negations.set(node, known);
  return known;
}

/** What is known of a tree is known of that very tree. */
const negations = new WeakMap<Node, Node>();

/** The condition that it is true, or that it is not. */
export function wanted(node: Node, holds: boolean): Node {
  return holds ? node : negated(node);
}

/** More than one value: what a row of a table adds to it may be any. */
export function isList(node: Node, { reading: { schema } }: Place): boolean {
  const call = part(node, "FuncCall");
  const fn = call && schema.callee((call.funcname ?? []).map(stringOf), call.args?.length ?? 0);
  if (fn !== undefined) return fn.returnsSet || fn.returns.endsWith("[]");
  return part(node, "SubLink")?.subLinkType === "ARRAY_SUBLINK";
}

/** `'{}' || array(select …)`: the part that tables hold. */
export function joinedArrays(node: Node, place: Place): Node | undefined {
  const { kind, name, lexpr, rexpr } = part(node, "A_Expr") ?? {};
  if (kind !== "AEXPR_OP" || stringOf(name?.at(-1)) !== "||") return undefined;
  return [lexpr, rexpr].find((one) => one !== undefined && isList(withoutCasts(one), place));
}

export function questionOf(
  node: Node,
  { reading, actor }: Pick<Place, "reading" | "actor">,
): Question | undefined {
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
  if (place.depth >= deepest) return undefined;
  const known = bodiesCalled.get(schema) ?? new WeakMap<FuncCall, Called>();
  bodiesCalled.set(schema, known);
  const { fn, select } = known.get(call) ?? calledBy(call, schema);
  known.set(call, { fn, select });
  return (
    fn && select && { select, place: { ...place, actor: actorOf(fn, place.actor), depth: place.depth + 1 } }
  );
}

/** A function, and its body with the arguments in place. */
interface Called {
  readonly fn: ProofFunction | undefined;
  readonly select: SelectStmt | undefined;
}

/** A call is read for each choice and each way again. */
const bodiesCalled = new WeakMap<Schema, WeakMap<FuncCall, Called>>();

function calledBy({ funcname = [], args = [] }: FuncCall, schema: Schema): Called {
  const fn = schema.callee(funcname.map(stringOf), args.length);
  const body = fn && bodyOf(fn);
  try {
    return { fn, select: fn && body && part(inlined(body, fn, args, schema), "SelectStmt") };
  } catch {
    return { fn, select: undefined };
  }
}

/** The query that an expression is, or a function that is one. */
export function queryIn(node: Node, place: Place): ReturnType<typeof bodyFor> {
  const call = part(node, "FuncCall");
  const body = call && bodyFor(call, place);
  if (body !== undefined) return body;
  const select = part(part(node, "SubLink")?.subselect, "SelectStmt");
  return select && { select, place };
}

/** Without casts, and without the COALESCE of one value that a variable of PL/pgSQL is. */
export function bare(node: Node): Node {
  const inner = withoutCasts(node);
  const [only, ...more] = part(inner, "CoalesceExpr")?.args ?? [];
  return only === undefined || more.length > 0 ? inner : bare(only);
}

/** Where an expression is a subquery, or a function that is one: the same query with a condition on the value that it makes of a row. */
export function queryOfValue(
  written: Node | undefined,
  place: Place,
  conditionOn: (value: Node) => Node,
): ReturnType<typeof bodyFor> {
  const found = written && queryIn(bare(written), place);
  const value = part(found?.select.targetList?.[0], "ResTarget")?.val;
  if (found?.select.fromClause === undefined || value === undefined) return undefined;
  const targetList: Node[] = [{ ResTarget: { val: conditionOn(value) } }];
  return { ...found, select: { ...found.select, targetList } };
}

/** A call of a function whose body is no expression, and that is not built in. */
export function isUnread(node: Node, { reading: { schema } }: Place): boolean {
  const call = part(node, "FuncCall");
  const fn = call && schema.callee((call.funcname ?? []).map(stringOf), call.args?.length ?? 0);
  return fn !== undefined && bodyOf(fn) === undefined;
}

export function viewQuery(view: ProofRelation, { reading }: Place): SelectStmt | undefined {
  try {
    const [query] = viewStatements(view);
    return query && part(resolveNames(query, { schema: reading.schema }), "SelectStmt");
  } catch {
    return undefined;
  }
}

export function withinView({ securityInvoker }: ProofRelation, place: Place): Place {
  return securityInvoker ? place : { ...place, pastPolicies: true };
}

export function isTable({ kind }: ProofRelation): boolean {
  return kind === "table" || kind === "partitioned";
}

/** Where a query returns a condition (`select plan = 'public' from teams …`): the rows for which it holds, or does not. */
export function holding(select: SelectStmt, holds: boolean): SelectStmt {
  const value = part(select.targetList?.[0], "ResTarget")?.val;
  if (value === undefined) return select;
  const condition = wanted(value, holds);
  const { whereClause } = select;
  return {
    ...select,
    targetList: [],
    whereClause: whereClause === undefined ? condition : joined("AND_EXPR", [whereClause, condition]),
  };
}

const sessionOf =
  /^(?:current_setting|current_schemas?|pg_has_role|has_\w+_privilege|row_security_active|inet_client_addr)$/;

/** Made of constants, the time and built-in functions: the same for everybody. */
export function isForEverybody(node: Node, { reading: { schema } }: Place): boolean {
  let found = true;
  walk(node, (one) => {
    const called = stringOf(part(one, "FuncCall")?.funcname?.at(-1));
    if (
      part(one, "SubLink") !== undefined ||
      sessionOf.test(called) ||
      (called !== "" && schema.namesakes(called).length > 0) ||
      /USER|ROLE|SCHEMA/.test(part(one, "SQLValueFunction")?.op ?? "")
    )
      found = false;
  });
  return found;
}

const session =
  /\bcurrent_setting\b|\b(?:current|session|system)_user\b|\bcurrent_role\b|\bpg_has_role\b|\bhas_\w+_privilege\b|\brow_security_active\b/i;

/** What is another within a SECURITY DEFINER function, or one with a `search_path` of its own. `user` is a reserved word. */
const evaluator =
  /\b(?:current|session|system)_user\b|\bcurrent_(?:role|schemas?)\b|\bsearch_path\b|\b(?:pg_)?has_\w+_privilege\b|\bpg_has_role\b|\brow_security_active\b|(?<![.\w"'])user\b(?![\w"'.])/i;

/** Does its value depend on who asks, in the bodies of functions too? */
export function asksSession(node: Node, reading: Reading): boolean {
  return mentions(session, node, reading);
}

/** Does its value depend on the function that it stands in? */
export function asksEvaluator(node: Node, reading: Reading): boolean {
  return mentions(evaluator, node, reading);
}

function mentions(what: RegExp, node: Node, { schema }: Reading): boolean {
  const seen = new Set<string>();
  const reads = (text: string): boolean =>
    what.test(text) ||
    [...text.matchAll(/([\w$\u0080-\uffff]+)"?\s*\(/g)].some(([, name = ""]) => {
      if (seen.has(name)) return false;
      seen.add(name);
      return schema.namesakes(name).some(({ source, sqlBody }) => reads(`${source} ${sqlBody ?? ""}`));
    });
  return reads(show(node));
}

/** Does it say who the persona is, by a claim or by what the tables hold of it? */
export function asksThePersona({ equal, unmet }: Way, reading: Reading): boolean {
  return (
    equal.flat().some(({ kind }) => kind === "persona") ||
    unmet.some(({ node }) => asksSession(node, reading))
  );
}
