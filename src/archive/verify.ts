import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { onDisk } from "./disk.ts";
import { archiveFiles, parseSums, sha256OfFile, sumsFile } from "./sums.ts";

/** What is not as it was written. `broken`: a line of SHA256SUMS that is not one, or names a file twice. */
export type Deviation =
  | { readonly kind: "missing" | "changed" | "extra"; readonly file: string }
  | { readonly kind: "broken"; readonly file: typeof sumsFile; readonly line: number };

/**
 * Compares an archive with its SHA256SUMS; an empty list says that nothing differs. It shows accidents: whoever
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
  // Whoever drops a file together with its line must not go unseen.
  for (const file of new Set([...archiveFiles, ...sums.keys()])) {
    if (isFile.get(file) !== true) deviations.push({ kind: "missing", file });
    else if (sums.has(file) && (await digest(join(dir, file))) !== sums.get(file)) {
      deviations.push({ kind: "changed", file });
    }
  }
  for (const file of isFile.keys()) {
    if (file !== sumsFile && !sums.has(file)) deviations.push({ kind: "extra", file });
  }
  return deviations;
}

function readText(path: string): Promise<string> {
  return onDisk("Could not read the archive", path, () => readFile(path, "utf8"));
}

function digest(path: string): Promise<string> {
  return onDisk("Could not read the archive", path, () => sha256OfFile(path));
}
