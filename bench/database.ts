import { Client } from "pg";
import type { DatabaseAddress } from "../dist/model/target.js";
import { readSql } from "../dist/lib/sql-file.js";
import type { Shape } from "./shape.ts";
import { rolesSql, systemSql, usageSql } from "./system-sql.ts";

/** A new database that holds a generated system. */
export async function buildSystem(
  server: DatabaseAddress,
  name: string,
  shape: Shape,
): Promise<DatabaseAddress> {
  const database = { ...server, database: name };
  await withClient(server, (client) => client.query(`create database ${name}`));
  await withClient(database, async (client) => {
    for (const text of [rolesSql, readSql("supabase_auth.sql"), usageSql, systemSql(shape)]) {
      await client.query(text);
    }
  });
  await settle(database);
  return database;
}

/** Dead rows of what ran before must slow nobody down: called before each measurement. */
export async function settle(database: DatabaseAddress): Promise<void> {
  await withClient(database, async (client) => {
    await client.query("vacuum analyze");
    await client.query("checkpoint");
  });
}

export async function withClient<T>(
  address: DatabaseAddress,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ ...address, ssl: false });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
