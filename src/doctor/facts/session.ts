import type { ClientBase } from "pg";
import type { SessionFacts } from "../../model/examination.ts";
import type { Limits } from "../../model/target.ts";
import { readSql } from "../../lib/sql-file.ts";

interface SessionRow extends Omit<SessionFacts, "limits" | "told" | "clockAhead" | "clockUnsure"> {
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What a session of ours is, and what it holds. `clock`: ours, in milliseconds. */
export async function readSession(
  client: ClientBase,
  limits: Limits,
  clock: () => number,
): Promise<SessionFacts> {
  const asked = clock();
  const { rows } = await client.query<SessionRow>(readSql("doctor_session.sql"));
  const answered = clock();
  const [row] = rows;
  if (row === undefined) throw new Error("a SELECT without FROM answered no row");
  const { statementTimeoutMs, lockTimeoutMs, idleTimeoutMs, now, ...facts } = row;
  return {
    ...facts,
    limits: {
      statement_timeout: statementTimeoutMs,
      lock_timeout: lockTimeoutMs,
      idle_in_transaction_session_timeout: idleTimeoutMs,
    },
    told: {
      statement_timeout: limits.statementTimeoutMs,
      lock_timeout: limits.lockTimeoutMs,
      idle_in_transaction_session_timeout: limits.idleInTransactionTimeoutMs,
    },
    clockAhead: now - (asked + answered) / 2,
    clockUnsure: (answered - asked) / 2,
  };
}
