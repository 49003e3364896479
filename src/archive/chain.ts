import { readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { RunRecord } from "../model/run.ts";
import { onDisk, writeWhole } from "./disk.ts";
import { dayPattern, runIdPattern } from "./id.ts";
import { sha256, sumsFile } from "./verify.ts";
import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { RowgateError } from "../model/errors.ts";
import { isAbandoned, ownerNote, partialPaths } from "./partial.ts";
import { type Signer, signedNote } from "./sign.ts";

/** A link of the chain: a run, and the SHA-256 (hex) of its `SHA256SUMS`. */
export type Link = NonNullable<RunRecord["previous"]>;

/**
 * Every run under a root, in the order in which they were closed (ids tell when runs began), as `sha256sum(1)` prints it:
 * `sha256sum -c chain.txt` checks the sums of all of them without rowgate.
 */
export const chainFile = "chain.txt";
/** The head of the chain: origin, number of runs, Merkle root, and a signature where there is a key. */
export const checkpointFile = "checkpoint";
const linePattern = /^([0-9a-f]{64})  (\d{8})\/(\2T\d{6}Z-[0-9a-f]{8})\/SHA256SUMS$/;

/** `undefined` for a line that is no link. */
export async function readChain(root: string): Promise<readonly (Link | undefined)[]> {
  const text = await readFile(join(root, chainFile), "utf8").catch(() => "");
  return linesOf(text).map((line) => {
    const [, digest, , id] = linePattern.exec(line) ?? [];
    return digest === undefined || id === undefined ? undefined : { id, sha256: digest };
  });
}

export function linesOf(text: string): readonly string[] {
  const lines = text.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

export function lineOf({ id, sha256: digest }: Link): string {
  return `${digest}  ${id.slice(0, 8)}/${id}/${sumsFile}`;
}

/** https://c2sp.org/tlog-checkpoint over the lines of the chain, each of them a leaf. */
export function checkpointText(lines: readonly string[], origin: string = neutralOrigin): string {
  return `${origin}\n${lines.length}\n${merkleRoot(lines).toString("base64")}\n`;
}
/** Of a chain whose origin was not configured. No domain: rowgate's would vouch for nothing. */
export const neutralOrigin = "rowgate-runs";

/** RFC 6962, section 2.1. */
export function merkleRoot(lines: readonly string[]): Buffer {
  const [first] = lines;
  if (first === undefined) return createHash("sha256").digest();
  if (lines.length === 1) return createHash("sha256").update(`\0${first}`).digest();
  const split = 2 ** Math.floor(Math.log2(lines.length - 1));
  const halves = [merkleRoot(lines.slice(0, split)), merkleRoot(lines.slice(split))];
  return createHash("sha256")
    .update(Buffer.concat([Buffer.of(1), ...halves]))
    .digest();
}

/**
 * The run that was closed last under a root, for the next one to name: with the digest that it had when it was closed. Where the
 * chain is gone, the newest finished run.
 */
export async function latestArchive(root: string): Promise<Link | undefined> {
  for (const link of (await readChain(root)).toReversed()) {
    if (link !== undefined && (await digestOf(root, link.id)) !== undefined) return link;
  }
  return newestArchive(root);
}

/** Notes a run as the last one. Comes before the run gets its name: killed in between, {@link recover} gives it the name. */
export async function addLink(
  root: string,
  link: Link,
  {
    signer,
    origin = neutralOrigin,
  }: { readonly signer?: Signer | undefined; readonly origin?: string | undefined } = {},
): Promise<void> {
  // What could not be found again by its id is no link.
  if (!runIdPattern.test(link.id)) return;
  const before = await readFile(join(root, chainFile), "utf8").catch(() => "");
  const lines = [...before.split("\n").filter((line) => line !== ""), lineOf(link)];
  await replace(join(root, chainFile), `${lines.join("\n")}\n`);
  await replace(join(root, checkpointFile), signedNote(checkpointText(lines, origin), origin, signer));
}

/** Whole or not at all. */
async function replace(file: string, text: string): Promise<void> {
  await writeWhole(`${file}.new`, text);
  await onDisk("Could not write the archive", file, () => rename(`${file}.new`, file));
}

/** A run that the chain names, and whose process was killed before the folder got its name: it is whole, so it gets it now. */
export async function recover(root: string): Promise<void> {
  const last = (await readChain(root)).at(-1);
  if (last === undefined) return;
  const { folder, final, owner } = partialPaths(root, last.id, new Date(0));
  const sums = await readFile(join(folder, sumsFile), "utf8").catch(() => undefined);
  if (sums === undefined || sha256(sums) !== last.sha256 || !(await isAbandoned(owner))) return;
  await rename(folder, final).catch(() => undefined);
  await rm(owner, { force: true }).catch(() => undefined);
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
