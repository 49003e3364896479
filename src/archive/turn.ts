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

/** Runs a step while no other run under this root, of whatever process, is at it: that is what makes a chain of runs. */
export async function inTurn<T>(root: string, step: () => Promise<T>): Promise<T> {
  const path = join(root, file);
  const note = ownerNote(randomBytes(8).toString("hex"));
  while (!(await take(path, note))) {
    if (await isOver(path)) await clear(path);
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

async function isOver(path: string): Promise<boolean> {
  if (await isAbandoned(path)) return true;
  const held = await stat(path).catch(() => undefined);
  return held !== undefined && Date.now() - held.mtimeMs > longestMs;
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
