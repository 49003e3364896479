import { readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { RunRecord } from "../model/run.ts";
import { onDisk, writeWhole } from "./disk.ts";
import { dayPattern, runIdPattern } from "./id.ts";
import { sha256, sumsFile } from "./verify.ts";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { RowgateError } from "../model/errors.ts";
import { isAbandoned, ownerNote } from "./partial.ts";

/** A link of the chain: a run, and the SHA-256 (hex) of its `SHA256SUMS`. */
export type Link = NonNullable<RunRecord["previous"]>;

/** The end of the chain, and the link before it. Ids tell when runs began, not in which order they were closed. */
const endFile = "chain.json";

interface ChainEnd {
  readonly last: Link;
  readonly before: Link | undefined;
}

/**
 * The run that was closed last under a root, for the next one to name: as `chain.json` says, with the digest that it had
 * when it was closed. Where that file is gone, the newest finished run.
 */
export async function latestArchive(root: string): Promise<Link | undefined> {
  const end = await readEnd(root);
  for (const link of [end?.last, end?.before]) {
    // A run that was noted and then killed before it got its name was never part of the chain.
    if (link !== undefined && (await digestOf(root, link.id)) !== undefined) return link;
  }
  return newestArchive(root);
}

/** Notes a run as the last one. Comes before the run gets its name: killed in between, the one before it still holds. */
export async function noteLast(root: string, end: ChainEnd): Promise<void> {
  // What could not be found again by its id is no link.
  if (!runIdPattern.test(end.last.id)) return;
  const file = join(root, endFile);
  // Whole or not at all, since it is the only file of the archive that is ever written anew.
  await writeWhole(`${file}.new`, `${JSON.stringify(end, null, 2)}\n`);
  await onDisk("Could not write the archive", file, () => rename(`${file}.new`, file));
}

/** What became of the run that another names: `first` names none. */
export type PreviousState = "first" | "unchanged" | "changed" | "absent";

export async function checkPrevious(root: string, run: Pick<RunRecord, "previous">): Promise<PreviousState> {
  if (run.previous === undefined) return "first";
  const found = await digestOf(root, run.previous.id);
  if (found === undefined) return "absent";
  return found === run.previous.sha256 ? "unchanged" : "changed";
}

async function newestArchive(root: string): Promise<Link | undefined> {
  for (const day of await newestFirst(root, dayPattern)) {
    for (const id of await newestFirst(join(root, day), runIdPattern)) {
      const digest = await digestOf(root, id);
      if (digest !== undefined) return { id, sha256: digest };
    }
  }
  return undefined;
}

async function readEnd(root: string): Promise<ChainEnd | undefined> {
  try {
    const { last, before } = JSON.parse(await readFile(join(root, endFile), "utf8")) as Partial<ChainEnd>;
    return isLink(last) ? { last, before: isLink(before) ? before : undefined } : undefined;
  } catch {
    return undefined;
  }
}

function isLink(value: Partial<Link> | undefined | null): value is Link {
  return typeof value?.id === "string" && /^[0-9a-f]{64}$/.test(value.sha256 ?? "");
}

async function digestOf(root: string, id: string): Promise<string | undefined> {
  // The id comes from a file: only one of ours may become a path.
  const day = runIdPattern.exec(id)?.[1];
  if (day === undefined) return undefined;
  try {
    return sha256(await readFile(join(root, day, id, sumsFile), "utf8"));
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

const file = ".closing";
/** Closing takes milliseconds; a process that holds the turn for so long will not come back. */
const longestMs = 60_000;
/** A clock that has just been set makes a file look old: so long it must have been seen besides. */
const surelyMs = 2_000;

/** Runs a step while no other run under this root, of whatever process, is at it: that is what makes a chain of runs. */
export async function inTurn<T>(root: string, step: () => Promise<T>): Promise<T> {
  const path = join(root, file);
  const note = ownerNote(randomBytes(8).toString("hex"));
  let held: Held | undefined;
  while (!(await take(path, note))) {
    held = await seenAgain(path, held);
    if (await isOver(path, held)) await clear(path);
    else await sleep(5 + Math.random() * 20);
  }
  try {
    return await step();
  } finally {
    // Unless another process has taken it over meanwhile.
    if ((await readFile(path, "utf8").catch(() => "")) === note)
      await rm(path, { force: true }).catch(() => {});
  }
}

/** `wx` creates the file for one of all that try. */
async function take(path: string, note: string): Promise<boolean> {
  try {
    await writeWhole(path, note, "wx");
    return true;
  } catch (error) {
    if (error instanceof RowgateError && error.details === "EEXIST") return false;
    throw error;
  }
}

/** A turn that a process holds, and since when it was seen to be held, by the steady clock. */
interface Held {
  readonly note: string;
  readonly since: number;
}

async function seenAgain(path: string, before: Held | undefined): Promise<Held> {
  const note = await readFile(path, "utf8").catch(() => "");
  return before?.note === note ? before : { note, since: performance.now() };
}

async function isOver(path: string, { since }: Held): Promise<boolean> {
  if (await isAbandoned(path)) return true;
  const seen = performance.now() - since;
  if (seen > longestMs) return true;
  const written = await stat(path).catch(() => undefined);
  return seen > surelyMs && written !== undefined && Date.now() - written.mtimeMs > longestMs;
}

/** By renaming, which only one of those who wait can do. */
async function clear(path: string): Promise<void> {
  const aside = `${path}.${randomBytes(8).toString("hex")}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  await onDisk("Could not write the archive", aside, () => rm(aside, { force: true }));
}
