import { setTimeout as wait } from "node:timers/promises";
import { Client, type ClientBase, DatabaseError } from "pg";
import { clientConfig } from "../client-config.ts";
import { linkFailure } from "../link-failure.ts";
import { ruleOf } from "../../model/answers.ts";
import { connectionCode, connectionFacts } from "../../messages/connection.ts";
import { describe } from "../../messages/messages.ts";
import { RowgateError } from "../../model/errors.ts";
import type { DatabaseAddress, Limits } from "../../model/target.ts";

/** Opens a connection whose every statement has a limit. Throws RowgateError `direct/connect`. */
export async function connect(address: DatabaseAddress, limits: Limits): Promise<Client> {
  const client = new Client(clientConfig(address, limits));
  // Without a listener, a connection that the server ends would end this process.
  client.on("error", () => {});
  try {
    await client.connect();
    if (address.readOnly === true) await mustBeReadOnly(client, address);
  } catch (cause) {
    await disconnect(client);
    if (cause instanceof RowgateError) throw cause;
    throw connectError(address, limits, cause);
  }
  return client;
}

/** The server's counters show what statements read and write: without them, a search would find nothing anywhere. */
export async function countRows(client: ClientBase): Promise<void> {
  try {
    await client.query(
      "select set_config('track_counts', 'on', false) where current_setting('track_counts') = 'off'",
    );
  } catch (cause) {
    throw new RowgateError({
      code: "direct/track-counts",
      message:
        "track_counts is off, so that the server does not count the rows that a statement reads and writes",
      hint: "set track_counts = on for the database, or for the login, or give a superuser's connection",
      cause,
    });
  }
}

/** What kept a login from succeeding, and what to do. Never contains the password. */
function connectError(to: DatabaseAddress, limits: Limits, cause: unknown): RowgateError {
  const { host, port, user, database } = to;
  const where = `${host}:${port}`;
  const failure = linkFailure(cause);
  const seconds = Math.round(limits.requestTimeoutMs / 1000);
  const facts = connectionFacts({ where, host, user, database, seconds }, failure);
  const { sentence, todo } = describe(connectionCode(failure), facts);
  return new RowgateError({
    code: "direct/connect",
    message: `Cannot log in to ${where}/${database} as ${user}: ${sentence}`,
    hint: todo,
    cause,
  });
}

/** Milliseconds for a server to hear a farewell. */
const farewell = 2_000;

/** Ends a connection, also one whose server no longer answers: it must not keep this process alive. */
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
  if (error instanceof DatabaseError) return ruleOf(error.code ?? "", "direct").lost === true;
  if (!(error instanceof Error)) return false;
  return losses.has(error.message) || ("code" in error && /^E[A-Z]+$/.test(String(error.code)));
}

/** A pooler may drop the startup options of a session without an error. */
async function mustBeReadOnly(client: ClientBase, { host, port, database }: DatabaseAddress): Promise<void> {
  const { rows } = await client.query<{ setting: string }>(
    "select current_setting('default_transaction_read_only') as setting",
  );
  if (rows[0]?.setting === "on") return;
  const { sentence, todo } = describe("not-read-only", {});
  throw new RowgateError({
    code: "direct/not-read-only",
    message: `Cannot use ${host}:${port}/${database}: ${sentence}`,
    hint: todo,
  });
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
