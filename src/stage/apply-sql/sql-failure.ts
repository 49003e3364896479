import path from "node:path";
import { DatabaseError } from "pg";
import { RowgateError } from "../../model/errors.ts";
import { offsetOfCharacter, positionAt } from "./sql-source.ts";
import type { SqlSource } from "./sql-source.ts";
import { splitStatements, statementAt } from "./sql-statements.ts";

/** An error that came from sending the whole or a part of a file. */
export interface Failure {
  readonly source: SqlSource;
  readonly error: Error;
  /** Statements of the file that ran before the one that failed. */
  readonly before: number;
  /** Where the text that was sent starts in the file, in UTF-16 units. */
  readonly sentFrom: number;
  /** Statements that stay, though a later one failed: the file committed them itself, or runs without a transaction. */
  readonly kept: number;
}

/** Finds the statement of a failure in its file. */
export async function describeFailure(failure: Failure): Promise<RowgateError> {
  const { source, error } = failure;
  if (!(error instanceof DatabaseError)) return connectionLost(source, error);
  const at = offsetOf(failure, error);
  if (at !== undefined && source.text[at] === "\\") return psqlCommand(source, at);
  const { index, start } = await locate(failure, at);
  const firstLine = source.text.slice(start).split("\n", 1)[0]?.trim() ?? "";
  const name = path.basename(source.path);
  return new RowgateError({
    code: "sql/statement",
    message: `${name}, statement ${index + 1} (${shorten(firstLine)}): ${said(error)}`,
    at: positionAt(source, at ?? start),
    details: detailsOf(error, failure.kept),
    hint: error.hint ?? hintFor(source, error),
    cause: error,
  });
}

/** All statements ran; what they left could not be committed. */
export function describeCommitFailure(source: SqlSource, error: Error): RowgateError {
  if (!(error instanceof DatabaseError)) return connectionLost(source, error);
  return new RowgateError({
    code: "sql/commit",
    message: `${path.basename(source.path)}, at the end of the file: ${said(error)}`,
    at: positionAt(source, source.text.trimEnd().length),
    details: detailsOf(error, 0),
    hint: "every statement ran; a deferred constraint was checked when the file was committed",
    cause: error,
  });
}

function offsetOf({ source, sentFrom }: Failure, error: DatabaseError): number | undefined {
  if (error.position === undefined) return undefined;
  return sentFrom + offsetOfCharacter(source.text.slice(sentFrom), Number(error.position));
}

const syntaxError = "42601";

async function locate(failure: Failure, at: number | undefined): Promise<{ index: number; start: number }> {
  const statements = await splitStatements(failure.source.text);
  const statement = statements?.[failure.before];
  if (statement !== undefined) return { index: failure.before, start: statement.start };
  // Postgres reads the whole text before it runs any of it: nothing ran, and the text cannot be cut.
  if (at !== undefined) return statementAt(failure.source.text, at);
  return { index: failure.before, start: 0 };
}

/** Postgres quotes what it could not read up to the end of the file: one line is enough. */
function said(error: DatabaseError): string {
  return `${error.message.split("\n", 1)[0] ?? ""} [${error.code ?? "?"}]`;
}

function detailsOf(error: DatabaseError, kept: number): string | undefined {
  const parts = [
    error.detail,
    error.internalQuery === undefined ? undefined : `in the query: ${error.internalQuery}`,
    error.where,
    kept === 0 ? undefined : `statements 1 to ${kept} had been committed before, and stay`,
  ];
  return parts.filter((part) => part !== undefined).join("\n") || undefined;
}

function hintFor(source: SqlSource, error: DatabaseError): string | undefined {
  const copies = /\bfrom\s+stdin\b/i.test(source.text);
  if (copies && (error.code === syntaxError || /COPY/.test(error.message))) {
    return "COPY … FROM STDIN needs psql: write the rows as INSERT (pg_dump --inserts)";
  }
  return undefined;
}

function psqlCommand(source: SqlSource, at: number): RowgateError {
  const command = source.text.slice(at).split("\n", 1)[0]?.trim() ?? "";
  return new RowgateError({
    code: "sql/psql-command",
    message: `${path.basename(source.path)}: ${shorten(command)} is a command of psql, not SQL`,
    at: positionAt(source, at),
    hint: "write SQL; instead of including a file, number it: every NNN_*.sql of the folder is applied in order",
  });
}

export function connectionLost(source: SqlSource, cause: Error): RowgateError {
  return new RowgateError({
    code: "sql/connection",
    message: `${path.basename(source.path)}: the connection was lost while it was applied: ${cause.message}`,
    at: positionAt(source, 0),
    cause,
  });
}

function shorten(line: string): string {
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
