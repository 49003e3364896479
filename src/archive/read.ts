import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { RowgateError } from "../model/errors.ts";
import { type CellRecord, type RunRecord, archiveVersion } from "../model/run.ts";
import { diskError, onDisk } from "./disk.ts";
import { cellProblem, runProblem } from "./shape.ts";

/**
 * @throws RowgateError `archive/disk` when there is no `run.json` to read, `archive/version` when another rowgate
 * wrote it, `archive/shape` naming the field that is not as it should be.
 */
export async function readRun(dir: string): Promise<RunRecord> {
  const file = join(dir, "run.json");
  const text = await onDisk("Could not read the run", file, () => readFile(file, "utf8"));
  const value = parse(text, file, 1);
  const version =
    typeof value === "object" && value !== null && "archiveVersion" in value && value.archiveVersion;
  if (typeof version === "number" && version !== archiveVersion) {
    throw new RowgateError({
      code: "archive/version",
      message: `The archive has version ${version}; this rowgate reads version ${archiveVersion}`,
      at: { file, line: 1, column: 1 },
      hint: "read it with the rowgate that run.json names",
    });
  }
  const problem = runProblem(value);
  if (problem !== undefined) throw shapeError(file, 1, problem);
  return value as RunRecord;
}

/**
 * The cells in the order in which they were written, one at a time.
 * @throws RowgateError `archive/disk`, or `archive/shape` naming the line that is not a cell.
 */
export async function* readCells(dir: string): AsyncGenerator<CellRecord, void, undefined> {
  const file = join(dir, "cells.ndjson");
  for await (const [line, text] of linesOf(file)) {
    const value = parse(text, file, line);
    const problem = cellProblem(value);
    if (problem !== undefined) throw shapeError(file, line, problem);
    yield value as CellRecord;
  }
}

/** Splits at \n only: node:readline splits at U+2028 as well, which JSON leaves as it is within a string. */
async function* linesOf(
  file: string,
): AsyncGenerator<readonly [line: number, text: string], void, undefined> {
  let line = 0;
  let rest = "";
  try {
    for await (const chunk of createReadStream(file, { encoding: "utf8" })) {
      const lines = `${rest}${String(chunk)}`.split("\n");
      rest = lines.pop() ?? "";
      for (const text of lines) yield [(line += 1), text];
    }
  } catch (cause) {
    throw diskError("Could not read the cells", file, cause);
  }
  // The writer ends every line, so what has no end was cut off, even where it happens to parse.
  if (rest !== "") throw shapeError(file, line + 1, "the line has no end");
}

function parse(text: string, file: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw shapeError(file, line, cause instanceof Error ? cause.message : String(cause));
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
