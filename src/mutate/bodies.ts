import type { Node } from "libpg-query";
import { perObject } from "../lib/recent.ts";
import { parseStatements } from "../lib/sql-tree.ts";
import type { RoleInfo } from "../model/catalog.ts";
import { fieldsOf, part, replace, stringOf, walk } from "../prove/analyse/tree.ts";
import type { FunctionSource } from "./functions.ts";
import type { SqlText } from "./readers.ts";

/*
 * Functions that are no more than an expression, so that a policy which calls one can be compared with a policy that says the same
 * by itself. Only where the expression means the same in both places: each name in it has its schema or is one of pg_catalog, and what
 * it calls does not depend on its caller's search path either.
 */

interface Body {
  readonly parameters: readonly string[];
  readonly expression: Node;
}

/** By `schema.name`. */
export type Bodies = ReadonlyMap<string, Body>;
/** Those that the role may execute. */
export type BodiesOf = (role: RoleInfo) => Bodies;

const none: Bodies = new Map();
export const noBodies: BodiesOf = () => none;

export function readBodies(functions: readonly FunctionSource[], texts: readonly SqlText[]): BodiesOf {
  const known = functions.flatMap((source) => {
    const body = bodyOf(source, texts);
    return body === undefined ? [] : [{ source, body }];
  });
  return perObject(({ inherits, superuser }: RoleInfo) => {
    const mayCall = ({ source: { grantees, owner } }: (typeof known)[number]): boolean =>
      superuser || [...grantees, owner].some((one) => one === "public" || inherits.includes(one));
    return new Map(
      known.filter(mayCall).map(({ source, body }) => [`${source.schema}.${source.name}`, body] as const),
    );
  });
}

/** A call as the expression that the function is. */
export function expanded(node: Node, bodies: Bodies): Node | undefined {
  const { funcname = [], args = [] } = bodies.size === 0 ? {} : (part(node, "FuncCall") ?? {});
  const body = bodies.get(funcname.map(stringOf).join("."));
  if (body === undefined || body.parameters.length !== args.length || !isPlainCall(node)) return undefined;
  return replace(body.expression, (one) => {
    const index = parameterOf(one, body.parameters);
    return index === undefined ? undefined : args[index];
  });
}

function bodyOf(source: FunctionSource, texts: readonly SqlText[]): Body | undefined {
  const { oid, name, definition, definer, result } = source;
  // One of several functions of a name is chosen by the types of what it is called with.
  if (definer || result !== "boolean" || texts.some((one) => one.name === name && one.oid !== oid))
    return undefined;
  const made = part(statementsOf(definition)[0], "CreateFunctionStmt");
  const options = (made?.options ?? []).flatMap((one) => part(one, "DefElem") ?? []);
  const optionsOf = (wanted: string): readonly (Node | undefined)[] =>
    options.filter(({ defname }) => defname === wanted).map(({ arg }) => arg);
  const settings = optionsOf("set");
  if (stringOf(optionsOf("language")[0]) !== "sql" || optionsOf("strict").length > 0) return undefined;
  if (settings.length !== 1 || !settings.every(isEmptyPath)) return undefined;
  const inputs = (made?.parameters ?? []).map((one) => part(one, "FunctionParameter"));
  if (inputs.some((one) => one?.mode !== "FUNC_PARAM_DEFAULT")) return undefined;
  const parameters = inputs.map((one) => one?.name ?? "");
  const [only, ...others] = statementsOf(stringOf(part(optionsOf("as")[0], "List")?.items?.[0]));
  const expression = others.length === 0 ? onlyValueOf(only) : undefined;
  return expression !== undefined && meansTheSame(expression, parameters, texts)
    ? { parameters, expression }
    : undefined;
}

function statementsOf(sql: string): readonly Node[] {
  try {
    return parseStatements(sql);
  } catch {
    return [];
  }
}

/** `SET search_path TO ''`. */
function isEmptyPath(set: Node | undefined): boolean {
  const { name, args = [] } = part(set, "VariableSetStmt") ?? {};
  return name === "search_path" && args.length === 1 && part(args[0], "A_Const")?.sval?.sval === "";
}

/** Of a SELECT that reads nothing. */
function onlyValueOf(statement: Node | undefined): Node | undefined {
  const { targetList = [], limitOption: _, op, ...rest } = part(statement, "SelectStmt") ?? {};
  return op === "SETOP_NONE" && targetList.length === 1 && Object.keys(rest).length === 0
    ? part(targetList[0], "ResTarget")?.val
    : undefined;
}

/** Nothing in it is looked up elsewhere than where a policy's own text would be. */
function meansTheSame(expression: Node, parameters: readonly string[], texts: readonly SqlText[]): boolean {
  let same = true;
  walk({ expression }, (node) => {
    const [tag = ""] = Object.keys(node);
    if (/^[A-Z]/.test(tag)) same &&= isUnderstood(node, parameters, texts);
  });
  return same;
}

function isUnderstood(node: Node, parameters: readonly string[], texts: readonly SqlText[]): boolean {
  if (part(node, "ColumnRef") !== undefined) return parameterOf(node, parameters) !== undefined;
  const comparison = part(node, "A_Expr");
  if (comparison !== undefined) return comparison.kind === "AEXPR_OP" && comparison.name?.length === 1;
  const called = part(node, "FuncCall")?.funcname?.map(stringOf);
  if (called === undefined) return understood.some((tag) => part(node, tag) !== undefined);
  const named = texts.filter(({ name }) => name === called[1]);
  return called.length === 2 && isPlainCall(node) && named.length > 0 && named.every(isPinned);
}

/** It sets a search path of its own. */
function isPinned({ text }: SqlText): boolean {
  return /^ SET search_path /m.test(text);
}

const understood = [
  "BoolExpr",
  "CoalesceExpr",
  "NullTest",
  "BooleanTest",
  "A_Const",
  "ParamRef",
  "String",
] as const;

/** No DISTINCT, no VARIADIC, no window. */
function isPlainCall(node: Node): boolean {
  const { funcname: _, args = [], funcformat, location: _place, ...rest } = part(node, "FuncCall") ?? {};
  const isNamed = args.some((one) => part(one, "NamedArgExpr") !== undefined);
  return funcformat === "COERCE_EXPLICIT_CALL" && Object.keys(rest).length === 0 && !isNamed;
}

function parameterOf(node: Node, parameters: readonly string[]): number | undefined {
  const number = part(node, "ParamRef")?.number;
  if (number !== undefined) return number - 1;
  const fields = part(node, "ColumnRef") === undefined ? undefined : fieldsOf(node);
  const index = fields?.length === 1 ? parameters.indexOf(fields[0] ?? "") : -1;
  return index < 0 ? undefined : index;
}
