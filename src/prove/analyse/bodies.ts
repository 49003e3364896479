import { type Node, parsePlPgSQLSync } from "libpg-query";
import { parseExpression, parseStatements } from "../../lib/sql-tree.ts";
import type { ProofFunction } from "./schema.ts";
import { cast, fieldsOf, literal, part, replace, selectOf, walk } from "./tree.ts";

/**
 * A function's body as one SELECT that has the function's value, or `undefined` where it is not one expression: then only
 * the function itself knows. Names are not resolved yet.
 */
export function bodyOf(fn: ProofFunction): Node | undefined {
  if (!bodies.has(fn)) bodies.set(fn, readBody(fn));
  return bodies.get(fn);
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
  const text = printed ? printed.replace(/^\s*begin\s+atomic/i, "").replace(/\bend\s*;?\s*$/i, "") : source;
  const [only, ...others] = parseStatements(text);
  return others.length === 0 && part(only, "SelectStmt") !== undefined ? only : undefined;
}

/** What the parser of PL/pgSQL says of a body; the parser declares no types. */
interface PlNode {
  readonly [key: string]: PlNode | readonly PlNode[] | string | undefined;
}

type Variables = ReadonlyMap<string, Node>;
/** Types of variables, to which every assignment is cast. */
type Types = ReadonlyMap<string, string>;

function plpgsqlBody(fn: ProofFunction): Node | undefined {
  const names = fn.argumentNames.map(
    (name, index) => `${name === "" ? "" : `"${name}"`} ${fn.argumentTypes[index] ?? ""}`,
  );
  const tag = "$rowgate_body$";
  const parsed: unknown = parsePlPgSQLSync(
    `create function f(${names.join(", ")}) returns ${fn.returns} language plpgsql as ${tag}${fn.source}${tag}`,
  );
  const functions = (
    Array.isArray(parsed) ? parsed : (parsed as { plpgsql_funcs: unknown[] }).plpgsql_funcs
  ) as PlNode[];
  const body = node(functions[0], "PLpgSQL_function");
  const block = node(body?.["action"] as PlNode, "PLpgSQL_stmt_block");
  if (body === undefined || block === undefined || block["exceptions"] !== undefined) return undefined;
  const own = new Set(fn.argumentNames);
  if (isShadowed(list(body["datums"]))) return undefined;
  const variables = new Map<string, Node>();
  const types = new Map<string, string>();
  for (const datum of list(body["datums"])) {
    const variable = node(datum, "PLpgSQL_var");
    const name = variable?.["refname"] as string | undefined;
    if (variable === undefined || name === undefined || own.has(name) || name === "found") continue;
    const type = String(node(variable["datatype"] as PlNode, "PLpgSQL_type")?.["typname"] ?? "");
    types.set(name, type);
    const initial = queryOf(variable["default_val"] as PlNode | undefined);
    const value = initial === undefined ? literal(null) : substituted(expressionOf(initial), variables);
    variables.set(name, typed(value, type));
  }
  const value = valueOf(list(withNamedReturns(block["body"], list(body["datums"]))), variables, types);
  return value && { SelectStmt: selectOf(value) };
}

/** `return v`: the parser only gives the variable's number. */
function withNamedReturns(statements: PlNode[string], datums: readonly PlNode[]): PlNode[string] {
  const named = (_: string, value: PlNode): PlNode => {
    const name = node(datums[Number(value?.["retvarno"])], "PLpgSQL_var")?.["refname"];
    return typeof name === "string" ? { ...value, expr: { PLpgSQL_expr: { query: `"${name}"` } } } : value;
  };
  return JSON.parse(JSON.stringify(statements ?? []), named) as PlNode[string];
}

/** A variable that hides a parameter, or another variable, would be taken for it. */
function isShadowed(datums: readonly PlNode[]): boolean {
  const names = datums.flatMap((one) => {
    const name = (node(one, "PLpgSQL_var") ?? node(one, "PLpgSQL_rec"))?.["refname"];
    return typeof name === "string" && !name.startsWith("(") ? [name] : [];
  });
  return new Set(names).size < names.length;
}

function node(holder: PlNode | undefined, tag: string): PlNode | undefined {
  return holder?.[tag] as PlNode | undefined;
}

function list(value: PlNode[string]): readonly PlNode[] {
  return Array.isArray(value) ? (value as readonly PlNode[]) : [];
}

function queryOf(expression: PlNode | undefined): string | undefined {
  return node(expression, "PLpgSQL_expr")?.["query"] as string | undefined;
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
  if (only === undefined || others.length > 0 || part(only, "SelectStmt") === undefined)
    throw new Error("no query");
  return { SubLink: { subLinkType: "EXPR_SUBLINK", subselect: only } };
}

function substituted(tree: Node, variables: Variables): Node {
  walk(tree, (one) => {
    const fields = fieldsOf(one);
    // Whether the statement before it found a row; a field of a variable.
    if (
      fields?.[0] === "found" ||
      (fields !== undefined && fields.length > 1 && variables.has(fields[0] ?? ""))
    )
      throw new Error("not a value");
  });
  return replace(tree, (one) => {
    const fields = fieldsOf(one);
    return fields?.length === 1 ? variables.get(fields[0] ?? "") : undefined;
  });
}

/** What a list of statements returns. @throws where they are no expression */
function valueOf(statements: readonly PlNode[], variables: Variables, types: Types): Node | undefined {
  const [first, ...rest] = statements;
  if (first === undefined) return undefined;
  const returned = node(first, "PLpgSQL_stmt_return");
  if (returned !== undefined) {
    const sql = queryOf(returned["expr"] as PlNode);
    return sql === undefined ? undefined : substituted(expressionOf(sql), variables);
  }
  const condition = node(first, "PLpgSQL_stmt_if");
  if (condition !== undefined) return branches(condition, rest, variables, types);
  const assigned = node(first, "PLpgSQL_stmt_assign");
  if (assigned !== undefined) {
    const [, name = "", sql = ""] =
      /^\s*"?(\w+)"?\s*:?=\s*([\s\S]*)$/.exec(queryOf(assigned["expr"] as PlNode) ?? "") ?? [];
    return assign(name, substituted(expressionOf(sql), variables), rest, variables, types);
  }
  const query = node(first, "PLpgSQL_stmt_execsql");
  if (query !== undefined) return selectInto(query, rest, variables, types);
  return undefined;
}

/** Each branch goes on with what follows the IF. */
function branches(
  condition: PlNode,
  rest: readonly PlNode[],
  variables: Variables,
  types: Types,
): Node | undefined {
  const arms = [
    { when: condition["cond"], body: list(condition["then_body"]) },
    ...list(condition["elsif_list"]).map((one) => {
      const arm = node(one, "PLpgSQL_if_elsif");
      return { when: arm?.["cond"], body: list(arm?.["stmts"]) };
    }),
  ];
  const otherwise = valueOf([...list(condition["else_body"]), ...rest], variables, types);
  const args = arms.flatMap(({ when, body }): readonly Node[] => {
    const sql = queryOf(when as PlNode);
    const result = valueOf([...body, ...rest], variables, types);
    if (sql === undefined || result === undefined) return [];
    return [{ CaseWhen: { expr: substituted(expressionOf(sql), variables), result } }];
  });
  if (otherwise === undefined || args.length < arms.length) return undefined;
  return { CaseExpr: { args, defresult: otherwise } };
}

/** `select … into v …`: STRICT raises where a scalar subquery is NULL, and several targets are no scalar. */
function selectInto(
  query: PlNode,
  rest: readonly PlNode[],
  variables: Variables,
  types: Types,
): Node | undefined {
  if (query["into"] === undefined || query["strict"] !== undefined) return undefined;
  const fields = list(node(query["target"] as PlNode, "PLpgSQL_row")?.["fields"]);
  const name = fields[0]?.["name"];
  const sql = queryOf(query["sqlstmt"] as PlNode);
  if (fields.length !== 1 || typeof name !== "string" || sql === undefined) return undefined;
  const plain = sql.replace(/\binto\s+"?\w+"?(?=\s|$)/i, "");
  if (/\binto\b/i.test(plain)) return undefined;
  return assign(name, substituted(expressionOf(plain), variables), rest, variables, types);
}

function assign(
  name: string,
  value: Node,
  rest: readonly PlNode[],
  variables: Variables,
  types: Types,
): Node | undefined {
  const type = types.get(name);
  if (type === undefined) return undefined;
  return valueOf(rest, new Map([...variables, [name, typed(value, type)]]), types);
}
