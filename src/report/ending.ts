import type { Channel } from "../model/cell.ts";
import { channels } from "../model/cell.ts";
import { failsRun } from "../model/finding.ts";
import type { Counts, RunRecord } from "../model/run.ts";
import { verdicts } from "../model/verdict.ts";
import { gatewayNote, who } from "./origin.ts";
import type { Paint, Tone } from "./paint.ts";
import { addCounts } from "./sums.ts";
import { glued, hanging, number, oneLine, plural, seconds } from "./text.ts";
import { failureOrder, verdictWords } from "./wording.ts";

const endings: Record<
  RunRecord["exitCode"],
  { readonly word: string; readonly means: string; readonly tone: Tone }
> = {
  0: { word: "PASS", means: "", tone: "good" },
  1: { word: "FAIL", means: "exit 1: an expectation failed", tone: "bad" },
  2: { word: "ERROR", means: "exit 2: rowgate could not do its job", tone: "bad" },
};

/** The line that everybody reads: verdict of the run, how much was probed, and what a PASS does not cover. */
export function lastLines(
  run: RunRecord,
  width: number,
  paint: Paint,
  doubt: string | undefined,
): readonly string[] {
  const title = oneLine(`${run.matrix.name} on ${who(run)}`);
  const exitCode = doubt === undefined ? run.exitCode : 2;
  const notes = doubt === undefined ? failureNotes([run], exitCode) : [doubt];
  return endingLines({ title, exitCode, runs: [run], milliseconds: run.timings.total, notes }, width, paint);
}

export interface Ending {
  readonly title: string;
  readonly exitCode: RunRecord["exitCode"];
  readonly runs: readonly RunRecord[];
  readonly milliseconds: number;
  /** What comes before anything else: why it is no PASS. */
  readonly notes: readonly string[];
  /** What a PASS does not cover, besides skips and filters. */
  readonly asides?: readonly string[];
}

/** The ending of one run, or of several together. */
export function endingLines(
  { title, exitCode, runs, milliseconds, notes, asides = [] }: Ending,
  width: number,
  paint: Paint,
): readonly string[] {
  const { word, means, tone } = endings[exitCode];
  const all = addCounts(runs.map(({ counts }) => counts));
  const facts = [
    ...notes,
    `${glued(plural(all.cells, "cell"))} (${probed(all)}) in ${glued(seconds(milliseconds))}`,
    all.byVerdict.skipped > 0 ? glued(`${number(all.byVerdict.skipped)} skipped`) : undefined,
    all.waived > 0 ? glued(`${number(all.waived)} waived`) : undefined,
    runs[0] === undefined ? undefined : filterText(runs[0]),
    ...asides,
    ...new Set(runs.map(gatewayNote)),
    means,
  ].filter((fact) => fact !== undefined && fact !== "");
  const lines = hanging(`${title}  ${word}  ${facts.join("; ")}`, width);
  return lines.map((line) => line.replace(new RegExp(`(?<=  )${word}(?=  |$)`), paint(tone, word)));
}

/** What failed: cells that no waiver covers, findings, or that there was nothing to fail. */
export function failureNotes(runs: readonly RunRecord[], exitCode: RunRecord["exitCode"]): readonly string[] {
  if (exitCode === 0 || runs.length === 0) return [];
  const { byVerdict, waivedByVerdict } = addCounts(runs.map(({ counts }) => counts));
  const live = failureOrder
    .map((verdict) => ({ ...verdictWords[verdict], count: byVerdict[verdict] - waivedByVerdict[verdict] }))
    .filter(({ count }) => count > 0)
    .map(({ count, one, many }) => glued(plural(count, one, many)));
  const found = runs.flatMap(({ findings }) => findings).filter(failsRun).length;
  const parts = [...live, ...(found > 0 ? [glued(plural(found, "failing finding"))] : [])];
  if (parts.length > 0) return [parts.join(", ")];
  return runs.some(({ exitCode: own }) => own !== 0) ? ["no cell was probed"] : [];
}

export function nothingProbed(counts: Counts): boolean {
  return channels.every((channel) => sent(counts, channel) === 0);
}

/** Cells that a channel was asked for; what was skipped proves nothing and is not among them. */
function sent(counts: Counts, channel: Channel): number {
  const byVerdict = counts.byChannel[channel];
  return verdicts.reduce((sum, verdict) => sum + (verdict === "skipped" ? 0 : byVerdict[verdict]), 0);
}

function probed(counts: Counts): string {
  return channels.map((channel) => glued(`${channel} ${number(sent(counts, channel))}`)).join(", ");
}

/** A filtered run proves what it probed and no more. */
function filterText(run: RunRecord): string | undefined {
  const { only, personas, channels: asked } = run.filters;
  const parts = [
    ...only.map((pattern) => `--only ${pattern}`),
    ...personas.map((persona) => `--persona ${persona}`),
    ...(asked.length < channels.length ? asked.map((channel) => `--channel ${channel}`) : []),
  ];
  return parts.length === 0 ? undefined : oneLine(`filtered by ${parts.join(" ")}`);
}
