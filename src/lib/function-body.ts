import { parsePlPgSQLSync } from "libpg-query";
import { quoteIdent } from "./sql-text.ts";

// What a function's body says, in SQL and in PL/pgSQL.

/** `BEGIN ATOMIC … END`, as the catalogue prints a body that it keeps parsed, without these words. `RETURN …` stays. */
export function statementsOfAtomic(printed: string): string {
  return printed.replace(/^\s*begin\s+atomic/i, "").replace(/\bend\s*;?\s*$/i, "");
}

/** A node of what PL/pgSQL's parser says; the parser declares no types. */
export interface PlNode {
  readonly [key: string]: PlNode | readonly PlNode[] | string | number | boolean | undefined;
}

export interface PlpgsqlText {
  readonly source: string;
  /** As Postgres writes it behind RETURNS: it decides what RETURN takes. */
  readonly returns: string;
  readonly argumentNames?: readonly string[];
  readonly argumentTypes?: readonly string[];
}

/** The function whole: its variables (`datums`) and its outermost block (`action`). @throws where it is not PL/pgSQL's */
export function parsePlpgsql({
  source,
  returns,
  argumentNames = [],
  argumentTypes = [],
}: PlpgsqlText): PlNode {
  const given = argumentNames.map(
    (name, index) => `${name === "" ? "" : quoteIdent(name)} ${argumentTypes[index] ?? "text"}`,
  );
  const tag = "$rowgate_body$";
  const parsed: unknown = parsePlPgSQLSync(
    `create function f(${given.join(", ")}) returns ${returns} language plpgsql as ${tag}${source}${tag}`,
  );
  const functions = Array.isArray(parsed)
    ? (parsed as readonly PlNode[])
    : plList((parsed as PlNode)["plpgsql_funcs"]);
  const found = plNode(functions[0], "PLpgSQL_function");
  if (found === undefined) throw new Error("no function");
  return found;
}

export function plNode(holder: PlNode | undefined, tag: string): PlNode | undefined {
  return holder?.[tag] as PlNode | undefined;
}

export function plList(value: PlNode[string]): readonly PlNode[] {
  return Array.isArray(value) ? (value as readonly PlNode[]) : [];
}

/** The arms of an IF, in their order; what ELSE holds is `else_body`. */
export function plArms(
  condition: PlNode,
): readonly { readonly when: string | undefined; readonly body: readonly PlNode[] }[] {
  const others = plList(condition["elsif_list"]).map((one) => plNode(one, "PLpgSQL_if_elsif"));
  return [
    { when: plQuery(condition["cond"]), body: plList(condition["then_body"]) },
    ...others.map((arm) => ({ when: plQuery(arm?.["cond"]), body: plList(arm?.["stmts"]) })),
  ];
}

/** The text of an expression, a query, or an assignment. */
export function plQuery(expression: PlNode[string]): string | undefined {
  const query = plNode(expression as PlNode | undefined, "PLpgSQL_expr")?.["query"];
  return typeof query === "string" ? query : undefined;
}

/** Every node below a value, with the key that it stands under, outer ones first. */
export function walkPlpgsql(value: unknown, visit: (key: string, node: PlNode) => void): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner !== "object" || inner === null) continue;
    if (!Array.isArray(value)) visit(key, inner as PlNode);
    walkPlpgsql(inner, visit);
  }
}
