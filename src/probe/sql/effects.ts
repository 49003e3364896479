import type { ClientBase } from "pg";
import type { Issue } from "../../model/errors.ts";
import { type CalledName, calledNames, mayMean } from "../../lib/sql-calls.ts";
import { formatQualified, type QualifiedName } from "../../lib/sql-text.ts";
import type { SideEffect } from "../../model/side-effect.ts";
import { readSql } from "../../lib/sql-file.ts";
import type { Predicate } from "./predicates.ts";

/**
 * Predicates that would do something. They are evaluated by the privileged connection, again and again; a row set says which rows, and
 * nothing more.
 */
export async function effectIssues(
  client: ClientBase,
  predicates: readonly Predicate[],
  sideEffects: readonly SideEffect[],
): Promise<readonly Issue[]> {
  const calling = predicates.map((predicate) => ({ predicate, calls: calledNames(predicate.sql) }));
  const names = [...new Set(calling.flatMap(({ calls }) => calls.map(({ name }) => name)))];
  if (names.length === 0) return [];
  const { rows } = await client.query<QualifiedName>(readSql("predicate_functions.sql"), [names]);
  const routines = sideEffects.filter(({ isRoutine }) => isRoutine);
  return calling.flatMap(({ predicate, calls }) => issueOf(predicate, calls, rows, routines) ?? []);
}

function issueOf(
  predicate: Predicate,
  calls: readonly CalledName[],
  volatile: readonly QualifiedName[],
  routines: readonly SideEffect[],
): Issue | undefined {
  const acts = volatile.find((one) => calls.some((called) => mayMean(called, one)));
  const reaches = routines.find((one) => calls.some((called) => mayMean(called, one)));
  if (acts !== undefined)
    return issue(
      predicate,
      `calls ${acts.name}, which is VOLATILE`,
      "leave it out; `now()` and `current_setting()` are none",
    );
  return reaches && issue(predicate, `calls ${formatQualified(reaches)}, which reaches ${reaches.reaches}`);
}

function issue({ name, of, at }: Predicate, does: string, hint?: string): Issue {
  const message = `the row set ${name} of ${formatQualified(of)} ${does}: a row set says which rows, and may do nothing`;
  return { code: "preflight/predicate-effect", message, at, hint };
}
