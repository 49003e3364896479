import { randomBytes } from "node:crypto";
import { readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { RowgateError } from "../model/errors.ts";
import { onDisk, writeWhole } from "./disk.ts";
import { isAbandoned, ownerNote } from "./owner.ts";

const file = ".closing";
/** Closing takes milliseconds; whoever holds the turn for so long will not come back. */
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
    // Unless somebody has taken it over meanwhile.
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

/** A turn as somebody holds it, and since when it was seen to be held, by a clock that nobody sets. */
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
