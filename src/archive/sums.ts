import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** The files of a finished archive, besides the list of their sums. */
export const archiveFiles = ["run.json", "cells.ndjson", "catalog.json"] as const;
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
