import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { onDisk, writeWhole } from "./disk.ts";
import { dayOf, dayPattern, runIdPattern } from "./id.ts";
import { hostname } from "node:os";

/**
 * Where an unfinished run lies. Both names begin with a dot: nothing that lists runs sees them. The note of who
 * writes lies next to the folder, not in it, so that the folder can be renamed whole and the note removed after.
 */
export interface PartialPaths {
  readonly day: string;
  readonly folder: string;
  readonly owner: string;
  readonly final: string;
}

export function partialPaths(root: string, id: string, startedAt: Date): PartialPaths {
  // The id's own day, where it has one: an id made just after midnight must be found again by itself alone.
  const day = join(root, runIdPattern.exec(id)?.[1] ?? dayOf(startedAt));
  return {
    day,
    folder: join(day, `.${id}.partial`),
    owner: join(day, `.${id}.owner`),
    final: join(day, id),
  };
}

/** Makes the folder, readable by its owner only, and notes which process writes it. */
export async function createPartial(paths: PartialPaths): Promise<void> {
  const doing = "Could not make the archive's folder";
  await onDisk(doing, paths.day, () => mkdir(paths.day, { recursive: true, mode: 0o700 }));
  // The note first, and only if there is none: a folder without a note could never be swept, and of two runs with
  // one id the second must not touch what is the first one's.
  await writeWhole(paths.owner, ownerNote(), "wx");
  try {
    await onDisk(doing, paths.folder, () => mkdir(paths.folder, { mode: 0o700 }));
  } catch (cause) {
    await rm(paths.owner, { force: true }).catch(() => undefined);
    throw cause;
  }
}

/** Removes what is left; never throws, since it runs after something else has failed: the next sweep tries again. */
export async function removePartial(paths: Pick<PartialPaths, "folder" | "owner">): Promise<boolean> {
  try {
    await rm(paths.folder, { recursive: true, force: true });
    await rm(paths.owner, { force: true });
    return true;
  } catch {
    return false;
  }
}

/**
 * Keeps what killed runs have left under an archive's root as `<id>.cut-short`: only folders whose note names this host and a
 * process that is gone. On a shared disk another host's processes cannot be asked, so its folders stay as they are.
 * @returns the folders that were kept.
 */
export async function sweepPartials(root: string): Promise<readonly string[]> {
  const kept: string[] = [];
  for (const day of (await names(root)).filter((name) => dayPattern.test(name))) {
    for (const name of await names(join(root, day))) {
      const id = /^\.(.+)\.owner$/.exec(name)?.[1];
      if (id === undefined || !runIdPattern.test(id)) continue;
      const owner = join(root, day, name);
      if (!(await isAbandoned(owner))) continue;
      const cutShort = join(root, day, `${id}${cutShortSuffix}`);
      const isKept = await rename(join(root, day, `.${id}.partial`), cutShort).then(
        () => true,
        () => false,
      );
      if (isKept) kept.push(cutShort);
      await rm(owner, { force: true }).catch(() => undefined);
    }
  }
  return kept;
}

/** How the folder of a run ends whose process was killed: it holds what had been written until then. */
export const cutShortSuffix = ".cut-short";

/** An archive that is not there yet has no names. */
async function names(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

/** Who writes something that is not finished. */
interface Owner {
  readonly pid: number;
  readonly host: string;
}

/** `tag` makes two notes of one process differ. */
export function ownerNote(tag?: string): string {
  const owner: Owner & { readonly tag: string | undefined } = { pid: process.pid, host: hostname(), tag };
  return `${JSON.stringify(owner)}\n`;
}

/** What became of the process that a note names. */
export type OwnerState =
  | { readonly kind: "gone" }
  /** Or another one has its number by now. */
  | { readonly kind: "alive"; readonly pid: number }
  /** Another host's processes cannot be asked. */
  | { readonly kind: "elsewhere"; readonly host: string }
  | { readonly kind: "unknown" };

export async function ownerState(noteFile: string): Promise<OwnerState> {
  try {
    const { pid, host } = JSON.parse(await readFile(noteFile, "utf8")) as Partial<Owner>;
    if (pid === undefined || host === undefined || !Number.isInteger(pid)) return { kind: "unknown" };
    if (host !== hostname()) return { kind: "elsewhere", host };
    return isAlive(pid) ? { kind: "alive", pid } : { kind: "gone" };
  } catch {
    return { kind: "unknown" };
  }
}

/** Whether the process that a note names is known to be gone. */
export async function isAbandoned(noteFile: string): Promise<boolean> {
  return (await ownerState(noteFile)).kind === "gone";
}

function isAlive(pid: number): boolean {
  try {
    // Signal 0 asks and does nothing; 0 and negative numbers would address groups.
    return pid <= 0 || process.kill(pid, 0);
  } catch (cause) {
    // EPERM: it lives and belongs to another user.
    return !(cause instanceof Error && "code" in cause && cause.code === "ESRCH");
  }
}
