import { messageOf } from "../../model/errors.ts";
import { DatabaseError, type ClientBase } from "pg";
import { ruleOf } from "../../model/answers.ts";
import type { RelationInfo } from "../../model/catalog.ts";
import type { Issue, SourcePosition } from "../../model/errors.ts";
import { quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import { isLost } from "./session.ts";

/** A bound predicate, where it was written, and what it is called. */
export interface Predicate {
  readonly of: RelationInfo;
  readonly sql: string;
  readonly at: SourcePosition;
  readonly name: string;
}

/** A bound value and the type that it is meant to be. */
export interface Value {
  readonly text: string;
  /** The type as SQL can name it, and as people do. */
  readonly cast: string;
  readonly type: string;
  readonly at: SourcePosition;
  /** `the call own of public.f(a uuid): a` */
  readonly what: string;
}

/** Asks Postgres to plan each predicate: one that it cannot read is the matrix's mistake, not a probe's. */
export function checkPredicates(
  client: ClientBase,
  predicates: readonly Predicate[],
): Promise<readonly Issue[]> {
  return check(client, predicates, explain, predicateIssue);
}

function explain({ of, sql }: Predicate): string {
  return `explain select 1 from ${quoteQualified(of)} where (${sql}\n)`;
}

/** Asks Postgres to read each value as its type. */
export function checkValues(client: ClientBase, values: readonly Value[]): Promise<readonly Issue[]> {
  return check(client, values, ({ text, cast }) => `select ${quoteLiteral(text)}::${cast}`, valueIssue);
}

/** All of them in one message; one by one only when one of them fails. */
async function check<T>(
  client: ClientBase,
  all: readonly T[],
  statementOf: (one: T) => string,
  issueOf: (one: T, error: unknown) => Issue,
): Promise<readonly Issue[]> {
  if (all.length === 0 || (await runs(client, all.map(statementOf))) === undefined) return [];
  const issues: Issue[] = [];
  for (const one of all) {
    const error = await runs(client, [statementOf(one)]);
    if (error !== undefined) issues.push(issueOf(one, error));
  }
  return issues;
}

async function runs(client: ClientBase, statements: readonly string[]): Promise<unknown> {
  try {
    await client.query(["begin read only", ...statements, "rollback"].join(";\n"));
    return undefined;
  } catch (error) {
    // A server that is gone, busy or full says nothing about the matrix.
    const code = error instanceof DatabaseError ? (error.code ?? "") : "";
    if (isLost(error) || ruleOf(code, "direct").momentary === true) throw error;
    await client.query("rollback").catch(() => {});
    return error;
  }
}

function predicateIssue({ name, of, at, sql }: Predicate, error: unknown): Issue {
  return {
    code: "preflight/predicate",
    message: `the row set ${name} of ${of.schema}.${of.name} is no condition that Postgres can read: ${said(error)}`,
    at,
    hint: (error instanceof DatabaseError ? error.hint : undefined) ?? `the SQL as it was sent: ${sql}`,
  };
}

function valueIssue({ what, at, type, text }: Value, error: unknown): Issue {
  const isList = type.endsWith("[]") && text.startsWith("[");
  return {
    code: "preflight/argument",
    message: `${what} is no ${type}: ${said(error)}`,
    at,
    hint: isList ? "an array is written as Postgres reads it: `'{a,b}'`" : "write a value of that type",
  };
}

function said(error: unknown): string {
  const code = error instanceof DatabaseError && error.code !== undefined ? ` (${error.code})` : "";
  return `${messageOf(error)}${code}`;
}
