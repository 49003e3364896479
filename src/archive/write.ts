import { rename, rm } from "node:fs/promises";
import { join } from "node:path";

import type { Catalog } from "../model/catalog.ts";
import { RowgateError } from "../model/errors.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import { onDisk, syncFolder, writeWhole } from "./disk.ts";
import type { LineFile } from "./lines.ts";
import { openLineFile } from "./lines.ts";
import type { PartialPaths } from "./partial.ts";
import { createPartial, partialPaths, removePartial } from "./partial.ts";
import type { Redactor } from "./redact.ts";
import { noRedaction } from "./redact.ts";
import type { Scrubber } from "./scrub.ts";
import { createScrubber } from "./scrub.ts";
import { formatSums, sha256, sumsFile } from "./sums.ts";

export interface ArchiveOptions {
  /** Strings that must never be written: passwords, signing secrets, tokens, API keys. */
  readonly secrets?: readonly string[];
  /** What is done to personal data before it is written; nothing unless given. */
  readonly redact?: Redactor;
}

/** Writes one run. Every method that touches the disk throws a RowgateError `archive/disk` naming the path. */
export interface ArchiveWriter {
  /** One line of `cells.ndjson`. Wait for the promise when there is one: that is what keeps memory flat. */
  readonly cell: (record: CellRecord) => void | Promise<void>;
  readonly catalog: (catalog: Catalog) => Promise<void>;
  /** Writes the rest, and gives the folder its name last. @returns the archive's path. */
  readonly finish: (run: RunRecord) => Promise<string>;
  /** Removes what was written; does nothing after `finish`, and never throws. */
  readonly abandon: () => Promise<void>;
}

/**
 * Begins `<root>/<YYYYMMDD>/.<id>.partial`.
 * @throws RowgateError `archive/disk` when the folder cannot be made.
 */
export async function openArchive(
  root: string,
  id: string,
  startedAt: Date,
  options: ArchiveOptions = {},
): Promise<ArchiveWriter> {
  const paths = partialPaths(root, id, startedAt);
  await createPartial(paths);
  try {
    const cells = await openLineFile(join(paths.folder, "cells.ndjson"));
    return writer(paths, cells, options.redact ?? noRedaction, createScrubber(options.secrets ?? []));
  } catch (cause) {
    await removePartial(paths);
    throw cause;
  }
}

function writer(paths: PartialPaths, cells: LineFile, redact: Redactor, scrub: Scrubber): ArchiveWriter {
  const sums: Record<string, string> = {};

  async function writeJson(name: string, value: unknown): Promise<void> {
    const text = `${scrub(value, 2)}\n`;
    sums[name] = sha256(text);
    await writeWhole(join(paths.folder, name), text);
  }

  return {
    cell: (record) => cells.write(scrub(redact.cell(record))),
    catalog: (catalog) => writeJson("catalog.json", catalog),
    finish: async (run) => {
      checkComplete(run, cells.lines(), sums);
      sums["cells.ndjson"] = await cells.close();
      await writeJson("run.json", redact.run(run));
      await writeWhole(join(paths.folder, sumsFile), formatSums(sums));
      await publish(paths);
      return paths.final;
    },
    // Once the archive has its name, nothing is left under the names that this removes.
    abandon: async () => {
      await cells.discard();
      await removePartial(paths);
    },
  };
}

/** An archive that says one thing in run.json and another in cells.ndjson is worse than none. */
function checkComplete(run: RunRecord, lines: number, sums: Readonly<Record<string, string>>): void {
  if (sums["catalog.json"] === undefined) {
    throw new RowgateError({
      code: "archive/incomplete",
      message: `The archive of run ${run.id} has no catalogue: what was in force is not known`,
    });
  }
  if (run.counts.cells !== lines) {
    throw new RowgateError({
      code: "archive/incomplete",
      message: `Run ${run.id} counts ${run.counts.cells} cells, but ${lines} were written`,
    });
  }
}

/** rename(2) is atomic: whoever looks sees no archive, or all of it. */
async function publish(paths: PartialPaths): Promise<void> {
  await syncFolder(paths.folder);
  await onDisk("Could not name the archive", paths.final, () => rename(paths.folder, paths.final));
  await syncFolder(paths.day);
  // A note without a folder misleads nobody, and the next sweep removes it.
  await rm(paths.owner, { force: true }).catch(() => undefined);
}
