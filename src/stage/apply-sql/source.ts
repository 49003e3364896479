import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import type { Node } from "libpg-query";
import { messageOf, RowgateError } from "../../model/errors.ts";
import type { SourcePosition } from "../../model/errors.ts";

/** A file of SQL as it is sent: without a byte order mark. */
export interface SqlSource {
  readonly path: string;
  readonly text: string;
  /** Of the bytes on disk, hex. */
  readonly sha256: string;
}

/** A text this long is none that a seed holds; Postgres takes no longer one at once. */
const longestText = 1_000_000_000;

/** What ends in `.gz` is unpacked. @throws {RowgateError} `sql/unreadable`, `sql/encoding` */
export async function readSource(file: string): Promise<SqlSource> {
  try {
    const stored = await readFile(file);
    const bytes = file.endsWith(".gz") ? gunzipSync(stored, { maxOutputLength: longestText }) : stored;
    refuseOtherEncodings(file, bytes);
    const text = new TextDecoder().decode(bytes);
    return { path: file, text, sha256: createHash("sha256").update(stored).digest("hex") };
  } catch (cause) {
    if (cause instanceof RowgateError) throw cause;
    const message = `${file} cannot be read: ${messageOf(cause)}`;
    throw new RowgateError({ code: "sql/unreadable", message, cause });
  }
}

function refuseOtherEncodings(file: string, bytes: Buffer): void {
  if (isText(bytes)) return;
  // No byte of a multi-byte character is a line feed, so each line can be judged alone.
  let start = 0;
  for (let line = 1; start <= bytes.length; line++) {
    const end = bytes.indexOf(10, start);
    const stop = end === -1 ? bytes.length : end;
    if (!isText(bytes.subarray(start, stop))) {
      throw new RowgateError({
        code: "sql/encoding",
        message: `${path.basename(file)}: line ${line} is not UTF-8 text`,
        at: { file, line, column: 1 },
        hint: "save the file as UTF-8",
      });
    }
    start = stop + 1;
  }
}

// A NUL is valid UTF-8, but no Postgres text can hold it.
function isText(part: Uint8Array): boolean {
  return isUtf8(part) && !part.includes(0);
}

/** Where an offset (in UTF-16 units, as JavaScript counts and editors show) lies in the file. */
export function positionAt(source: SqlSource, offset: number): SourcePosition {
  const before = source.text.slice(0, offset);
  const line = before.split("\n").length;
  return { file: source.path, line, column: offset - (before.lastIndexOf("\n") + 1) + 1 };
}

/** The offset of Postgres's `position`, which counts characters from 1, where JavaScript counts an emoji as two. */
export function offsetOfCharacter(text: string, position: number): number {
  let offset = 0;
  for (let n = 1; n < position && offset < text.length; n++) {
    offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
  }
  return offset;
}

/** One statement of a file: its text lies from `start` to `end`, in UTF-16 units. */
export interface Statement {
  readonly node: Node;
  readonly start: number;
  readonly end: number;
}

/**
 * The statements of a text, as Postgres's own parser cuts them; `undefined` when it cannot read it.
 * The parser is loaded on the first call: a run whose SQL is right never needs it.
 */
export async function splitStatements(text: string): Promise<Statement[] | undefined> {
  // The parser refuses what holds no statement at all, such as the seed.sql of a new project.
  if (skipBlank(text, 0) === text.length) return [];
  const { parse } = await import("libpg-query");
  const bytes = Buffer.from(text);
  const unitsOf = (from: number, to: number): number => bytes.toString("utf8", from, to).length;
  try {
    const { stmts = [] } = await parse(text);
    let [byte, start] = [0, 0];
    return stmts.flatMap(({ stmt, stmt_location = 0, stmt_len }) => {
      start += unitsOf(byte, stmt_location);
      byte = stmt_location;
      const end = stmt_len === undefined ? text.length : start + unitsOf(byte, byte + stmt_len);
      return stmt === undefined ? [] : [{ node: stmt, start, end }];
    });
  } catch {
    return undefined;
  }
}

/** More text than this before the mistake does not make the answer better. */
const attempts = 50;

/** The statement that holds a syntax error at `offset`, and how many precede it. */
export async function statementAt(text: string, offset: number): Promise<{ index: number; start: number }> {
  let cut = lastSemicolon(text, offset);
  for (let attempt = 0; attempt < attempts && cut > 0; attempt++) {
    // Everything before the statement with the mistake can be parsed, unless the cut fell into a string.
    const before = await splitStatements(text.slice(0, cut));
    if (before !== undefined) return { index: before.length, start: skipBlank(text, cut) };
    cut = lastSemicolon(text, cut - 1);
  }
  return { index: 0, start: skipBlank(text, 0) };
}

/** Where the text after the last semicolon before `end` starts; 0 when there is none. */
function lastSemicolon(text: string, end: number): number {
  return text.slice(0, end).lastIndexOf(";") + 1;
}

function skipBlank(text: string, from: number): number {
  const blank = /(?:\s+|--[^\n]*|\/\*[\s\S]*?\*\/)*/y;
  blank.lastIndex = from;
  return from + (blank.exec(text)?.[0].length ?? 0);
}
