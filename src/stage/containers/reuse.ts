import { createHash } from "node:crypto";
import { Client } from "pg";
import type { DatabaseAddress } from "../../model/target.ts";
import { readSql } from "../../lib/sql-file.ts";
import type { Engine } from "./engine.ts";
import type { Image } from "./image.ts";
import { type Found, findContainers, labels, removeLabelled } from "./labels.ts";
import { isGone } from "./owner.ts";
import { addressOf, holdLock, lockDatabase } from "./lock.ts";
import { dropWhatCame, type Mark, readMark, stateOf } from "./state.ts";

/** A Postgres that this run alone may use for as long as it holds it. */
export interface HeldPostgres {
  readonly database: DatabaseAddress;
  readonly site: string;
  /**
   * Drops what came since it was pristine and lets go of it; where it cannot be made pristine it is removed.
   * @throws what the engine says when it cannot be removed
   */
  giveBack(): Promise<void>;
}

/** What a Postgres that fits was made from: the image, and what rowgate put into it. */
export function reuseKey({ id }: Image): string {
  const parts = [
    id,
    readSql("supabase_roles.sql"),
    readSql("supabase_auth.sql"),
    readSql("container_state.sql"),
  ];
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 32);
}

/** One that nobody uses and that is as it was when it was made; others are passed over, spoiled ones removed. */
export async function takeReusable(engine: Engine, image: Image): Promise<HeldPostgres | undefined> {
  for (const found of await findContainers(engine.docker, `${labels.reuse}=${reuseKey(image)}`)) {
    const held = await take(engine, image, found);
    if (held !== undefined) return held;
  }
  return undefined;
}

/** Makes a fresh Postgres one that later runs may take. */
export async function makeReusable(
  engine: Engine,
  database: DatabaseAddress,
  site: string,
): Promise<HeldPostgres> {
  const plain = new Client({ ...database, ssl: false });
  plain.on("error", () => {});
  await plain.connect();
  try {
    await plain.query(`create database ${lockDatabase}`);
  } finally {
    await plain.end();
  }
  const client = await holdLock(database);
  if (client === undefined) throw new Error("a Postgres that was started a moment ago is in use");
  const mark = await stateOf(client);
  await client.query(`comment on database ${lockDatabase} is ${client.escapeLiteral(JSON.stringify(mark))}`);
  return hold(engine, { database, site, client, mark });
}

async function take(engine: Engine, image: Image, found: Found): Promise<HeldPostgres | undefined> {
  const site = found.labels[labels.site] ?? "";
  const isLost = isGone(found.labels[labels.owner] ?? "");
  const database = found.running ? await addressOf(engine, image, found.id) : undefined;
  const client = database && (await holdLock(database));
  if (database === undefined || client === undefined) {
    // It may be starting, or in use; one that is neither never will be.
    if (!found.running && isLost) await removeSite(engine, site);
    return undefined;
  }
  const mark = await readMark(client, lockDatabase);
  if (mark !== undefined && (await stateOf(client)).state === mark.state)
    return hold(engine, { database, site, client, mark });
  await client.end();
  if (mark !== undefined || isLost) await removeSite(engine, site);
  return undefined;
}

interface Hold {
  readonly database: DatabaseAddress;
  readonly site: string;
  readonly client: Client;
  readonly mark: Mark;
}

function hold(engine: Engine, { database, site, client, mark }: Hold): HeldPostgres {
  return {
    database,
    site,
    giveBack: async () => {
      const isPristine = await dropWhatCame(client, mark).catch(() => false);
      if (!isPristine) await removeSite(engine, site);
      await client.end().catch(() => {});
    },
  };
}

async function removeSite({ docker }: Engine, site: string): Promise<void> {
  if (site !== "") await removeLabelled(docker, `${labels.site}=${site}`);
}
