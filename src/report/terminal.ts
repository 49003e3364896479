import { grouped } from "../lib/grouped.ts";
import { failsRun } from "../model/finding.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import type { ArchivedRun, ReportOptions } from "./archived-run.ts";
import { lastLines, reportWidth } from "./ending.ts";
import { createFailures, type Failures } from "./failures.ts";
import { cellBlock, type FailureTextOptions, groupBlock } from "./failure-text.ts";
import { findingSections } from "./findings-text.ts";
import { createGridStore } from "./grid.ts";
import { gridSections } from "./grid-text.ts";
import { mapLines } from "./map.ts";
import { painter } from "./paint.ts";
import { clean, hanging, labelled, number, oneLine, plural } from "./text.ts";
import { countSkips, totalLines } from "./totals.ts";
import { cellName, isFailing, operationHeads, position, verdictWords, waivedTogether } from "./words.ts";
import { isWaived } from "../model/waived.ts";

/** Lines that belong together; a blank line parts them from the next. */
type Section = readonly string[];

/** More cells than this, and only failures are shown. */
const largeRun = 5000;
/** Personas of a group that are listed, and cells that `--verbose` shows in full. */
const listed = 12;
const shownWhole = 50;

/** What a person reads. Memory: a byte a cell, and the failures that are shown. */
export async function* terminalReport(archive: ArchivedRun, options: ReportOptions): AsyncGenerator<string> {
  const { run } = archive;
  const width = reportWidth(options);
  const paint = painter(options.colour);
  const grid = createGridStore();
  const failed = createFailures(run, options.verbose ? shownWhole : listed);
  const waived = createFailures(run, listed);
  const skips = new Map<string, number>();
  const samples = new Map<string, Set<string>>();
  let cells = 0;
  for await (const cell of archive.cells()) {
    cells += 1;
    grid.add(cell);
    if (isFailing(cell.verdict)) (isWaived(cell) ? waived : failed).add(cell, cell.verdict);
    countSkips(cell, skips);
    noteSample(cell, samples);
  }
  const text = { width, paint, run, running: options.running };
  const last = lastLines(run, width, paint, archive.doubt());
  const failing = findingSections(run.findings.filter(failsRun), width, paint);
  const failures = failureSections(failed, text, options.verbose, archive.path);
  const large = cells > largeRun;
  const sections: readonly Section[] = options.quiet
    ? [...failures, ...failing, last]
    : [
        ...failures,
        ...(options.verbose
          ? gridSections(grid, run.relations, { width, paint, failuresOnly: large })
          : [mapLines(grid, run, { width, paint, failuresOnly: large })]),
        ...(options.verbose ? findingSections(run.findings, width, paint) : failing),
        [
          ...(options.verbose ? [] : noteLines(run, archive.path, width)),
          ...waivedLines(waived, run, width),
          ...sampleLines(samples, width),
          ...totalLines(run, skips, archive.path, { width, verbose: options.verbose }),
        ],
        last,
      ];
  yield sections
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

function failureSections(
  failures: Failures,
  options: FailureTextOptions,
  verbose: boolean,
  archivePath: string,
): readonly Section[] {
  const groups = failures.groups();
  if (groups.length === 0) return [];
  const cells = verbose ? groups.flatMap(({ shown }) => shown).slice(0, shownWhole) : [];
  const left = [...failures.left()].map(([verdict, count]) => {
    const { one, many } = verdictWords[verdict];
    return `… and ${number(count)} more ${count === 1 ? one : many} elsewhere (see cells.ndjson)`;
  });
  const more = verbose
    ? []
    : hanging(`each failing cell by itself: rowgate report ${clean(archivePath)} --verbose`, options.width);
  return [
    ...groups.map((group) => groupBlock(group, options)),
    ...cells.map((cell) => cellBlock(cell, options)),
    [...left, ...more],
  ];
}

/** Notes by count: none of them fails the run. */
function noteLines(run: RunRecord, archivePath: string, width: number): Section {
  const counts = new Map<string, number>();
  for (const { kind } of run.findings.filter((finding) => !failsRun(finding)))
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  if (counts.size === 0) return [];
  const all = [...counts].map(([kind, count]) => `${number(count)} ${kind}`).join(", ");
  return labelled("notes", `${all} (rowgate report ${clean(archivePath)} --verbose)`, width, 0, 11);
}

/** By name: a PASS does not cover them. */
function waivedLines(failures: Failures, run: RunRecord, width: number): Section {
  const relations = waivedTogether(run).map(
    ({ names, expires, reason, at }) =>
      `${clean(names)}, until ${clean(expires)}: ${oneLine(reason)} (${position(at)})`,
  );
  const groups = failures.groups();
  const cells = waivedAlike(groups.flatMap(({ shown }) => shown));
  const unshown = groups.reduce((sum, { shown, cells: count }) => sum + count - shown.length, 0);
  const left = [...failures.left().values()].reduce((sum, count) => sum + count, unshown);
  const more = left === 0 ? [] : [`… and ${plural(left, "more", "more")} (see cells.ndjson)`];
  return [...relations, ...cells, ...more].flatMap((line, index) =>
    labelled(index === 0 ? "waived" : "", line, width, 0, 11),
  );
}

/** One line for all cells of a relation that are waived for the same reason until the same day. */
function waivedAlike(cells: readonly CellRecord[]): readonly string[] {
  const alike = grouped(cells, ({ verdict, schema, relation, waiver }) =>
    JSON.stringify([verdict, schema, relation, waiver?.reason, waiver?.expires]),
  );
  return [...alike.values()].map((group) => {
    const [cell] = group;
    if (cell === undefined) return "";
    const { verdict, waiver } = cell;
    const names = (of: (one: CellRecord) => string): string => [...new Set(group.map(of))].join(", ");
    const what =
      group.length === 1
        ? cellName(cell)
        : `${number(group.length)} cells of ${clean(`${cell.schema}.${cell.relation}`)} (${clean(names(({ persona }) => persona))}; ${names(({ operation }) => operationHeads[operation])})`;
    const until =
      waiver === undefined
        ? ""
        : `, until ${clean(waiver.expires)}: ${oneLine(waiver.reason)} (${position(waiver.at)})`;
    return `${verdictWords[verdict].one}: ${what}${until}`;
  });
}

/** Where rows were too many to be measured one by one. */
function noteSample(cell: CellRecord, samples: Map<string, Set<string>>): void {
  const sampled = Object.values(cell.channels).some(
    ({ observation }) => observation.kind === "rows" && observation.method === "sample",
  );
  if (!sampled) return;
  const relation = `${cell.schema}.${cell.relation}`;
  const heads = samples.get(relation) ?? new Set<string>();
  samples.set(relation, heads.add(operationHeads[cell.operation]));
}

function sampleLines(samples: ReadonlyMap<string, ReadonlySet<string>>, width: number): Section {
  if (samples.size === 0) return [];
  const all = [...samples].map(([relation, heads]) => `${clean(relation)} (${[...heads].join(", ")})`);
  const shown = all.slice(0, 12).join(", ");
  const more = all.length > 12 ? ` and ${plural(all.length - 12, "more", "more")}` : "";
  return labelled(
    "sampled",
    `rows of ${shown}${more}: a sample was measured row by row, not every row`,
    width,
    0,
    11,
  );
}
