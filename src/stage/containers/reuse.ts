import { createHash } from "node:crypto";
import { Client } from "pg";
import { readSql } from "../../lib/sql-file.ts";
import { quoteIdent } from "../../lib/sql-text.ts";
import type { DatabaseAddress } from "../../model/target.ts";
import { type Engine, findContainers, type Found, isGone, labels, removeLabelled } from "./engine.ts";
import type { Image } from "./image.ts";
import { postgresPort, superuserOf } from "./postgres.ts";

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

/** An unused one in its original state; those in use are skipped, changed ones removed. */
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

/** Holds the lock and the mark, so that no database that a system may be copied from is ever in use. */
const lockDatabase = "rowgate_reuse";
/** Any number: the database is rowgate's own. */
const lockNumber = 1;

/** The password is in the container's environment, which every user of the engine can read. */
async function addressOf(
  { docker, host }: Engine,
  image: Image,
  id: string,
): Promise<DatabaseAddress | undefined> {
  const { Config, NetworkSettings } = await docker.getContainer(id).inspect();
  const name = "POSTGRES_PASSWORD=";
  const password = Config.Env.find((line) => line.startsWith(name))?.slice(name.length);
  const port = NetworkSettings.Ports[`${postgresPort}/tcp`]?.[0]?.HostPort;
  if (password === undefined || port === undefined) return undefined;
  return { host, port: Number(port), ...superuserOf(image), password };
}

/** `undefined`: another process holds it, or it does not answer. */
async function holdLock(database: DatabaseAddress): Promise<Client | undefined> {
  const client = new Client({
    ...database,
    database: lockDatabase,
    ssl: false,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    application_name: "rowgate",
  });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ got: boolean }>("select pg_try_advisory_lock($1) as got", [
      lockNumber,
    ]);
    if (rows[0]?.got === true) return client;
  } catch {
    // Not there yet, or no more.
  }
  await client.end().catch(() => {});
  return undefined;
}

/** What a server was like when it was pristine. */
interface Mark {
  /** A digest of all that its databases share. */
  readonly state: string;
  readonly databases: readonly string[];
  readonly roles: readonly string[];
}

async function stateOf(client: Client): Promise<Mark> {
  const { rows } = await client.query<Mark>(readSql("container_state.sql"));
  return rows[0] as Mark;
}

/** `undefined`: the process that made the server has not come that far. */
async function readMark(client: Client, database: string): Promise<Mark | undefined> {
  const { rows } = await client.query<{ text: string | null }>(
    "select shobj_description(oid, 'pg_database') as text from pg_database where datname = $1",
    [database],
  );
  const text = rows[0]?.text ?? null;
  return text === null ? undefined : (JSON.parse(text) as Mark);
}

/** Databases, then roles. @returns whether the server is as it was */
async function dropWhatCame(client: Client, mark: Mark): Promise<boolean> {
  const now = await stateOf(client);
  for (const name of now.databases.filter((one) => !mark.databases.includes(one))) {
    await client.query(`drop database ${quoteIdent(name)} with (force)`);
  }
  await dropRoles(
    client,
    now.roles.filter((one) => !mark.roles.includes(one)),
  );
  return (await stateOf(client)).state === mark.state;
}

/** A role that has granted something goes after those that it was granted to, whatever their order. */
async function dropRoles(client: Client, names: readonly string[]): Promise<void> {
  let left = names;
  for (let before = left.length + 1; left.length > 0 && left.length < before;) {
    before = left.length;
    const kept: string[] = [];
    for (const name of left) {
      await client.query(`drop role ${quoteIdent(name)}`).catch(() => kept.push(name));
    }
    left = kept;
  }
}
