import { type Client, DatabaseError } from "pg";
import { RowgateError } from "../../model/errors.ts";
import { quoteIdent } from "../../lib/sql-text.ts";

/** A copy of a database in which nobody may be meanwhile. @throws {RowgateError} `container/prepare` */
export async function copyDatabase(client: Client, from: string, name: string, owner: string): Promise<void> {
  const copy = `create database ${quoteIdent(name)} template ${quoteIdent(from)} owner ${quoteIdent(owner)}`;
  try {
    await client.query(copy);
    return;
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== "55006") throw error;
  }
  await client.query(`alter database ${quoteIdent(from)} with allow_connections false`);
  try {
    await alone(client, from);
    await client.query(copy);
  } finally {
    await client.query(`alter database ${quoteIdent(from)} with allow_connections true`);
  }
}

/** Workers of extensions sit in the image's own database: they are shown out, and come back later. */
async function alone(client: Client, database: string): Promise<void> {
  for (let attempt = 1; attempt <= 100; attempt++) {
    const { rowCount } = await client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
      [database],
    );
    if (rowCount === 0) return;
    await client.query("select pg_sleep(0.05)");
  }
  throw new RowgateError({
    code: "container/prepare",
    message: `somebody does not leave the database ${database}, which is to be copied`,
  });
}
