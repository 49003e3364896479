import { appendFile, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import type { JournalledRows, RowJournal, RowName } from "../model/scratch-row.ts";
import { onDisk, syncFolder, writeWhole } from "./disk.ts";
import { type OwnerState, ownerNote, ownerState } from "./partial.ts";

/** Below the archive's root; the dot keeps it from being taken for a day. */
const folderName = ".rows";
const doing = "Could not write down which rows are about to be made";

interface Head {
  /** `host:port/database` */
  readonly database: string;
  readonly since: string;
}

interface Paths {
  readonly journal: string;
  readonly owner: string;
}

function pathsOf(root: string, id: string): Paths {
  const folder = path.join(root, folderName);
  return { journal: path.join(folder, `${id}.ndjson`), owner: path.join(folder, `${id}.owner`) };
}

/**
 * Opens the journal of a run: keys of rows that it is about to make, where nothing is rolled back. No value and no secret is in
 * it. @throws RowgateError `archive/disk`
 */
export async function openRowJournal(root: string, id: string, head: Head): Promise<RowJournal> {
  const folder = path.join(root, folderName);
  const { journal, owner } = pathsOf(root, id);
  await onDisk(doing, folder, () => mkdir(folder, { recursive: true, mode: 0o700 }));
  await writeWhole(owner, ownerNote(), "wx");
  await writeWhole(journal, `${JSON.stringify(head)}\n`, "wx");
  await syncFolder(folder);
  return {
    note: (rows) =>
      onDisk(doing, journal, async () => {
        const handle = await open(journal, "a");
        try {
          await appendFile(handle, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
          await handle.sync();
        } finally {
          await handle.close();
        }
      }),
    discard: () => discard({ journal, owner }),
  };
}

export interface FoundJournal extends JournalledRows {
  readonly run: string;
  /** `host:port/database` */
  readonly database: string;
  /** Of the process that writes, or wrote, it. */
  readonly owner: OwnerState;
  discard(): Promise<void>;
}

/** Journals of runs that are not over, or ended without clearing up; one that was cut off before its first row names none. */
export async function findJournals(root: string): Promise<readonly FoundJournal[]> {
  const found: FoundJournal[] = [];
  const names = await readdir(path.join(root, folderName)).catch((): string[] => []);
  for (const name of names.filter((one) => one.endsWith(".ndjson")).toSorted()) {
    const run = name.slice(0, -".ndjson".length);
    const paths = pathsOf(root, run);
    const [head, ...rows] = await linesOf(paths.journal);
    const { database, since } = (head ?? {}) as Partial<Head>;
    if (database === undefined || since === undefined) continue;
    const owner = await ownerState(paths.owner);
    found.push({
      run,
      database,
      owner,
      since,
      rows: rows as readonly RowName[],
      discard: () => discard(paths),
    });
  }
  return found;
}

/** A last line that was cut off by a crash was not on the disk, so its row was not made. */
async function linesOf(file: string): Promise<readonly unknown[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.split("\n").flatMap((line): unknown[] => {
    try {
      return line === "" ? [] : [JSON.parse(line)];
    } catch {
      return [];
    }
  });
}

/** The journal first: without its owner it would never be looked at again. */
async function discard({ journal, owner }: Paths): Promise<void> {
  await onDisk("Could not remove the journal of a run", journal, async () => {
    await rm(journal, { force: true });
    await rm(owner, { force: true });
  });
}
