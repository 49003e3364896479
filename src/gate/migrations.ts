import path from "node:path";
import type { Node } from "libpg-query";
import { DatabaseError } from "pg";
import type { GateStatement } from "../model/gate.ts";
import { isCode } from "../model/answers.ts";
import { messageOf, RowgateError } from "../model/errors.ts";
import {
  offsetOfCharacter,
  positionAt,
  readSource,
  splitStatements,
  type SqlSource,
} from "../stage/apply-sql/source.ts";
import { describeFailure } from "../stage/apply-sql/failure.ts";
import { wayOf } from "../stage/apply-sql/ways.ts";

/** A statement of a migration, with what is sent to have its effect inside a transaction. */
export interface PendingStatement extends GateStatement {
  readonly source: SqlSource;
  /** Statements before it in its file. */
  readonly before: number;
  readonly start: number;
  readonly sql: string;
  /**
   * It cannot run inside a transaction (`apart`), or what it adds can be used only when it is committed (`value`): it is committed
   * on a copy of the database.
   */
  readonly commits?: "apart" | "value" | undefined;
  /** It puts in, changes or deletes rows, and does nothing else. */
  readonly writesRows: boolean;
  /** Sent first where a transaction begins with it: who applies its file, and what the file has set so far. */
  readonly opening: readonly string[];
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
/** As the session was before the statements. */
export const resetSession: readonly string[] = reset.slice(2);
const asProject = [
  "set session authorization postgres",
  String.raw`set search_path = "$user", public, extensions`,
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
  if (statements === undefined) throw await notParsed(source);
  const first = applicant === "supabase" ? asProject : [];
  const opening = [...first];
  const isApplied = ({ node }: Statement): boolean => applicant !== "supabase" || wayOf(node).kind !== "skip";
  const found = kept(statements, source.text)
    .filter(isApplied)
    .map(({ node, start, end, before, ends }): PendingStatement => {
      const superuser = applicant === "supabase" && wayOf(node).kind === "superuser";
      const sql = source.text.slice(start, end);
      const begins = start + (/^(?:\s+|--[^\n]*|\/\*[\s\S]*?\*\/)*/.exec(sql)?.[0].length ?? 0);
      const after = ends === undefined ? [] : [...ends.resets, ...first, ...ends.said];
      const { file, line } = positionAt(source, begins);
      const one = {
        file,
        line,
        text: source.text.slice(begins, end).split("\n", 1)[0]?.trim() ?? "",
        source,
        before,
        start,
        sql,
        commits: commitsBy(node),
        writesRows: rowWriters.some((kind) => kind in node),
        opening: [...opening],
        prologue: superuser ? ["reset session authorization"] : [],
        epilogue: [...(superuser ? asProject.slice(0, 1) : []), ...after],
      };
      if ("VariableSetStmt" in node) opening.push(sql);
      opening.push(...after);
      return one;
    });
  return found.map((one, index) =>
    index === found.length - 1 ? { ...one, epilogue: [...one.epilogue, ...reset] } : one,
  );
}

type Kept = Statement & {
  /** In its file. */
  readonly before: number;
  /** Sent after it, where its transaction ends. */
  readonly ends: { readonly resets: readonly string[]; readonly said: readonly string[] } | undefined;
};
type Statement = NonNullable<Awaited<ReturnType<typeof splitStatements>>>[number];

/** Without what is rolled back by the file itself, and what says nothing inside a transaction of rowgate's. */
function kept(statements: readonly Statement[], text: string): readonly Kept[] {
  const all: Kept[] = [];
  let begun = 0;
  for (const [before, one] of statements.entries()) {
    const kind = "TransactionStmt" in one.node ? one.node.TransactionStmt.kind : undefined;
    if (kind === "TRANS_STMT_BEGIN" || kind === "TRANS_STMT_START") begun = all.length;
    else if (kind === "TRANS_STMT_ROLLBACK") all.length = begun;
    else if (kind === "TRANS_STMT_COMMIT") endLocals(all, begun, text);
    else if (!leftOut(one.node)) all.push({ ...one, before, ends: undefined });
  }
  return all;
}

/** What SET LOCAL said ends with its transaction: RESETs, and what the session itself had said. */
function endLocals(all: Kept[], begun: number, text: string): void {
  const last = all.at(-1);
  const names = all.slice(begun).flatMap(({ node }) => settingOf(node, true));
  if (last === undefined || names.length === 0) return;
  const lasting = all.filter(({ node }) => settingOf(node, false).length > 0);
  const said = lasting.map(({ start, end }) => text.slice(start, end));
  all[all.length - 1] = { ...last, ends: { resets: names.map((name) => `reset ${name}`), said } };
}

function settingOf(node: Node, local: boolean): readonly string[] {
  const set = "VariableSetStmt" in node ? node.VariableSetStmt : undefined;
  return set?.name !== undefined && (set.is_local === true) === local ? [set.name] : [];
}

/** What changes no access and refuses to run in a transaction, or belongs to the whole server. */
function leftOut(node: Node): boolean {
  return [
    "VacuumStmt",
    "ReindexStmt",
    "ClusterStmt",
    "AlterSystemStmt",
    "CreatedbStmt",
    "DropdbStmt",
    "CreateTableSpaceStmt",
    "DropTableSpaceStmt",
    "CreateSubscriptionStmt",
    "DropSubscriptionStmt",
  ].some((kind) => kind in node);
}

const rowWriters = ["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"];

function commitsBy(node: Node): PendingStatement["commits"] {
  if ("AlterEnumStmt" in node)
    return node.AlterEnumStmt.newVal !== undefined && node.AlterEnumStmt.oldVal === undefined
      ? "value"
      : undefined;
  const apart =
    ("IndexStmt" in node && node.IndexStmt.concurrent === true) ||
    ("DropStmt" in node && node.DropStmt.concurrent === true) ||
    "CallStmt" in node ||
    ("DoStmt" in node && /\b(?:commit|rollback)\b/i.test(JSON.stringify(node.DoStmt))) ||
    ("AlterTableStmt" in node && /"concurrent":\s*true/.test(JSON.stringify(node.AlterTableStmt)));
  return apart ? "apart" : undefined;
}

/** Says where, as Postgres's parser does. */
async function notParsed(source: SqlSource): Promise<RowgateError> {
  const { parse } = await import("libpg-query");
  const failure: unknown = await parse(source.text).catch((error: unknown) => error);
  const { sqlDetails: { cursorPosition = 0 } = {} } = failure as {
    readonly sqlDetails?: { readonly cursorPosition?: number };
  };
  const offset = offsetOfCharacter(source.text, cursorPosition + 1);
  const at = positionAt(source, offset);
  const isPsql = source.text[offset] === "\\";
  return new RowgateError({
    code: "sql/not-parsed",
    message: `${source.path} cannot be cut into statements: ${isPsql ? "this is a command of psql" : messageOf(failure)}`,
    at,
    hint: isPsql
      ? "write SQL; rows of COPY … FROM stdin as INSERT (pg_dump --inserts)"
      : "correct the statement; rows of COPY … FROM stdin are written as INSERT (pg_dump --inserts)",
  });
}

/** As it is sent after statements that it does not follow in its file. */
export function onItsOwn(one: PendingStatement): PendingStatement {
  return { ...one, opening: [], prologue: [...resetSession, ...one.opening, ...one.prologue], epilogue: [] };
}

/** What is sent to apply these statements, which follow each other, in a transaction or one by one. */
export function changesOf(applied: readonly PendingStatement[]): readonly string[] {
  const sent = applied.flatMap((_, index) => textsOf(applied, index).flat());
  return applied.length === 0 ? [] : [...sent, ...resetSession];
}

/** What a statement is sent with: before it, itself, and after it. */
export function textsOf(
  applied: readonly PendingStatement[],
  index: number,
): readonly [readonly string[], readonly string[], readonly string[]] {
  const one = applied[index];
  if (one === undefined) return [[], [], []];
  const opening = applied[index - 1]?.file === one.file ? [] : one.opening;
  return [[...opening, ...one.prologue], [one.sql], one.epilogue];
}

export async function failureOf(statement: PendingStatement, error: Error): Promise<RowgateError> {
  const { source, before, start } = statement;
  const said = await describeFailure({ source, error, before, sentFrom: start, kept: 0 });
  if (!(error instanceof DatabaseError) || !isCode(error.code, "lockNotAvailable")) return said;
  const { code, message, at, details } = said;
  const hint =
    "another session holds a lock on what this statement changes, and rowgate gate does not wait for it: repeat it when that session has ended (select pid, query from pg_stat_activity where state <> 'idle'), or use --target embedded";
  return new RowgateError({ code, message, at, details, hint, cause: error });
}
