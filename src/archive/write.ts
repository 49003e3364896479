import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Catalog } from "../model/catalog.ts";
import { RowgateError } from "../model/errors.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import { addLink, inTurn, latestArchive, recover } from "./chain.ts";
import { createPacker, dictionaryFile } from "./dictionary.ts";
import { createShortener } from "./usual.ts";
import { onDisk, syncFolder, writeWhole, type LineFile, openLineFile } from "./disk.ts";
import { type PartialPaths, createPartial, partialPaths, removePartial } from "./partial.ts";
import { type Redactor, noRedaction } from "./redact.ts";
import { type Scrubber, createScrubber } from "./scrub.ts";
import { type Signer, envelopeOf } from "./sign.ts";
import { createTestNames, statementFiles, statementsOf } from "./statements.ts";
import { formatSums, sha256, sumsFile } from "./verify.ts";

export interface ArchiveOptions {
  /** Strings that must never be written: passwords, signing secrets, tokens, API keys. */
  readonly secrets?: readonly string[];
  /** What is done to personal data before it is written; nothing unless given. */
  readonly redact?: Redactor;
  /** Signs the run's statements and the chain's head; unsigned unless given. */
  readonly signer?: Signer | undefined;
  /** Names the chain in its checkpoint. */
  readonly chainOrigin?: string | undefined;
}

/** Writes one run. Every method that touches the disk throws a RowgateError `archive/disk` naming the path. */
export interface ArchiveWriter {
  /** One line of `cells.ndjson`. Wait for the promise when there is one: that is what keeps memory flat. */
  readonly cell: (record: CellRecord) => void | Promise<void>;
  readonly catalog: (catalog: Catalog) => Promise<void>;
  /** Links the run to the one that was closed before it, writes the rest, and gives the folder its name last. */
  readonly finish: (run: Omit<RunRecord, "previous">) => Promise<FinishedArchive>;
  /** Removes what was written; does nothing after `finish`, and never throws. */
  readonly abandon: () => Promise<void>;
}

export interface FinishedArchive {
  /** The archive's path. */
  readonly archive: string;
  readonly run: RunRecord;
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
    const dictionary = await openLineFile(join(paths.folder, dictionaryFile));
    const cells = await openLineFile(join(paths.folder, "cells.ndjson"));
    const scrub = createScrubber(options.secrets ?? []);
    return writer({
      root,
      paths,
      dictionary,
      cells,
      redact: options.redact ?? noRedaction,
      scrub,
      signer: options.signer,
      chainOrigin: options.chainOrigin,
    });
  } catch (cause) {
    await removePartial(paths);
    throw cause;
  }
}

interface Parts {
  readonly root: string;
  readonly paths: PartialPaths;
  readonly dictionary: LineFile;
  readonly cells: LineFile;
  readonly redact: Redactor;
  readonly scrub: Scrubber;
  readonly signer: Signer | undefined;
  readonly chainOrigin: string | undefined;
}

function writer({
  root,
  paths,
  dictionary,
  cells,
  redact,
  scrub,
  signer,
  chainOrigin,
}: Parts): ArchiveWriter {
  const sums: Record<string, string> = {};
  const tests = createTestNames();
  let waits: Promise<void> | undefined;
  const shorten = createShortener();
  const pack = createPacker(scrub, (entry) => {
    waits = dictionary.write(entry) ?? waits;
  });

  async function writeJson(name: string, value: unknown, indent?: number): Promise<void> {
    const text = `${scrub(JSON.stringify(value, undefined, indent), indent)}\n`;
    sums[name] = sha256(text);
    await writeWhole(join(paths.folder, name), text);
  }

  async function close(run: Omit<RunRecord, "previous">): Promise<FinishedArchive> {
    await recover(root);
    const previous = await latestArchive(root);
    const whole = { ...run, ...(chainOrigin !== undefined && { chainOrigin }), previous };
    const recorded = redact.run(whole);
    await writeJson("run.json", recorded, 2);
    const text = formatSums(sums);
    await writeWhole(join(paths.folder, sumsFile), text);
    // As a reader has it: what JSON and the scrubber leave of it.
    const read = JSON.parse(scrub(JSON.stringify(recorded))) as RunRecord;
    const digest = sha256(text);
    const statements = statementsOf(read, tests, { sums: digest, catalog: sums["catalog.json"] ?? "" });
    for (const name of statementFiles) {
      const statement = JSON.parse(scrub(JSON.stringify(statements[name]))) as object;
      await writeWhole(join(paths.folder, name), `${JSON.stringify(envelopeOf(statement, signer))}\n`);
    }
    await addLink(root, { id: run.id, sha256: digest }, { signer, origin: chainOrigin });
    await publish(paths);
    return { archive: paths.final, run: whole };
  }

  return {
    cell: (record) => {
      waits = undefined;
      const redacted = redact.cell(record);
      tests.add(redacted);
      const written = cells.write(pack(shorten(redacted)));
      return written === undefined || waits === undefined ? (written ?? waits) : both(written, waits);
    },
    catalog: (catalog) => writeJson("catalog.json", catalog),
    finish: async (run) => {
      checkComplete(run, cells.lines(), sums);
      sums[dictionaryFile] = await dictionary.close();
      sums["cells.ndjson"] = await cells.close();
      return inTurn(root, () => close(run));
    },
    // Once the archive has its name, nothing is left under the names that this removes.
    abandon: async () => {
      await dictionary.discard();
      await cells.discard();
      await removePartial(paths);
    },
  };
}

async function both(one: Promise<void>, other: Promise<void>): Promise<void> {
  await Promise.all([one, other]);
}

/** An archive that says one thing in run.json and another in cells.ndjson is worse than none. */
function checkComplete(
  run: Omit<RunRecord, "previous">,
  lines: number,
  sums: Readonly<Record<string, string>>,
): void {
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

/** rename(2) is atomic: a reader sees no archive, or all of it. */
async function publish(paths: PartialPaths): Promise<void> {
  await syncFolder(paths.folder);
  await onDisk("Could not name the archive", paths.final, () => rename(paths.folder, paths.final));
  await syncFolder(paths.day);
  // A note without a folder is harmless, and the next sweep removes it.
  await rm(paths.owner, { force: true }).catch(() => undefined);
}
