import path from "node:path";
import { readCatalog } from "../archive/read-catalog.ts";
import { readCells, readRun } from "../archive/read.ts";
import { verifyArchive } from "../archive/verify.ts";
import { diffExitCode, type DiffSide, diffRuns } from "../diff/diff.ts";
import { diffText } from "../diff/text.ts";
import { RowgateError } from "../model/errors.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { folderOf } from "./report.ts";

export interface DiffOptions {
  readonly format: "terminal" | "json" | "markdown";
  readonly logs: string;
}

/** `rowgate diff <run> <run>`: 1, access was gained that no change of the matrix declares; 2, it could not tell. */
export async function diffCommand(
  before: string,
  after: string,
  { format, logs }: DiffOptions,
  { cwd, out }: Environment,
): Promise<ExitCode> {
  const root = path.resolve(cwd, logs);
  const [one, other] = [await side(before, root, cwd), await side(after, root, cwd)];
  const diff = await diffRuns(one, other);
  out.write(
    format === "json" ? `${JSON.stringify(diff, undefined, 2)}\n` : diffText(diff, format === "markdown"),
  );
  return diffExitCode(diff);
}

/** @throws RowgateError `archive/altered`: what was altered shows nothing */
async function side(run: string, root: string, cwd: string): Promise<DiffSide> {
  const folder = await folderOf(run, root, cwd);
  const [altered] = await verifyArchive(folder);
  if (altered !== undefined) {
    throw new RowgateError({
      code: "archive/altered",
      message: `The run ${run} is not as it was written: ${altered.file} (${altered.kind}).`,
      hint: `rowgate verify ${run} says what was altered`,
    });
  }
  const catalog = await readCatalog(folder);
  if (catalog === undefined) {
    throw new RowgateError({
      code: "archive/shape",
      message: `The run ${run} holds no catalog.json: what was in force is not known.`,
      hint: "compare with a run whose archive is whole",
    });
  }
  return { run: await readRun(folder), catalog, cells: () => readCells(folder) };
}
