import path from "node:path";
import type { Node } from "libpg-query";
import type { ClientBase } from "pg";
import type { GateStatement } from "../model/gate.ts";
import { RowgateError } from "../model/errors.ts";
import { positionAt, readSource, splitStatements, type SqlSource } from "../stage/apply-sql/source.ts";
import { describeFailure } from "../stage/apply-sql/failure.ts";
import { wayOf } from "../stage/apply-sql/ways.ts";

/** A statement of a migration, with what is sent to have its effect inside a transaction. */
export interface PendingStatement extends GateStatement {
  readonly source: SqlSource;
  /** Statements before it in its file. */
  readonly before: number;
  readonly start: number;
  readonly sql: string;
  readonly addsEnumValue: boolean;
  /** Sent before and after it: who applies it, and what the end of a file resets. */
  readonly prologue: readonly string[];
  readonly epilogue: readonly string[];
}

/** As whom migrations are applied: on Supabase as `postgres`, elsewhere as the login. */
export type Applicant = "login" | "supabase";

/** What a file may have set must not reach the next one, nor a probe. */
const reset = [
  "set constraints all immediate",
  "set constraints all deferred",
  "reset session authorization",
  "reset role",
  "reset all",
];
const asProject = [
  "set session authorization postgres",
  String.raw`set local search_path = "$user", public, extensions`,
];

/** Reads the files in order and cuts them into statements. @throws RowgateError `sql/…`, with file and line */
export async function readPending(
  files: readonly string[],
  applicant: Applicant,
  cwd: string,
): Promise<readonly PendingStatement[]> {
  const pending: PendingStatement[] = [];
  for (const file of files) {
    const source = await readSource(file);
    pending.push(...(await statementsOf({ ...source, path: path.relative(cwd, file) || file }, applicant)));
  }
  return pending;
}

async function statementsOf(source: SqlSource, applicant: Applicant): Promise<readonly PendingStatement[]> {
  const statements = await splitStatements(source.text);
  if (statements === undefined) throw notParsed(source);
  const found = statements.flatMap(({ node, start, end }, before): readonly PendingStatement[] => {
    const way = applicant === "supabase" ? wayOf(node).kind : "own";
    if (way === "skip" || leftOut(node)) return [];
    const written = source.text.slice(start, end);
    const sql = isConcurrent(node) ? written.replace(/\bconcurrently\b/i, "") : written;
    const begins = start + (/^(?:\s+|--[^\n]*|\/\*[\s\S]*?\*\/)*/.exec(written)?.[0].length ?? 0);
    const { file, line } = positionAt(source, begins);
    const text = source.text.slice(begins, end).split("\n", 1)[0]?.trim() ?? "";
    const superuser = way === "superuser";
    return [
      {
        file,
        line,
        text,
        source,
        before,
        start,
        sql,
        addsEnumValue:
          "AlterEnumStmt" in node &&
          node.AlterEnumStmt.newVal !== undefined &&
          node.AlterEnumStmt.oldVal === undefined,
        prologue: superuser ? ["reset session authorization"] : [],
        epilogue: superuser ? [asProject[0] ?? ""] : [],
      },
    ];
  });
  return found.map((one, index) => ({
    ...one,
    prologue: [...(index === 0 && applicant === "supabase" ? asProject : []), ...one.prologue],
    epilogue: [...one.epilogue, ...(index === found.length - 1 ? reset : [])],
  }));
}

/** A file's own transactions, and what changes no access and refuses to run in one. */
function leftOut(node: Node): boolean {
  return (
    "TransactionStmt" in node || "VacuumStmt" in node || "ReindexStmt" in node || "AlterSystemStmt" in node
  );
}

/** An index that is made without it is the same index: only the locks differ. */
function isConcurrent(node: Node): boolean {
  return (
    ("IndexStmt" in node && node.IndexStmt.concurrent === true) ||
    ("DropStmt" in node && node.DropStmt.concurrent === true)
  );
}

/**
 * A new value of an enum can be used only after it was committed. On a database that is thrown away afterwards it is committed first:
 * a value that no row holds changes no access. @returns the other statements
 */
export async function commitEnumValues(
  client: ClientBase,
  pending: readonly PendingStatement[],
): Promise<readonly PendingStatement[]> {
  const done = new Set<PendingStatement>();
  for (const one of pending.filter(({ addsEnumValue }) => addsEnumValue)) {
    const committed = await client.query(one.sql).then(
      () => true,
      // Its type is made by these migrations: then its values can be used at once.
      () => false,
    );
    if (committed) done.add(one);
  }
  return pending.map((one) => (done.has(one) ? { ...one, sql: "select 1" } : one));
}

function notParsed(source: SqlSource): RowgateError {
  return new RowgateError({
    code: "sql/not-parsed",
    message: `${source.path} cannot be cut into statements: Postgres's parser does not read it`,
    at: { file: source.path, line: 1, column: 1 },
    hint: "it holds a syntax error, a command of psql, or COPY … FROM stdin: apply it to an empty database to see where",
  });
}

/** What brings a database from before all statements to after the first `count` of them. */
export function changesOf(pending: readonly PendingStatement[], count: number): readonly string[] {
  const applied = pending.slice(0, count);
  const sent = applied.flatMap(({ prologue, sql, epilogue }) => [...prologue, sql, ...epilogue]);
  return applied.length === 0 ? [] : [...sent, ...reset.slice(2)];
}

export async function failureOf(statement: PendingStatement, error: Error): Promise<RowgateError> {
  const { source, before, start } = statement;
  return describeFailure({ source, error, before, sentFrom: start, kept: 0 });
}
