import type { Client } from "pg";
import { readSql } from "../../lib/sql-file.ts";
import { quoteIdent } from "../../lib/sql-text.ts";

/** A database in place of one that may be there. No connection to the copied one may be open. With the owner and the settings, which do not come with a template. */
export async function copyDatabase(admin: Client, from: string, to: string): Promise<void> {
  await admin.query(`drop database if exists ${quoteIdent(to)} with (force)`);
  const { rows: owners } = await admin.query<{ owner: string }>(
    "select pg_get_userbyid(datdba) as owner from pg_database where datname = $1",
    [from],
  );
  const owner = quoteIdent(owners[0]?.owner ?? "postgres");
  await admin.query(`create database ${quoteIdent(to)} template ${quoteIdent(from)} owner ${owner}`);
  const { rows } = await admin.query<{ sql: string }>(readSql("gate_database_settings.sql"), [from, to]);
  for (const { sql } of rows) await admin.query(sql);
}
