import { Client } from "pg";
import type { DatabaseAddress } from "../../src/model/target.ts";

/** Sends SQL as whoever the address logs in as. */
export async function asSuperuser(database: DatabaseAddress, ...texts: readonly string[]): Promise<void> {
  const client = new Client({ ...database, ssl: false });
  await client.connect();
  try {
    for (const text of texts) await client.query(text);
  } finally {
    await client.end();
  }
}
