import path from "node:path";
import { DatabaseError } from "pg";
import { RowgateError } from "../../model/errors.ts";
import { offsetOfCharacter, positionAt, splitStatements, type SqlSource, statementAt } from "./source.ts";

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
    message: `${name}, statement ${index + 1} (${shorten(firstLine)}): ${messageOf(error)}`,
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
    message: `${path.basename(source.path)}, at the end of the file: ${messageOf(error)}`,
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
function messageOf(error: DatabaseError): string {
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

/** Codes that say: this is not there. Relation, column, function, type or role, schema. */
const notThere: ReadonlySet<string | undefined> = new Set(["42P01", "42703", "42883", "42704", "3F000"]);

/**
 * A file that names what does not exist is a link of a chain: what makes it was to come before. The failure says so,
 * with the files that did, and with the number that is left out where numbers go one by one.
 */
export function inChain(failure: unknown, files: readonly string[], at: number): unknown {
  if (!(failure instanceof RowgateError) || !(failure.cause instanceof DatabaseError)) return failure;
  if (failure.code !== "sql/statement" || !notThere.has(failure.cause.code)) return failure;
  const names = files.map((file) => path.basename(file));
  const before = names.slice(0, at);
  const came =
    before.length === 0 ? "it is the first file of its folder" : `before it came ${before.join(", ")}`;
  const gap = missingNumber(names.slice(0, at + 1));
  const after = names.slice(at + 1);
  const parts = [
    `what makes it must come first: ${came}`,
    ...(gap === undefined ? [] : [`and there is no ${gap}`]),
    ...(after.length === 0 ? [] : [`after it come ${after.join(", ")}`]),
  ];
  const { code, message, at: position, details, hint, cause } = failure;
  const hints = [...(hint === undefined ? [] : [hint]), parts.join("; ")];
  return new RowgateError({ code, message, at: position, details, hint: hints.join("\n  "), cause });
}

/** In 1, 2, 4 it is 3. Numbers that go by tens leave nothing out that anybody could name. */
function missingNumber(names: readonly string[]): string | undefined {
  const digits = names.map((name) => /^\d+/.exec(name)?.[0] ?? "");
  const [last = 0, previous = 0, ...others] = digits.map(Number).toReversed();
  const oneByOne = [previous, ...others].every((number, index, all) => number === all.length - index);
  if (!oneByOne || last - previous !== 2) return undefined;
  return String(previous + 1).padStart(digits.at(-2)?.length ?? 0, "0");
}
