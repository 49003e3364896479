import { failsRun } from "../model/finding.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import { lastLines, nothingProbed } from "./ending.ts";
import { cellName, failureBlock, place } from "./failure.ts";
import type { FailureGroup, FailureList } from "./failure-list.ts";
import { createFailureList } from "./failure-list.ts";
import { findingSections } from "./findings-text.ts";
import { createGridStore } from "./grid.ts";
import { gridSections } from "./grid-text.ts";
import type { Paint } from "./paint.ts";
import { painter } from "./paint.ts";
import { clean, labelled, number, oneLine, plural } from "./text.ts";
import { totalLines } from "./totals.ts";
import { isFailing, isWaived, verdictWords } from "./wording.ts";

export interface TerminalOptions {
  /** Columns; fewer than 40 are taken as 40, and more than 120 as 120: wider prose cannot be read. */
  readonly width: number;
  readonly colour: boolean;
  /** Only what failed, and the last line. */
  readonly quiet: boolean;
  /** Failures of one verdict that are shown in full; 50 unless given. */
  readonly failuresShown?: number;
}

/** Folds the cells of a run into what a person reads. Memory: a byte a cell, and the failures that are shown. */
export interface TerminalReport {
  readonly add: (cell: CellRecord) => void;
  /** Ends with a line break. Every cell of the run must have been added: otherwise the last line says ERROR. */
  readonly finish: (run: RunRecord, archivePath: string) => string;
  /** Why the run's own word is not believed; `undefined` when it is. */
  readonly doubt: (run: RunRecord) => string | undefined;
}

/** Lines that belong together; a blank line parts them from the next. */
type Section = readonly string[];

/** More cells than this, and grids show failures only. */
const largeRun = 5000;
/** Reasons for skips come from a few sentences of ours; should they hold names, they must not fill the memory. */
const skipReasonsShown = 8;

export function createTerminalReport(options: TerminalOptions): TerminalReport {
  const width = reportWidth(options);
  const paint = painter(options.colour);
  const grid = createGridStore();
  const failures = createFailureList(options.failuresShown ?? 50);
  const waived = createFailureList(options.failuresShown ?? 50);
  const skips = new Map<string, number>();
  let cells = 0;

  return {
    add: (cell) => {
      cells += 1;
      grid.add(cell);
      if (isFailing(cell.verdict)) (isWaived(cell) ? waived : failures).add(cell, cell.verdict);
      countSkips(cell, skips);
    },
    finish: (run, archivePath) => {
      const failed = failureSections(failures, run, width, paint);
      const last = lastLines(run, width, paint, doubtOf(run, cells, failures.total()));
      const failing = run.findings.filter(failsRun);
      const sections: readonly Section[] = options.quiet
        ? [...failed, ...findingSections(failing, width, paint), last]
        : [
            ...failed,
            ...gridSections(grid, run.relations, { width, paint, failuresOnly: cells > largeRun }),
            waivedLines(waived, run, width),
            ...findingSections(run.findings, width, paint),
            totalLines(run, skips, archivePath, width),
            last,
          ];
      return joined(sections);
    },
    doubt: (run) => doubtOf(run, cells, failures.total()),
  };
}

export function reportWidth({ width }: Pick<TerminalOptions, "width">): number {
  return Math.min(Math.max(width, 40), 120);
}

function joined(sections: readonly Section[]): string {
  const full = sections.filter((lines) => lines.length > 0).map((lines) => `${lines.join("\n")}\n`);
  return full.join("\n");
}

function failureSections(list: FailureList, run: RunRecord, width: number, paint: Paint): readonly Section[] {
  return list
    .groups(run)
    .flatMap((group) => [
      ...group.shown.map((cell) => failureBlock(cell, width, paint)),
      ...(group.left > 0 ? [[moreOf(group)]] : []),
    ]);
}

/** `… and 1,234 more leaks (see cells.ndjson)` */
function moreOf({ verdict, left }: FailureGroup): string {
  const { one, many } = verdictWords[verdict];
  return `… and ${number(left)} more ${left === 1 ? one : many} (see cells.ndjson)`;
}

/** One line each: nobody has to act on them before their day. */
function waivedLines(list: FailureList, run: RunRecord, width: number): Section {
  const groups = list.groups(run);
  if (groups.length === 0) return [];
  return [
    "Waived until their day",
    ...groups.flatMap((group) => [
      ...group.shown.flatMap((cell) => labelled("-", waivedText(cell), width, 2, 2)),
      ...(group.left > 0 ? [`  ${moreOf(group)}`] : []),
    ]),
  ];
}

function waivedText(cell: CellRecord): string {
  const what = `${verdictWords[cell.verdict].one}: ${cellName(cell)}`;
  if (cell.waiver === undefined) return what;
  const { expires, reason, at } = cell.waiver;
  return `${what}, until ${clean(expires)}: ${oneLine(reason)} (${place(at)})`;
}

function countSkips(cell: CellRecord, skips: Map<string, number>): void {
  for (const [channel, record] of Object.entries(cell.channels)) {
    if (record.verdict !== "skipped") continue;
    const { observation } = record;
    const reason = `${channel}: ${observation.kind === "skipped" ? observation.reason : record.because}`;
    const key = skips.has(reason) || skips.size < skipReasonsShown ? reason : "for other reasons";
    skips.set(key, (skips.get(key) ?? 0) + 1);
  }
}

/** Why the run's own word is not believed: a report never says PASS over cells that say otherwise. */
function doubtOf(run: RunRecord, cells: number, failures: number): string | undefined {
  if (cells !== run.counts.cells) {
    return `run.json counts ${number(run.counts.cells)} cells, but the archive holds ${number(cells)}`;
  }
  if (run.exitCode !== 0) return undefined;
  const passed = "run.json says that all passed, but";
  if (failures > 0) return `${passed} ${plural(failures, "cell")} failed`;
  if (run.findings.some(failsRun)) return `${passed} its findings say otherwise`;
  return nothingProbed(run.counts) ? `${passed} no cell was probed` : undefined;
}
