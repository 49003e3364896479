import { setTimeout as wait } from "node:timers/promises";
import { Client, type ClientBase, DatabaseError } from "pg";
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
    connectionTimeoutMillis: limits.requestTimeoutMs,
    // The server ends a statement first; this is for a server that answers no more.
    query_timeout: limits.statementTimeoutMs + limits.requestTimeoutMs,
  });
  // Without a listener, a connection that the server ends would end this process.
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (cause) {
    await disconnect(client);
    throw new RowgateError({
      code: "direct/connect",
      message: `Cannot log in to ${address.host}:${address.port}/${address.database} as ${address.user}: ${messageOf(cause)}`,
      hint: "check that the server runs, and the login's name and password",
      cause,
    });
  }
  return client;
}

/** Milliseconds for a server to hear a farewell. */
const farewell = 2_000;

/** Ends a connection, also one at whose other end nobody answers any more: it must not keep this process alive. */
export async function disconnect(client: Client): Promise<void> {
  const ended = client.end().then(
    () => true,
    () => true,
  );
  if (await Promise.race([ended, wait(farewell, false, { ref: false })])) return;
  // Not in pg's types: the socket itself.
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

/** What pg says when a connection is gone, or as good as gone; the system's own errors have a code. */
const losses: ReadonlySet<string> = new Set([
  "Connection terminated",
  "Connection terminated unexpectedly",
  "Connection terminated due to connection timeout",
  "Client has encountered a connection error and is not queryable",
  "Client was closed and is not queryable",
  "Query read timeout",
  "timeout expired",
]);

/** No answer of the server's: the way to it, or the server itself, is gone. */
export function isLost(error: unknown): boolean {
  if (error instanceof RowgateError) return error.code === "direct/connect";
  if (error instanceof DatabaseError) return /^(?:57P0[1-4]|08)/.test(error.code ?? "");
  if (!(error instanceof Error)) return false;
  return losses.has(error.message) || ("code" in error && /^E[A-Z]+$/.test(String(error.code)));
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
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    await client.query("rollback");
    return false;
  }
}
