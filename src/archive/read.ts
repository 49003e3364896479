import { join } from "node:path";
import { messageOf, RowgateError } from "../model/errors.ts";
import { type CellRecord, type RunRecord, archiveVersion } from "../model/run.ts";
import { NotPacked, Unpacker, dictionaryFile, highestReference } from "./dictionary.ts";
import { diskError, openPlain, readWhole } from "./disk.ts";
import { cellProblem, runProblem } from "./shape.ts";
import { createCompleter } from "./usual.ts";

/** An older version → the next one. 1: every cell spells out its texts; its lines refer to nothing. 2: it spells out its usual values. Both are lines of today. */
const migrations: Readonly<Record<number, (run: object) => object>> = {
  1: (run) => ({ ...run, archiveVersion: 2 }),
  2: (run) => ({ ...run, archiveVersion: 3 }),
};

/**
 * A run as this rowgate would have recorded it, whichever version wrote it.
 * @throws RowgateError `archive/disk` when there is no `run.json` to read, `archive/version` when a later rowgate wrote it,
 * `archive/shape` naming the field that is not as it should be.
 */
export async function readRun(dir: string): Promise<RunRecord> {
  const file = join(dir, "run.json");
  const value = migrate(parse(await readWhole("Could not read the run", file), file, 1), file);
  const problem = runProblem(value);
  if (problem !== undefined) throw shapeError(file, 1, problem);
  return value as RunRecord;
}

function migrate(value: unknown, file: string): unknown {
  if (typeof value !== "object" || value === null || !("archiveVersion" in value)) return value;
  const version = value.archiveVersion;
  if (typeof version !== "number" || version === archiveVersion) return value;
  const next = Object.hasOwn(migrations, version) ? migrations[version] : undefined;
  if (next !== undefined) return migrate(next(value), file);
  throw new RowgateError({
    code: "archive/version",
    message: `The archive has version ${version}; this rowgate reads versions 1 to ${archiveVersion}`,
    at: { file, line: 1, column: 1 },
    hint: "read it with the rowgate that run.json names",
  });
}

/**
 * The cells in the order in which they were written, one at a time.
 * @throws RowgateError `archive/disk`, or `archive/shape` naming the line that is not a cell.
 */
export async function* readCells(dir: string): AsyncGenerator<CellRecord, void, undefined> {
  const file = join(dir, "cells.ndjson");
  const dictionary = join(dir, dictionaryFile);
  // An archive of version 1 has none, and no cell of it asks for an entry.
  const entries = linesOf(dictionary);
  const unpacker = new Unpacker();
  const complete = createCompleter();
  try {
    for await (const [line, text] of linesOf(file)) {
      const parsed = parse(text, file, line);
      const highest = attempt(file, line, () => highestReference(parsed));
      while (unpacker.end <= highest) {
        const { value: entry, done } = await entries.next();
        if (done === true) throw shapeError(file, line, `${dictionaryFile} has no entry ${highest}`);
        const [at, json] = entry;
        attempt(dictionary, at, () => unpacker.add(json, parse(json, dictionary, at)));
      }
      const value = complete(attempt(file, line, () => unpacker.record(text, parsed)));
      const problem = cellProblem(value);
      if (problem !== undefined) throw shapeError(file, line, problem);
      yield value as CellRecord;
    }
  } finally {
    await entries.return();
  }
}

function attempt<T>(file: string, line: number, step: () => T): T {
  try {
    return step();
  } catch (cause) {
    if (cause instanceof NotPacked) throw shapeError(file, line, cause.message);
    // Deeper than the stack: JSON can be nested without end.
    if (cause instanceof RangeError) throw shapeError(file, line, "it is nested too deeply");
    throw cause;
  }
}

/** Characters. Nothing of ours comes near: what servers say is cut before it is recorded. */
const longestLine = 32 * 1024 * 1024;

/** Splits at \n only: node:readline splits at U+2028 as well, which JSON leaves as it is within a string. */
async function* linesOf(
  file: string,
): AsyncGenerator<readonly [line: number, text: string], void, undefined> {
  const doing = "Could not read the cells";
  let line = 0;
  let rest = "";
  const handle = await openPlain(doing, file);
  const chunks = handle.createReadStream({ encoding: "utf8" });
  try {
    for await (const chunk of chunks) {
      const lines = `${rest}${String(chunk)}`.split("\n");
      rest = lines.pop() ?? "";
      for (const text of lines) yield [(line += 1), text];
      if (rest.length > longestLine) throw shapeError(file, line + 1, "the line is longer than any of ours");
    }
  } catch (cause) {
    throw diskError(doing, file, cause);
  }
  // The writer ends every line, so what has no end was cut off, even where it happens to parse.
  if (rest !== "") throw shapeError(file, line + 1, "the line has no end");
}

function parse(text: string, file: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw shapeError(file, line, messageOf(cause));
  }
}

function shapeError(file: string, line: number, problem: string): RowgateError {
  return new RowgateError({
    code: "archive/shape",
    message: `${file}:${line} is not what rowgate writes: ${problem}`,
    at: { file, line, column: 1 },
    hint: "the archive was changed or cut off: compare it with its SHA256SUMS (`sha256sum -c SHA256SUMS`)",
  });
}
