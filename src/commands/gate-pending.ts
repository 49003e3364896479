import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { quoteIdent } from "../lib/sql-text.ts";
import { messageOf, RowgateError } from "../model/errors.ts";
import type { DatabaseAddress, Limits } from "../model/target.ts";
import { connect, disconnect } from "../probe/sql/session.ts";

/** A migration that was named, itself or by its folder. */
export interface Named {
  readonly file: string;
  readonly byFolder: boolean;
}

/** Files as given; of a folder its SQL files by number and name. @throws RowgateError `gate/no-migration` */
export async function namedMigrations(given: readonly string[], cwd: string): Promise<readonly Named[]> {
  const named: Named[] = [];
  for (const one of given) named.push(...(await filesOf(path.resolve(cwd, one), one)));
  return named;
}

async function filesOf(absolute: string, given: string): Promise<readonly Named[]> {
  const found = await stat(absolute).catch((cause: unknown) => {
    throw new RowgateError({
      code: "gate/no-migration",
      message: `There is no migration ${given}.`,
      hint: "name SQL files in the order in which they are applied, or a folder of numbered SQL files",
      cause,
    });
  });
  if (!found.isDirectory()) return [{ file: absolute, byFolder: false }];
  const files = await numberedIn(absolute);
  if (files.length > 0) return files.map((file) => ({ file, byFolder: true }));
  throw new RowgateError({
    code: "gate/no-migration",
    message: `The folder ${given} holds no SQL file whose name begins with a number.`,
    hint: "name the files 001_….sql, 002_….sql, …, or name them one by one",
  });
}

async function numberedIn(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter((name) => /^\d+.*\.sql$/i.test(name));
  return names.toSorted(byNumber).map((name) => path.join(folder, name));
}

function byNumber(a: string, b: string): number {
  const [first, second] = [numberOf(a) ?? 0n, numberOf(b) ?? 0n];
  if (first !== second) return first < second ? -1 : 1;
  return a < b ? -1 : 1;
}

/** The number that a file's name begins with. */
export function numberOf(file: string): bigint | undefined {
  const [digits] = /^\d+/.exec(path.basename(file)) ?? [];
  return digits === undefined ? undefined : BigInt(digits);
}

/** Where a database keeps which migrations it has: `<schema>.<table>:<column>`. */
export interface HistoryTable {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
}

const supabaseHistory: HistoryTable = {
  schema: "supabase_migrations",
  table: "schema_migrations",
  column: "version",
};

/** @throws RowgateError `usage/history` */
export function readHistoryOption(given: string): HistoryTable {
  const [, schema = "", table = "", column = ""] = /^([^.:]+)\.([^.:]+):([^.:]+)$/.exec(given) ?? [];
  if (column !== "") return { schema, table, column };
  throw new RowgateError({
    code: "usage/history",
    message: `--history ${given}: this is not <schema>.<table>:<column>.`,
    hint: "for example --history public.schema_migrations:version; supabase_migrations.schema_migrations is found without it",
  });
}

/**
 * The migrations that a database has applied, by its history table. @returns `undefined` where it has none and none was named
 * @throws RowgateError `gate/no-history`
 */
export async function readHistory(
  database: DatabaseAddress,
  limits: Limits,
  named: HistoryTable | undefined,
): Promise<ReadonlySet<string> | undefined> {
  const { schema, table, column } = named ?? supabaseHistory;
  const name = `${quoteIdent(schema)}.${quoteIdent(table)}`;
  const client = await connect(database, limits);
  try {
    const { rows: found } = await client.query<{ there: boolean }>(
      "select to_regclass($1) is not null as there",
      [name],
    );
    if (found[0]?.there !== true) {
      if (named === undefined) return undefined;
      throw new RowgateError({
        code: "gate/no-history",
        message: `There is no table ${schema}.${table} in ${database.database}.`,
        hint: "--history <schema>.<table>:<column> names the table in which your tool keeps the versions that it has applied",
      });
    }
    const { rows } = await client
      .query<{ version: string }>(
        `select ${quoteIdent(column)}::text as version from ${name} where ${quoteIdent(column)} is not null`,
      )
      .catch((cause: unknown) => {
        throw new RowgateError({
          code: "gate/no-history",
          message: `The applied migrations cannot be read from ${schema}.${table} of ${database.database}: ${messageOf(cause)}`,
          hint: "name a column that holds their versions, in a table that this login may read: --history <schema>.<table>:<column>",
          cause,
        });
      });
    return new Set(rows.map(({ version }) => version));
  } finally {
    await disconnect(client);
  }
}

/** What of the named migrations is to come. */
export interface Pending {
  readonly files: readonly string[];
  /** Of the folders, what is applied already. */
  readonly applied: number;
}

/** @throws RowgateError `gate/applied-already` for a file that was named itself */
export function pendingOf(named: readonly Named[], isApplied: (file: string) => boolean): Pending {
  const again = named.find(({ file, byFolder }) => !byFolder && isApplied(file));
  if (again !== undefined)
    throw new RowgateError({
      code: "gate/applied-already",
      message: `${path.basename(again.file)} is applied already, by the history of migrations.`,
      hint: "name the migrations that are to come, or their folder: rowgate gate leaves out what is applied",
    });
  const files = named.filter(({ file }) => !isApplied(file)).map(({ file }) => file);
  return { files, applied: named.length - files.length };
}

/** By the version as tools write it: the number, the name, or the folder of a `migration.sql`. */
export function isInHistory(history: ReadonlySet<string>): (file: string) => boolean {
  return (file) => {
    const base = path.basename(file);
    const stem = base.replace(/\.sql$/i, "");
    const number = /^\d+/.exec(base)?.[0];
    const folder = stem === "migration" ? [path.basename(path.dirname(file))] : [];
    const names = [
      base,
      stem,
      ...folder,
      ...(number === undefined ? [] : [number, BigInt(number).toString()]),
    ];
    return names.some((name) => history.has(name));
  };
}
