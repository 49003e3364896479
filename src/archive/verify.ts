import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { dictionaryFile } from "./dictionary.ts";
import { onDisk, readWhole } from "./disk.ts";
import { statementFiles } from "./statements.ts";

/** The files of a finished archive, besides the list of their sums; version 1 had no dictionary. */
const archiveFiles = ["run.json", "cells.ndjson", "catalog.json"] as const;
export const sumsFile = "SHA256SUMS";

/** As `sha256sum(1)` prints it, so that `sha256sum -c SHA256SUMS` checks an archive without rowgate. */
export function formatSums(sums: Readonly<Record<string, string>>): string {
  return Object.keys(sums)
    .toSorted()
    .map((name) => `${sums[name]}  ${name}\n`)
    .join("");
}

/** Name → digest, and the lines that say nothing of the sort. A name with a slash would lead out of the archive. */
export function parseSums(text: string): {
  readonly sums: ReadonlyMap<string, string>;
  readonly broken: readonly number[];
} {
  const sums = new Map<string, string>();
  const broken: number[] = [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (const [index, line] of lines.entries()) {
    const [, digest, name] = /^([0-9a-f]{64}) [ *]([^/\\]+)$/.exec(line) ?? [];
    if (digest === undefined || name === undefined || sums.has(name)) broken.push(index + 1);
    else sums.set(name, digest);
  }
  return { sums, broken };
}

export function sha256(bytes: string): string {
  return createHash("sha256").update(bytes, "utf8").digest("hex");
}

/** Streams: `cells.ndjson` may be larger than memory. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** What is not as it was written. `broken`: a line of SHA256SUMS that is not one, or names a file twice. */
export type Deviation =
  | { readonly kind: "missing" | "changed" | "extra"; readonly file: string }
  | { readonly kind: "broken"; readonly file: typeof sumsFile; readonly line: number };

/**
 * Compares an archive with its SHA256SUMS; an empty list says that nothing differs. It shows accidents: a person who
 * changes a file on purpose can write its sum anew.
 * @throws RowgateError `archive/disk` when the folder cannot be read.
 */
export async function verifyArchive(dir: string): Promise<readonly Deviation[]> {
  const present = await onDisk("Could not read the archive", dir, () =>
    readdir(dir, { withFileTypes: true }),
  );
  const isFile = new Map(present.map((entry) => [entry.name, entry.isFile()]));
  if (isFile.get(sumsFile) !== true) return [{ kind: "missing", file: sumsFile }];

  const { sums, broken } = parseSums(await readText(join(dir, sumsFile)));
  const deviations: Deviation[] = broken.map((line) => ({ kind: "broken", file: sumsFile, line }));
  for (const file of new Set([...(await expectedFiles(dir)), ...sums.keys()])) {
    if (isFile.get(file) !== true) deviations.push({ kind: "missing", file });
    else if (sums.has(file) && (await digestOf(join(dir, file))) !== sums.get(file)) {
      deviations.push({ kind: "changed", file });
    }
  }
  for (const file of isFile.keys()) {
    if (file !== sumsFile && !sums.has(file) && !isStatement(file)) deviations.push({ kind: "extra", file });
  }
  return deviations;
}

/** A file that was removed together with its line must be missed all the same. */
async function expectedFiles(dir: string): Promise<readonly string[]> {
  return (await isOfVersion1(dir)) ? archiveFiles : [...archiveFiles, dictionaryFile];
}

/** Version 1 had no dictionary and no statements. Read from the text, since a damaged `run.json` is verified too. */
export async function isOfVersion1(dir: string): Promise<boolean> {
  const run = await readWhole("Could not read the archive", join(dir, "run.json")).catch(() => "");
  return /^\s*\{\s*"archiveVersion":\s*1\b/.test(run);
}

function isStatement(file: string): boolean {
  return statementFiles.some((name) => name === file);
}

function readText(path: string): Promise<string> {
  return onDisk("Could not read the archive", path, () => readFile(path, "utf8"));
}

function digestOf(path: string): Promise<string> {
  return onDisk("Could not read the archive", path, () => sha256OfFile(path));
}
