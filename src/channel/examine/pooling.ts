import { randomBytes } from "node:crypto";
import type { Client } from "pg";
import type { PoolingFacts } from "../../model/examination.ts";
import { linkFailure } from "./link.ts";

/** Another session may be served in between by whoever else uses the pooler. */
const tries = 4;

/**
 * Is each session served by a backend of its own? Both are asked for their backend while the other one has a transaction
 * open: a pooler in transaction mode gives out whichever is free.
 */
export async function lookForPooler(one: Client, other: Client): Promise<PoolingFacts> {
  try {
    const first = await backendOf(one);
    for (let left = tries; left > 0; left -= 1) {
      const within = await inTransaction(other);
      const again = await backendOf(one);
      if (within === first || within === again || again !== first) return found({ shared: true }, one);
    }
    return await found({ shared: false }, one);
  } catch (error) {
    const { message, code } = linkFailure(error);
    // PgBouncer's words for it have no SQLSTATE of their own.
    if (code === "08P01" && /statement pooling/.test(message))
      return { kind: "told", shared: true, statementMode: true, setLocalHolds: false };
    return { kind: "untold", message };
  }
}

async function found({ shared }: { readonly shared: boolean }, client: Client): Promise<PoolingFacts> {
  return { kind: "told", shared, statementMode: false, setLocalHolds: await setLocalHolds(client) };
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
