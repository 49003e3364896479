import { randomBytes } from "node:crypto";
import type { Client } from "pg";
import type { PoolingFacts } from "../../model/examination.ts";
import { linkFailure } from "./link.ts";

/** A pooler's other users take backends, and give them back, in between. */
const looks = 20;

/**
 * Is each session served by a backend of its own? Both are asked for their backend while the other one has a transaction
 * open: a pooler in transaction mode gives out whichever is free.
 */
export async function lookForPooler(one: Client, other: Client): Promise<PoolingFacts> {
  try {
    const first = await backendOf(one);
    if (first !== undefined && first === namedAtLogin(one))
      return await found(one, { direct: true, shared: false });
    for (let left = looks; left > 0; left -= 1) {
      const within = await inTransaction(other);
      const again = await backendOf(one);
      if (within === first || within === again || again !== first)
        return await found(one, { direct: false, shared: true });
    }
    return await found(one, { direct: false, shared: false });
  } catch (error) {
    const { message, code } = linkFailure(error);
    // PgBouncer's words for it have no SQLSTATE of their own.
    if (code === "08P01" && /statement pooling/.test(message))
      return { kind: "told", direct: false, shared: true, statementMode: true, setLocalHolds: false };
    return { kind: "untold", message };
  }
}

async function found(
  client: Client,
  seen: { readonly direct: boolean; readonly shared: boolean },
): Promise<PoolingFacts> {
  return { kind: "told", ...seen, statementMode: false, setLocalHolds: await setLocalHolds(client) };
}

/** What may be cancelled, by the protocol's BackendKeyData: a pooler names something of its own. Not in pg's types. */
function namedAtLogin(client: Client): number | null | undefined {
  return (client as unknown as { readonly processID?: number | null }).processID;
}

async function backendOf(client: Client): Promise<number | undefined> {
  return (await client.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]?.pid;
}

async function inTransaction(client: Client): Promise<number | undefined> {
  await client.query("begin read only");
  try {
    return await backendOf(client);
  } finally {
    await client.query("rollback");
  }
}

/** Told in one message, read in another, and gone when the transaction is. */
async function setLocalHolds(client: Client): Promise<boolean> {
  const word = randomBytes(6).toString("hex");
  await client.query("begin read only");
  try {
    await client.query("select set_config('rowgate.doctor', $1, true)", [word]);
    if ((await read(client)) !== word) return false;
  } finally {
    await client.query("rollback");
  }
  return (await read(client)) !== word;
}

async function read(client: Client): Promise<string | null | undefined> {
  const sql = "select current_setting('rowgate.doctor', true) as word";
  return (await client.query<{ word: string | null }>(sql)).rows[0]?.word;
}
