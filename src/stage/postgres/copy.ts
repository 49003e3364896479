import { Client } from "pg";
import { readSql } from "../../lib/sql-file.ts";
import { quoteIdent } from "../../lib/sql-text.ts";
import type { DatabaseAddress } from "../../model/target.ts";

/**
 * A database in place of one that may be there. No connection to the copied one may be open. With the owner, the privileges and the
 * settings, which do not come with a template.
 * @param how `file_copy` is the faster one on a server without fsync; Postgres has it since 15
 */
export async function copyDatabase(
  admin: Client,
  from: string,
  to: string,
  how?: "file_copy",
): Promise<void> {
  await admin.query(`drop database if exists ${quoteIdent(to)} with (force)`);
  const { rows: owners } = await admin.query<{ owner: string }>(
    "select pg_get_userbyid(datdba) as owner from pg_database where datname = $1",
    [from],
  );
  const owner = quoteIdent(owners[0]?.owner ?? "postgres");
  const strategy = how === undefined ? "" : ` strategy ${how}`;
  await admin.query(
    `create database ${quoteIdent(to)} template ${quoteIdent(from)} owner ${owner}${strategy}`,
  );
  const { rows } = await admin.query<{ sql: string }>(readSql("gate_database_settings.sql"), [from, to]);
  for (const { sql } of rows) await admin.query(sql);
}

export type CopiedDatabase = DatabaseAddress & AsyncDisposable;

/** Bytes: with more, a copy would take longer than it saves. */
const mostBytes = 250_000_000;

/** A copy for a run, beside the database; `undefined` where it could not be made, or is too large: the run takes longer without it. */
export async function copyBeside(of: DatabaseAddress): Promise<CopiedDatabase | undefined> {
  const made = await asAdmin(of, async (admin) => {
    const { rows } = await admin.query<{ name: string; small: boolean }>(
      "select 'beside_' || oid as name, pg_database_size(oid) < $2 as small from pg_database where datname = $1",
      [of.database, mostBytes],
    );
    const [found] = rows;
    if (found?.small !== true) return undefined;
    await copyDatabase(admin, of.database, found.name, "file_copy");
    return found.name;
  });
  if (made === undefined) return undefined;
  return {
    ...of,
    database: made,
    [Symbol.asyncDispose]: async () => {
      await asAdmin(of, (admin) => admin.query(`drop database if exists ${quoteIdent(made)} with (force)`));
    },
  };
}

/** @returns `undefined` where the server refuses, or is gone */
async function asAdmin<T>(
  address: DatabaseAddress,
  work: (admin: Client) => Promise<T>,
): Promise<T | undefined> {
  const admin = new Client({ ...address, database: "postgres", ssl: false });
  // The error of the statement tells of a server that went away; without a listener it would end this process.
  admin.on("error", () => {});
  try {
    await admin.connect();
    return await work(admin);
  } catch {
    return undefined;
  } finally {
    await admin.end().catch(() => {});
  }
}
