import type { Node, SelectStmt } from "libpg-query";
import {
  parsePlpgsql,
  plList,
  type PlNode,
  plNode,
  plQuery,
  statementsOfAtomic,
} from "../../lib/function-body.ts";
import { parseExpression, parseStatements } from "../../lib/sql-tree.ts";
import type { ProofFunction } from "./schema.ts";
import {
  boolean,
  cast,
  columnRef,
  exists,
  fieldsOf,
  literal,
  part,
  replace,
  selectOf,
  subselect,
  walk,
} from "./tree.ts";

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
    return fn.language === "plpgsql" && !fn.returnsSet && !choosesNames(fn) && !hasAliases(fn)
      ? plpgsqlBody(fn)
      : undefined;
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

/** What is known at one statement of a body. */
interface State {
  /** Values of variables, and whether the query before found a row (`found`). */
  readonly values: ReadonlyMap<string, Node>;
  /** Queries whose first row a variable holds. */
  readonly rows: ReadonlyMap<string, SelectStmt>;
  /** Types of variables, to which every assignment is cast; of a row the table, or `record`. */
  readonly types: ReadonlyMap<string, string>;
}

function plpgsqlBody(fn: ProofFunction): Node | undefined {
  const body = parsePlpgsql(fn);
  const block = plNode(body["action"] as PlNode, "PLpgSQL_stmt_block");
  if (block === undefined || block["exceptions"] !== undefined) return undefined;
  const own = new Set(fn.argumentNames);
  if (isShadowed(plList(body["datums"]))) return undefined;
  const values = new Map<string, Node>([["found", boolean(false)]]);
  const types = new Map<string, string>();
  const state: State = { values, types, rows: new Map() };
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
  const value = valueOf(plList(withNamedReturns(block["body"], plList(body["datums"]))), state);
  return value && { SelectStmt: selectOf(value) };
}

/** `return v`: the parser only gives the variable's number. */
function withNamedReturns(statements: PlNode[string], datums: readonly PlNode[]): PlNode[string] {
  const named = (_: string, value: PlNode): PlNode => {
    const name = plNode(datums[Number(value?.["retvarno"])], "PLpgSQL_var")?.["refname"];
    return typeof name === "string" ? { ...value, expr: { PLpgSQL_expr: { query: `"${name}"` } } } : value;
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

/** A variable declared as `t.c%TYPE` has a type that only the catalogue knows: the value keeps its own. */
function typed(value: Node, type: string): Node {
  if (/%type$/i.test(type)) return value;
  if (type === "" || /%|^unknown$/i.test(type)) throw new Error("a variable without a known type");
  return cast(value, type);
}

function expressionOf(sql: string): Node {
  if (!/^\s*select\b/i.test(sql)) return parseExpression(sql);
  const [only, ...others] = parseStatements(sql);
  const select = part(only, "SelectStmt");
  if (select === undefined || others.length > 0) throw new Error("no query");
  return subselect(select);
}

/** A row of a table, whose columns are read one by one. */
function isRow(type: string): boolean {
  return /%rowtype$/i.test(type);
}

function substituted<T extends object>(tree: T, { values, rows, types }: State): T {
  // A FROM item of a variable's name hides it, or raises.
  const hidden = new Set<string>();
  walk(
    tree,
    (one) => void hidden.add(part(one, "RangeVar")?.alias?.aliasname ?? part(one, "RangeVar")?.relname ?? ""),
  );
  return replace(tree, (one) => {
    const [name = "", field, ...more] = fieldsOf(one) ?? [];
    if (field === undefined) {
      if (rows.has(name)) throw new Error("a row as a whole");
      return values.get(name);
    }
    const query = rows.get(name);
    if (query === undefined && !values.has(name)) return undefined;
    // A field of a variable that is no row.
    if (query === undefined || hidden.has(name) || more.length > 0) throw new Error("not a value");
    return subselect(fieldOf(query, field, types.get(name) ?? ""));
  });
}

/** One column of a query's row. */
function fieldOf(query: SelectStmt, field: string, type: string): SelectStmt {
  const targets = (query.targetList ?? []).map((one) => part(one, "ResTarget"));
  const stars = targets.filter((one) => fieldsOf(one?.val)?.at(-1) === "*");
  if (stars.length > 0) {
    // The columns of another table would take those of this type by their places.
    const from = part(query.fromClause?.[0], "RangeVar")?.relname;
    const isOfType = type === "record" || (query.fromClause?.length === 1 && from === tableOf(type));
    if (targets.length > 1 || !isOfType) throw new Error("not known which column");
    const [of = ""] = fieldsOf(stars[0]?.val) ?? [];
    return {
      ...query,
      targetList: selectOf(of === "*" ? columnRef(field) : columnRef(of, field)).targetList ?? [],
    };
  }
  const named = targets.filter((one) => (one?.name ?? fieldsOf(one?.val)?.at(-1)) === field);
  const value = named[0]?.val;
  if (type !== "record" || named.length !== 1 || value === undefined)
    throw new Error("not known which column");
  return { ...query, targetList: selectOf(value).targetList ?? [] };
}

function tableOf(type: string): string {
  return (
    type
      .replace(/%rowtype$/i, "")
      .split(".")
      .at(-1)
      ?.replaceAll('"', "")
      .trim() ?? ""
  );
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
    const [, name = "", sql = ""] =
      /^\s*"?(\w+)"?\s*:?=\s*([\s\S]*)$/.exec(plQuery(assigned["expr"] as PlNode) ?? "") ?? [];
    return assign([[name, substituted(expressionOf(sql), state)]], rest, state);
  }
  const performed = plQuery(plNode(first, "PLpgSQL_stmt_perform")?.["expr"] as PlNode | undefined);
  if (performed !== undefined) return valueOf(rest, foundBy(selectIn(performed, state), state));
  const query = plNode(first, "PLpgSQL_stmt_execsql");
  return query && selectInto(query, rest, state);
}

/** Each branch goes on with what follows the IF. */
function branches(condition: PlNode, rest: readonly PlNode[], state: State): Node | undefined {
  const arms = [
    { when: condition["cond"], body: plList(condition["then_body"]) },
    ...plList(condition["elsif_list"]).map((one) => {
      const arm = plNode(one, "PLpgSQL_if_elsif");
      return { when: arm?.["cond"], body: plList(arm?.["stmts"]) };
    }),
  ];
  const otherwise = valueOf([...plList(condition["else_body"]), ...rest], state);
  const args = arms.flatMap(({ when, body }): readonly Node[] => {
    const sql = plQuery(when as PlNode);
    const result = valueOf([...body, ...rest], state);
    if (sql === undefined || result === undefined) return [];
    return [{ CaseWhen: { expr: substituted(expressionOf(sql), state), result } }];
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

/** @throws where it is another statement */
function selectIn(sql: string, state: State): SelectStmt {
  const [only, ...others] = parseStatements(sql);
  const select = part(only, "SelectStmt");
  if (select === undefined || others.length > 0 || select.intoClause !== undefined)
    throw new Error("no query");
  return substituted(select, state);
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
