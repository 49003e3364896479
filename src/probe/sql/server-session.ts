import { randomBytes } from "node:crypto";
import type { Client, ClientBase } from "pg";
import { readSql } from "../../lib/sql-file.ts";
import type { Limits } from "../../model/target.ts";
import { linkFailure } from "../link-failure.ts";

export type LimitName = "statement_timeout" | "lock_timeout" | "idle_in_transaction_session_timeout";

/** What a session of rowgate's is on the server. */
export interface SessionFacts {
  readonly version: string;
  readonly versionNum: number;
  readonly inRecovery: boolean;
  /** A transaction of this session cannot write unless it is opened as one that writes. */
  readonly readOnly: boolean;
  /** Limits in force, in milliseconds. */
  readonly limits: Readonly<Record<LimitName, number>>;
  /** Limits that rowgate set at the start of the session. */
  readonly requested: Readonly<Record<LimitName, number>>;
  /** Milliseconds that the server's clock is ahead of ours, give or take `clockUncertainty`: half the round trip. */
  readonly clockAhead: number;
  readonly clockUncertainty: number;
  /** safeupdate is active in this session. */
  readonly safeupdate: boolean;
  /** Roles for which safeupdate is loaded; `null`: every role. */
  readonly safeupdateOf: readonly (string | null)[];
}

/** Whether a pooler is between the session and its server process. */
export type PoolingFacts =
  | { readonly kind: "unknown"; readonly message: string }
  | {
      readonly kind: "known";
      /** The session's process is the one that the server named at the login: no pooler is in between. */
      readonly direct: boolean;
      /** Several processes served one session, or one served two. */
      readonly shared: boolean;
      /** The pooler refused a transaction of several statements. */
      readonly statementMode: boolean;
      /** SET LOCAL lasts exactly until the end of its transaction. */
      readonly setLocalHolds: boolean;
    };

interface SessionRow extends Omit<SessionFacts, "limits" | "requested" | "clockAhead" | "clockUncertainty"> {
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** `clock`: ours, in milliseconds. */
export async function querySession(
  client: ClientBase,
  limits: Limits,
  clock: () => number,
): Promise<SessionFacts> {
  const asked = clock();
  const { rows } = await client.query<SessionRow>(readSql("server_session.sql"));
  const answered = clock();
  const [row] = rows;
  if (row === undefined) throw new Error("a SELECT without FROM returned no row");
  const { statementTimeoutMs, lockTimeoutMs, idleTimeoutMs, now, ...facts } = row;
  return {
    ...facts,
    limits: {
      statement_timeout: statementTimeoutMs,
      lock_timeout: lockTimeoutMs,
      idle_in_transaction_session_timeout: idleTimeoutMs,
    },
    requested: {
      statement_timeout: limits.statementTimeoutMs,
      lock_timeout: limits.lockTimeoutMs,
      idle_in_transaction_session_timeout: limits.idleInTransactionTimeoutMs,
    },
    clockAhead: now - (asked + answered) / 2,
    clockUncertainty: (answered - asked) / 2,
  };
}

/** A pooler's other users take server processes, and give them back, in between. */
const attempts = 20;

/**
 * Does each session have a separate server process? Both are asked for their process while the other one has a transaction
 * open: a pooler in transaction mode gives out whichever is free.
 */
export async function queryPooling(one: Client, other: Client): Promise<PoolingFacts> {
  try {
    const first = await processOf(one);
    if (first !== undefined && first === namedAtLogin(one))
      return await withSetLocal(one, { direct: true, shared: false });
    for (let left = attempts; left > 0; left -= 1) {
      const within = await processInTransaction(other);
      const again = await processOf(one);
      if (within === first || within === again || again !== first)
        return await withSetLocal(one, { direct: false, shared: true });
    }
    return await withSetLocal(one, { direct: false, shared: false });
  } catch (error) {
    const { message, code } = linkFailure(error);
    // PgBouncer has no specific SQLSTATE for it.
    if (code === "08P01" && /statement pooling/.test(message))
      return { kind: "known", direct: false, shared: true, statementMode: true, setLocalHolds: false };
    return { kind: "unknown", message };
  }
}

async function withSetLocal(
  client: Client,
  seen: { readonly direct: boolean; readonly shared: boolean },
): Promise<PoolingFacts> {
  return { kind: "known", ...seen, statementMode: false, setLocalHolds: await setLocalHolds(client) };
}

/** The process that the protocol's BackendKeyData names: a pooler sends a different key. Not in pg's types. */
function namedAtLogin(client: Client): number | null | undefined {
  return (client as unknown as { readonly processID?: number | null }).processID;
}

async function processOf(client: Client): Promise<number | undefined> {
  return (await client.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]?.pid;
}

async function processInTransaction(client: Client): Promise<number | undefined> {
  await client.query("begin read only");
  try {
    return await processOf(client);
  } finally {
    await client.query("rollback");
  }
}

/** Set in one message, read in another, and gone after the transaction. */
async function setLocalHolds(client: Client): Promise<boolean> {
  const value = randomBytes(6).toString("hex");
  await client.query("begin read only");
  try {
    await client.query("select set_config('rowgate.doctor', $1, true)", [value]);
    if ((await read(client)) !== value) return false;
  } finally {
    await client.query("rollback");
  }
  return (await read(client)) !== value;
}

async function read(client: Client): Promise<string | null | undefined> {
  const sql = "select current_setting('rowgate.doctor', true) as value";
  return (await client.query<{ value: string | null }>(sql)).rows[0]?.value;
}
