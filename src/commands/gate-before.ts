import path from "node:path";
import { seedWhereThere } from "../gate/seed.ts";
import { connect, disconnect } from "../probe/sql/session.ts";
import { type PreparedSystem, systemSources } from "../stage/system.ts";
import type { Server } from "./servers.ts";

/** The server, on which a system's SQL is applied without some of its files, and of its seed what there is room for. */
export function without(server: Server, leaveOut: ReadonlySet<string>, seed: string | undefined): Server {
  const prepare: Server["prepare"] = async (system, matrix) => {
    const sources = await systemSources(system).catch(() => []);
    const left = sources.filter(({ path: file }) => !leaveOut.has(path.resolve(file)));
    if (left.length === sources.length && seed === undefined) return server.prepare(system, matrix);
    const fitting = left.map((one) => (one.path === seed ? seedWhereThere(one) : one));
    const part = { sources: await Promise.all(fitting), ends: true };
    const schemas = [...system.schemas];
    const prepared = await server.prepare({ ...system, schemas, overlays: [], part }, matrix);
    // A schema that the migrations create: the gateway cannot expose it yet, and the matrix says that it will.
    const open = async (): ReturnType<typeof prepared.open> => {
      const there = await existing(schemas, prepared);
      schemas.splice(0, schemas.length, ...(there.length === 0 ? ["public"] : there));
      return prepared.open();
    };
    return { ...prepared, open };
  };
  return { ...server, prepare };
}

async function existing(
  schemas: readonly string[],
  { database, limits }: PreparedSystem,
): Promise<readonly string[]> {
  const client = await connect(database, limits);
  try {
    const { rows } = await client.query<{ name: string }>(
      "select nspname as name from pg_namespace where nspname = any ($1)",
      [schemas],
    );
    return schemas.filter((one) => rows.some(({ name }) => name === one));
  } finally {
    await disconnect(client);
  }
}
