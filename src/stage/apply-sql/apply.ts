import { readdir } from "node:fs/promises";
import path from "node:path";
import { type Client, DatabaseError } from "pg";
import { messageOf, RowgateError } from "../../model/errors.ts";
import { connectionLost, describeCommitFailure, describeFailure, inChain } from "./failure.ts";
import { runScript } from "./script.ts";
import { type ReadFile, readForServer, rowsAt } from "./dump.ts";
import type { SqlSource } from "./source.ts";

/** Applies files in their order, and says what was sent. @throws {RowgateError} `sql/…`: the first mistake, with file, statement, line and column */
export async function applySources(
  client: Client,
  sources: readonly SqlSource[],
): Promise<Pick<ReadFile, "skipped"> & { readonly sources: readonly SqlSource[] }> {
  const files = sources.map((one) => one.path);
  const read: ReadFile[] = [];
  for (const [index, source] of sources.entries())
    read.push(
      await applySource(client, source).catch((failure: unknown) => {
        throw inChain(failure, files, index);
      }),
    );
  return { sources: read.map((one) => one.source), skipped: read.flatMap(({ skipped }) => skipped) };
}

/**
 * Applies one file as `psql` would in a separate session, but in one transaction, unless the file says otherwise.
 * The client's session is reset afterwards (DISCARD ALL).
 * @throws {RowgateError} `sql/…`
 */
export async function applySource(client: Client, written: SqlSource): Promise<ReadFile> {
  const read = await readForServer(written);
  try {
    await apply(client, read);
  } finally {
    // What a file SET must not reach the next one. On a lost connection the error that lost it is the one to tell.
    await client.query("rollback").catch(() => undefined);
    await client.query("discard all").catch(() => undefined);
  }
  return read;
}

// CREATE INDEX CONCURRENTLY and its like; a value that ALTER TYPE … ADD VALUE made is usable after its commit only.
const needsOwnTransaction: ReadonlySet<string | undefined> = new Set(["25001", "55P04"]);

async function apply(client: Client, read: ReadFile): Promise<void> {
  const { source, rows } = read;
  await client.query("begin").catch((cause: Error) => {
    throw connectionLost(source, cause);
  });
  const { completed, error } = await runScript(client, source.text, [...rows.values()]);
  // A file may hold a COMMIT: everything before it stays.
  const kept = completed.findLastIndex((tag) => tag === "COMMIT") + 1;
  if (error instanceof DatabaseError && needsOwnTransaction.has(error.code)) {
    await client.query("rollback");
    await applyOneByOne(client, read, kept);
  } else if (error !== undefined) {
    throw await describeFailure({ source, error, before: completed.length, sentFrom: 0, kept });
  }
  await client.query("commit").catch((cause: Error) => {
    throw describeCommitFailure(source, cause);
  });
}

async function applyOneByOne(
  client: Client,
  { source, rows, statements }: ReadFile,
  from: number,
): Promise<void> {
  if (statements === undefined) throw uncuttable(source);
  for (const [before, { start, end }] of statements.entries()) {
    if (before < from) continue;
    const { error } = await runScript(client, source.text.slice(start, end), rowsAt(rows, end));
    if (error !== undefined)
      throw await describeFailure({ source, error, before, sentFrom: start, kept: before });
  }
}

function uncuttable(source: SqlSource): RowgateError {
  return new RowgateError({
    code: "sql/not-parsed",
    message: `${path.basename(source.path)} holds a statement that needs a separate transaction, and cannot be cut`,
    at: { file: source.path, line: 1, column: 1 },
    hint: "move that statement into a separate file",
  });
}

/** Every `NNN_*.sql` that lies directly in a folder, by number; folders in it (`flawed/`, `before/`) are left alone. @throws {RowgateError} `sql/…` */
export async function numberedFiles(folder: string): Promise<string[]> {
  return inOrder(folder, await sqlFiles(folder));
}

/** @throws {RowgateError} `sql/no-folder`, `sql/empty-folder` */
export async function sqlFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new RowgateError({
      code: "sql/no-folder",
      message: `the folder ${folder} cannot be read: ${messageOf(cause)}`,
      cause,
    });
  });
  const names = entries
    .filter((entry) => !entry.isDirectory() && /^[^.].*\.sql$/i.test(entry.name))
    .map(({ name }) => name);
  if (names.length === 0) {
    throw new RowgateError({
      code: "sql/empty-folder",
      message: `the folder ${folder} holds no SQL file`,
      hint: "name the files 001_….sql, 002_….sql, …",
    });
  }
  return names;
}

/** A file that is passed over, or two that could come in either order, would be a database other than the one meant. */
function inOrder(folder: string, names: readonly string[]): string[] {
  const files = new Map<bigint, string>();
  for (const name of names.toSorted()) {
    const digits = /^(\d+)_/.exec(name)?.[1];
    if (digits === undefined) throw misnamed("sql/unnumbered", `${name} has no number`, folder);
    const number = BigInt(digits);
    const other = files.get(number);
    if (other !== undefined)
      throw misnamed("sql/duplicate-number", `${other} and ${name} have the same number`, folder);
    files.set(number, name);
  }
  const sorted = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([, name]) => path.join(folder, name));
}

function misnamed(code: string, what: string, folder: string): RowgateError {
  return new RowgateError({
    code,
    message: `${what}, in ${folder}`,
    hint: "files are applied by number: name each NNN_name.sql with a unique number, or move it into a subfolder; or take the order by number, then by name, as it is: --layout numbered",
  });
}
