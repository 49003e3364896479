import { Client } from "pg";
import type { DatabaseAddress } from "../../model/target.ts";
import type { Engine } from "./engine.ts";
import type { Image } from "./image.ts";
import { postgresPort, superuserOf } from "./postgres.ts";

/** Holds the lock and the mark, so that no database that a system may be copied from is ever in use. */
export const lockDatabase = "rowgate_reuse";
/** Any number: the database is rowgate's own. */
const lockNumber = 1;

/** The password stands in the container's own environment, which whoever may use the engine may read. */
export async function addressOf(
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

/** `undefined`: somebody else holds it, or it does not answer. */
export async function holdLock(database: DatabaseAddress): Promise<Client | undefined> {
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
