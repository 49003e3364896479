import { DatabaseError, type ClientBase } from "pg";
import type { RelationInfo } from "../../model/catalog.ts";
import type { Issue, SourcePosition } from "../../model/errors.ts";
import { quoteQualified } from "../../model/sql-text.ts";

/** A bound predicate, where it was written, and what it is called. */
export interface Predicate {
  readonly of: RelationInfo;
  readonly sql: string;
  readonly at: SourcePosition;
  readonly name: string;
}

/** Asks Postgres to plan each predicate: one that it cannot read is the matrix's mistake, not a probe's. */
export async function checkPredicates(
  client: ClientBase,
  predicates: readonly Predicate[],
): Promise<readonly Issue[]> {
  if (predicates.length === 0 || (await plans(client, predicates)) === undefined) return [];
  const issues: Issue[] = [];
  for (const predicate of predicates) {
    const error = await plans(client, [predicate]);
    if (error !== undefined) issues.push(issueOf(predicate, error));
  }
  return issues;
}

async function plans(client: ClientBase, predicates: readonly Predicate[]): Promise<unknown> {
  const explains = predicates.map(
    ({ of, sql }) => `explain select 1 from ${quoteQualified(of)} where (${sql}\n)`,
  );
  try {
    await client.query(["begin read only", ...explains, "rollback"].join(";\n"));
    return undefined;
  } catch (error) {
    await client.query("rollback").catch(() => {});
    return error;
  }
}

function issueOf({ name, of, at, sql }: Predicate, error: unknown): Issue {
  const facts = error instanceof DatabaseError ? error : undefined;
  return {
    code: "preflight/predicate",
    message: `the row set ${name} of ${of.schema}.${of.name} is no condition that Postgres can read: ${error instanceof Error ? error.message : String(error)}${facts?.code === undefined ? "" : ` (${facts.code})`}`,
    at,
    hint: facts?.hint ?? `it stands as: ${sql}`,
  };
}
