import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import type { RunRecord } from "../model/run.ts";
import { dayPattern, runIdPattern } from "./id.ts";
import { sha256, sumsFile } from "./sums.ts";

/** A link of the chain: a run, and the SHA-256 (hex) of its `SHA256SUMS`. */
export type Link = NonNullable<RunRecord["previous"]>;

/**
 * The newest finished run under a root, for the next one to name. Runs at the same time may name the same one: the
 * chain is then a tree, and still every run's digest is held by a later one.
 */
export async function latestArchive(root: string): Promise<Link | undefined> {
  for (const day of await newestFirst(root, dayPattern)) {
    for (const id of await newestFirst(join(root, day), runIdPattern)) {
      const link = await linkTo(join(root, day, id), id);
      if (link !== undefined) return link;
    }
  }
  return undefined;
}

/** What became of the run that another names: `first` names none. */
export type PreviousState = "first" | "unchanged" | "changed" | "absent";

export async function checkPrevious(root: string, run: Pick<RunRecord, "previous">): Promise<PreviousState> {
  if (run.previous === undefined) return "first";
  const { id, sha256: expected } = run.previous;
  const day = runIdPattern.exec(id)?.[1];
  // The id comes from a file: only one of ours may become a path.
  const found = day === undefined ? undefined : await linkTo(join(root, day, id), id);
  if (found === undefined) return "absent";
  return found.sha256 === expected ? "unchanged" : "changed";
}

async function linkTo(folder: string, id: string): Promise<Link | undefined> {
  try {
    return { id, sha256: sha256(await readFile(join(folder, sumsFile), "utf8")) };
  } catch {
    return undefined;
  }
}

async function newestFirst(folder: string, pattern: RegExp): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => pattern.test(name))
    .toSorted()
    .toReversed();
}
