import { randomBytes } from "node:crypto";
import type { Cell } from "../../../model/cell.ts";
import type { Identity } from "../../../model/channel.ts";
import type { Failure } from "../../../model/observation.ts";
import { fillSql } from "../../../lib/sql-file.ts";
import type { Clients } from "../clients.ts";
import { restName } from "../query.ts";
import type { Place } from "./roles.ts";
import { rpcOf } from "../rpc.ts";
import type { Sendable } from "../transport.ts";
import type { HttpClient } from "../http-client.ts";
import type { PrivilegedConnection } from "../privileged.ts";

export interface SameDatabaseInput {
  readonly clients: Clients;
  readonly http: HttpClient;
  readonly privileged: PrivilegedConnection;
  readonly identities: readonly Identity[];
  readonly places: readonly Place[];
  /** Declared calls by GET, for a gateway that exposes functions alone. */
  readonly calls: () => readonly Cell[];
  /** The database's login, for people. */
  readonly login: string;
  /** What a statement may take there. */
  readonly statementTimeoutMs: number;
}

/** A statement is at work for a fraction of a millisecond: it is sent again and again while it is looked for. */
const longestMs = 8_000;
const atOnce = 6;
/** Of one http, one after the other. */
const failuresAtMost = 3;

/**
 * Are the gateway's sessions in the database of the direct connection? Elsewhere there may be no rows, and every deny would look
 * proved. A name made up now goes through the gateway as a column's alias, and must be seen at work here (pg_stat_activity):
 * this only reads, so it is done in production too. Throws ProbeFailure.
 * @returns `undefined` when it was seen
 */
export async function checkSameDatabase(input: SameDatabaseInput): Promise<Failure | undefined> {
  const nonce = `rowgate_${randomBytes(12).toString("hex")}`;
  const send = sendingOf(input, nonce);
  if (send === undefined)
    return unshown(
      "there is no relation in the exposed schemas to ask the gateway for, and no declared call by GET that returns rows",
      "",
    );
  const watch = watchFor(input.privileged, nonce, Math.min(longestMs, input.statementTimeoutMs / 2));
  const done = { over: false };
  // Waited for from the start: a request may fail while the watch is still on.
  const sent = Promise.allSettled(Array.from({ length: atOnce }, () => sendUntil(done, send)));
  const { seen, unseen } = await watch.finally(() => (done.over = true));
  const failures = (await sent).filter(({ status }) => status === "rejected");
  if (seen) return undefined;
  if (unseen > 0)
    return unshown(
      `the login ${input.login} may not see what ${unseen} other sessions there are doing`,
      `: GRANT pg_read_all_stats TO ${input.login}`,
    );
  const [failure] = failures as PromiseRejectedResult[];
  if (failure !== undefined) return unshown(String((failure.reason as Error).message), "");
  return {
    kind: "protocol",
    message:
      "the REST URL and the database URL lead to different databases: no statement that was sent through the gateway was seen at work in the database (nor would one be where PostgREST reads from a replica)",
  };
}

function unshown(why: string, remedy: string): Failure {
  const message = `nothing shows that the REST URL and the database URL lead to the same database: ${why}${remedy}`;
  return { kind: "protocol", message };
}

interface Watched {
  readonly seen: boolean;
  readonly unseen: number;
}

export async function watchFor(
  privileged: PrivilegedConnection,
  nonce: string,
  milliseconds: number,
): Promise<Watched> {
  return privileged.inSnapshot(async (ask) => {
    await ask(fillSql("sight_same_database.sql", { nonce, milliseconds: String(Math.round(milliseconds)) }));
    const [found] = await ask<{ watched: string }>(
      "select current_setting('rowgate.same_database') as watched",
    );
    return JSON.parse(found?.watched ?? '{"seen":false,"unseen":0}') as Watched;
  });
}

/** Even a request that is refused reaches the database, once the gateway knows the relation. */
function sendingOf(
  { clients, http, identities, places, calls }: SameDatabaseInput,
  nonce: string,
): (() => Promise<unknown>) | undefined {
  const asked = [...places].toSorted((a, b) => Number(b.readable !== null) - Number(a.readable !== null));
  for (const { role, schema, name, readable, typed } of asked) {
    const identity = identities.find(({ persona }) => persona.role === role);
    const column = readable ?? typed;
    if (identity === undefined || column === null) continue;
    const client = clients.of(identity, schema);
    const columns = `${nonce}:${restName(column)}`;
    const build = (): Sendable =>
      client.from(encodeURIComponent(name)).select(columns, { count: "exact" }).limit(1);
    return () => http.send("read", { build });
  }
  return callingOf({ clients, http, identities, calls }, nonce);
}

/** A call that returns rows has columns, which can be called otherwise. */
function callingOf(
  { clients, http, identities, calls }: Pick<SameDatabaseInput, "clients" | "http" | "identities" | "calls">,
  nonce: string,
): (() => Promise<unknown>) | undefined {
  for (const { persona, call, relation } of calls()) {
    const identity = identities.find((one) => one.persona.name === persona.name);
    const column = call?.routine.columns[0]?.name;
    if (call === undefined || identity === undefined || column === undefined) continue;
    const {
      method,
      arguments: { values },
    } = rpcOf(call);
    if (method !== "GET" || !["row", "record"].includes(call.routine.returns)) continue;
    const client = clients.of(identity, relation.info.schema);
    const name = encodeURIComponent(call.routine.name);
    const columns = `${nonce}:${restName(column)}`;
    const build = (): Sendable =>
      client.rpc(name, values, { get: true, count: "exact" }).select(columns) as unknown as Sendable;
    return () => http.send("read", { build });
  }
  return undefined;
}

async function sendUntil(done: { readonly over: boolean }, send: () => Promise<unknown>): Promise<void> {
  let failures = 0;
  while (!done.over) {
    try {
      await send();
      failures = 0;
    } catch (error) {
      failures += 1;
      if (failures === failuresAtMost) throw error;
    }
  }
}
