import type { Catalog } from "../model/catalog.ts";
import { channels } from "../model/cell.ts";
import { failsRun } from "../model/finding.ts";
import type { CellRecord, Counts, RunRecord } from "../model/run.ts";
import { verdicts } from "../model/verdict.ts";
import { number, plural } from "./text.ts";
import { isFailing } from "./words.ts";
import { isWaived } from "../model/waived.ts";

/** A finished run, as its archive has it: all that a reporter gets. */
export interface ArchivedRun {
  readonly run: RunRecord;
  /** The archive's folder, as a person names it. */
  readonly path: string;
  /** Each call reads them from the first to the last: there may be more than memory holds. */
  readonly cells: () => AsyncIterable<CellRecord>;
  /** What was in force; absent where the archive does not hold it. */
  readonly catalog?: (() => Promise<Catalog | undefined>) | undefined;
  /** Why `run.json` is not believed; only known once the cells have been read to their end. */
  readonly doubt: () => string | undefined;
}

export interface ReportOptions {
  /** Columns; fewer than 40 are taken as 40, and more than 120 as 120: wider prose cannot be read. */
  readonly width: number;
  readonly colour: boolean;
  /** Only what failed, and the last line. */
  readonly quiet: boolean;
  /** Every failing cell by itself, wide grids, every note, every input. */
  readonly verbose: boolean;
  /** The target that rowgate started for this run still runs. */
  readonly running: boolean;
  /** The run that this one is compared with, by the formats that can. */
  readonly against?: ArchivedRun | undefined;
}

/** An archive → text, in pieces. Pure: it reads nothing but the archive. */
export type Reporter = (archive: ArchivedRun, options: ReportOptions) => AsyncIterable<string>;

/** @param damage why the archive's files are not believed, where that is already known */
export function archivedRun(
  run: RunRecord,
  path: string,
  read: () => Iterable<CellRecord> | AsyncIterable<CellRecord>,
  damage?: string,
  catalog?: ArchivedRun["catalog"],
): ArchivedRun {
  let cells = 0;
  let failures = 0;
  return {
    run,
    path,
    catalog,
    async *cells() {
      cells = 0;
      failures = 0;
      for await (const cell of read()) {
        cells += 1;
        if (isFailing(cell.verdict) && !isWaived(cell)) failures += 1;
        yield cell;
      }
    },
    doubt: () => damage ?? doubtOf(run, cells, failures),
  };
}

/** The exit code of whatever shows an archive whose cells have been read: the run's own, unless it is not believed. */
export function exitCodeOf({ run, doubt }: ArchivedRun): RunRecord["exitCode"] {
  return doubt() === undefined ? run.exitCode : 2;
}

/** A report never says PASS over cells that say otherwise. */
function doubtOf(run: RunRecord, cells: number, failures: number): string | undefined {
  if (cells !== run.counts.cells) {
    return `run.json counts ${number(run.counts.cells)} cells, but the archive holds ${number(cells)}`;
  }
  if (run.exitCode !== 0) return undefined;
  const passed = "run.json says that all passed, but";
  if (failures > 0) return `${passed} ${plural(failures, "cell")} failed`;
  if (run.findings.some(failsRun)) return `${passed} its findings say otherwise`;
  return channels.every((channel) => probedOn(run.counts, channel) === 0)
    ? `${passed} no cell was probed`
    : undefined;
}

/** Cells that a channel was asked for; a skipped one proves nothing and is not among them. */
export function probedOn(counts: Counts, channel: (typeof channels)[number]): number {
  const byVerdict = counts.byChannel[channel];
  return verdicts.reduce((sum, verdict) => sum + (verdict === "skipped" ? 0 : byVerdict[verdict]), 0);
}
