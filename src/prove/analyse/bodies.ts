import type { Node, SelectStmt } from "libpg-query";
import {
  parsePlpgsql,
  plArms,
  plList,
  type PlNode,
  plNode,
  plQuery,
  statementsOfAtomic,
} from "../../lib/function-body.ts";
import { parseExpression, parseStatements } from "../../lib/sql-tree.ts";
import type { ProofFunction } from "./schema.ts";
import { afterLoop, assignment, isLoop, rowsOfLoop } from "./loops.ts";
import { expressionOf, isRow, selectIn, type State, substituted, typed } from "./plpgsql.ts";
import { boolean, columnRef, exists, fieldsOf, literal, part, selectOf, subselect } from "./tree.ts";

/**
 * A function's body as one SELECT that has the function's value, or `undefined` where it is not one expression: then only
 * the function itself knows. Names are not resolved yet.
 */
export function bodyOf(fn: ProofFunction): Node | undefined {
  if (!bodies.has(fn)) bodies.set(fn, readBody(fn));
  return bodies.get(fn);
}

/** `raise exception`, and RAISE without a level. */
const errorLevel = 21;

/** Instead of having the value that {@link bodyOf} says. */
export function mayRaise({ language, source }: ProofFunction): boolean {
  return language === "plpgsql" && /\braise\b/i.test(source);
}

/** Each function is parsed once, however many policies and personas call it. */
const bodies = new WeakMap<ProofFunction, Node | undefined>();

function readBody(fn: ProofFunction): Node | undefined {
  try {
    if (fn.language === "sql") return sqlBody(fn);
    return fn.language === "plpgsql" && !choosesNames(fn) && !hasAliases(fn) ? plpgsqlBody(fn) : undefined;
  } catch {
    return undefined;
  }
}

/** Where a name is a column's and a variable's, PL/pgSQL raises, unless a setting says which of them to take. */
function choosesNames({ source, settings, choosesNames: chosen }: ProofFunction): boolean {
  return chosen || [source, ...settings].some((text) => /variable_conflict/i.test(text));
}

/** `x alias for $1`: the parser does not say for which. */
function hasAliases({ source }: ProofFunction): boolean {
  return /\balias\b/i.test(source);
}

function sqlBody({ sqlBody: printed, source }: ProofFunction): Node | undefined {
  const value = printed && /^\s*return\s([\s\S]*?);?\s*$/i.exec(printed)?.[1];
  if (value) return { SelectStmt: selectOf(parseExpression(value)) };
  const text = printed ? statementsOfAtomic(printed) : source;
  const [only, ...others] = parseStatements(text);
  return others.length === 0 && part(only, "SelectStmt") !== undefined ? only : undefined;
}

function plpgsqlBody(fn: ProofFunction): Node | undefined {
  const body = parsePlpgsql({ ...fn, returns: fn.returnsSet ? `setof ${fn.returns}` : fn.returns });
  const block = plNode(body["action"] as PlNode, "PLpgSQL_stmt_block");
  if (block === undefined || block["exceptions"] !== undefined) return undefined;
  const own = new Set(fn.argumentNames);
  if (isShadowed(plList(body["datums"]))) return undefined;
  const values = new Map<string, Node>([["found", boolean(false)]]);
  const types = new Map<string, string>();
  const parameters = new Map([...own].map((name) => [name, columnRef(fn.name, name)] as const));
  const state: State = { values, types, parameters, rows: new Map(), unknown: new Set() };
  for (const datum of plList(body["datums"])) {
    const variable = plNode(datum, "PLpgSQL_var") ?? plNode(datum, "PLpgSQL_rec");
    const name = variable?.["refname"] as string | undefined;
    if (variable === undefined || name === undefined || own.has(name) || name === "found") continue;
    const type = String(plNode(variable["datatype"] as PlNode, "PLpgSQL_type")?.["typname"] ?? "");
    types.set(name, type);
    if (plNode(datum, "PLpgSQL_rec") !== undefined || isRow(type)) continue;
    const initial = plQuery(variable["default_val"] as PlNode | undefined);
    const value = initial === undefined ? literal(null) : substituted(expressionOf(initial), state);
    values.set(name, typed(value, type));
  }
  const statements = plList(withNames(block["body"], plList(body["datums"])));
  if (fn.returnsSet) return unionOf(rowsReturned(statements, state));
  const value = valueOf(statements, state);
  return value && { SelectStmt: selectOf(value) };
}

/** `return v`, `foreach v in …`: the parser only gives the variable's number. */
function withNames(statements: PlNode[string], datums: readonly PlNode[]): PlNode[string] {
  const nameOf = (number: PlNode[string]): unknown =>
    number === undefined ? undefined : plNode(datums[Number(number)], "PLpgSQL_var")?.["refname"];
  const named = (key: string, value: PlNode): PlNode => {
    const name = nameOf(value?.["retvarno"]);
    if (typeof name === "string") return { ...value, expr: { PLpgSQL_expr: { query: `"${name}"` } } };
    const each = key === "PLpgSQL_stmt_foreach_a" ? nameOf(value["varno"]) : undefined;
    return typeof each === "string" ? { ...value, var: { PLpgSQL_var: { refname: each } } } : value;
  };
  return JSON.parse(JSON.stringify(statements ?? []), named) as PlNode[string];
}

/** A variable that hides a parameter, or another variable, would be taken for it. */
function isShadowed(datums: readonly PlNode[]): boolean {
  const names = datums.flatMap((one) => {
    const name = (plNode(one, "PLpgSQL_var") ?? plNode(one, "PLpgSQL_rec"))?.["refname"];
    return typeof name === "string" && !name.startsWith("(") ? [name] : [];
  });
  return new Set(names).size < names.length;
}

/** What a list of statements returns. @throws where they are no expression */
function valueOf(statements: readonly PlNode[], state: State): Node | undefined {
  const [first, ...rest] = statements;
  if (first === undefined) return undefined;
  const returned = plNode(first, "PLpgSQL_stmt_return");
  if (returned !== undefined) {
    const sql = plQuery(returned["expr"] as PlNode);
    return sql === undefined ? undefined : substituted(expressionOf(sql), state);
  }
  // A row at which the function raises is let through by no policy, as where it were NULL.
  if (plNode(first, "PLpgSQL_stmt_raise")?.["elog_level"] === errorLevel) return literal(null);
  const condition = plNode(first, "PLpgSQL_stmt_if");
  if (condition !== undefined) return branches(condition, rest, state);
  const assigned = plNode(first, "PLpgSQL_stmt_assign");
  if (assigned !== undefined) {
    const [name, sql] = assignment(plQuery(assigned["expr"] as PlNode) ?? "");
    return assign([[name, substituted(expressionOf(sql), state)]], rest, state);
  }
  if (isLoop(first)) {
    const { returned: found, state: after } = afterLoop(first, state);
    const otherwise = valueOf(rest, after);
    if (otherwise === undefined || found === undefined) return otherwise;
    const args = [{ CaseWhen: { expr: found.when, result: found.value } }];
    return { CaseExpr: { args, defresult: otherwise } };
  }
  const performed = plQuery(plNode(first, "PLpgSQL_stmt_perform")?.["expr"] as PlNode | undefined);
  if (performed !== undefined) return valueOf(rest, foundBy(selectIn(performed, state), state));
  const query = plNode(first, "PLpgSQL_stmt_execsql");
  return query && selectInto(query, rest, state);
}

/** Of a function that returns a set: the rows that its statements add. @throws where they are no queries */
function rowsReturned(statements: readonly PlNode[], state: State): readonly SelectStmt[] {
  const [first, ...rest] = statements;
  if (first === undefined || plNode(first, "PLpgSQL_stmt_return") !== undefined) return [];
  if (isLoop(first)) return [...rowsOfLoop(first, state), ...rowsReturned(rest, state)];
  const query = plQuery(plNode(first, "PLpgSQL_stmt_return_query")?.["query"] as PlNode | undefined);
  if (query !== undefined) return [selectIn(query, state), ...rowsReturned(rest, state)];
  const next = plQuery(plNode(first, "PLpgSQL_stmt_return_next")?.["expr"] as PlNode | undefined);
  if (next === undefined) throw new Error("another statement");
  return [selectOf(substituted(expressionOf(next), state)), ...rowsReturned(rest, state)];
}

function unionOf(all: readonly SelectStmt[]): Node | undefined {
  const [first, ...others] = all;
  if (first === undefined) return undefined;
  const union = others.reduce(
    (larg, rarg): SelectStmt => ({
      op: "SETOP_UNION",
      all: true,
      larg,
      rarg,
      limitOption: "LIMIT_OPTION_DEFAULT",
    }),
    first,
  );
  return { SelectStmt: union };
}

/** Each branch goes on with what follows the IF. */
function branches(condition: PlNode, rest: readonly PlNode[], state: State): Node | undefined {
  const arms = plArms(condition);
  const otherwise = valueOf([...plList(condition["else_body"]), ...rest], state);
  const args = arms.flatMap(({ when, body }): readonly Node[] => {
    const result = valueOf([...body, ...rest], state);
    if (when === undefined || result === undefined) return [];
    return [{ CaseWhen: { expr: substituted(expressionOf(when), state), result } }];
  });
  if (otherwise === undefined || args.length < arms.length) return undefined;
  return { CaseExpr: { args, defresult: otherwise } };
}

/** `select … into v …`: STRICT raises where a scalar subquery is NULL. */
function selectInto(query: PlNode, rest: readonly PlNode[], state: State): Node | undefined {
  if (query["into"] === undefined || query["strict"] !== undefined) return undefined;
  const target = query["target"] as PlNode;
  const fields = plList(plNode(target, "PLpgSQL_row")?.["fields"]).map(({ name }) => String(name));
  const row =
    plNode(target, "PLpgSQL_rec")?.["refname"] ?? fields.find((one) => isRow(state.types.get(one) ?? ""));
  const sql = plQuery(query["sqlstmt"] as PlNode);
  if (sql === undefined) return undefined;
  const select = selectIn(sql.replace(/\binto\s+"?\w+"?(?=\s|$)/i, ""), state);
  const next = foundBy(select, state);
  if (typeof row === "string")
    return fields.length > 1
      ? undefined
      : valueOf(rest, { ...next, rows: new Map([...next.rows, [row, select]]) });
  const targets = select.targetList ?? [];
  if (
    targets.length !== fields.length ||
    targets.some((one) => fieldsOf(part(one, "ResTarget")?.val)?.at(-1) === "*")
  )
    return undefined;
  const values = fields.map(
    (name, index) => [name, subselect({ ...select, targetList: targets.slice(index, index + 1) })] as const,
  );
  return assign(values, rest, next);
}

function foundBy(query: SelectStmt, state: State): State {
  return { ...state, values: new Map([...state.values, ["found", exists(query)]]) };
}

function assign(
  assigned: readonly (readonly [name: string, value: Node])[],
  rest: readonly PlNode[],
  state: State,
): Node | undefined {
  const values = new Map(state.values);
  for (const [name, value] of assigned) {
    const type = state.types.get(name);
    if (type === undefined) return undefined;
    values.set(name, typed(value, type));
  }
  return valueOf(rest, { ...state, values });
}
