import { Client, type ClientBase } from "pg";
import { RowgateError } from "../../model/errors.ts";
import type { DatabaseAddress, Limits } from "../../model/target.ts";
import { readSql } from "../../sql.ts";

/** Opens a connection whose every statement has a limit. Throws RowgateError `direct/connect`. */
export async function connect(address: DatabaseAddress, limits: Limits): Promise<Client> {
  const client = new Client({
    ...address,
    // The embedded server speaks no TLS, and a PGSSLMODE of the environment is not meant for it.
    ...(address.host === "127.0.0.1" && { ssl: false }),
    application_name: "rowgate",
    statement_timeout: limits.statementTimeoutMs,
    lock_timeout: limits.lockTimeoutMs,
    idle_in_transaction_session_timeout: limits.idleInTransactionTimeoutMs,
    connectionTimeoutMillis: 10_000,
    // The server ends a statement first; this is for a server that answers no more.
    query_timeout: limits.statementTimeoutMs + 10_000,
  });
  // Without a listener, a connection that the server ends would end this process.
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (cause) {
    throw new RowgateError({
      code: "direct/connect",
      message: `Cannot log in to ${address.host}:${address.port}/${address.database} as ${address.user}: ${messageOf(cause)}`,
      hint: "check that the server runs, and the login's name and password",
      cause,
    });
  }
  return client;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Asked once: does no function pretend that it would answer every persona alike (`sql/immutable_functions.sql`)? */
export async function mayKeepPlans(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ found: boolean }>(readSql("immutable_functions.sql"));
  return rows[0]?.found === false;
}

/** Asked once: may this login put foreign keys and triggers aside (`session_replication_role`)? */
export async function mayActAsReplica(client: ClientBase): Promise<boolean> {
  try {
    await client.query("begin; set local session_replication_role = replica; rollback");
    return true;
  } catch {
    await client.query("rollback");
    return false;
  }
}
