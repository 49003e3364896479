import type { CellRecord } from "../model/run.ts";
import type { Verdict } from "../model/verdict.ts";
import { cut, number, plural } from "./text.ts";
import { cellName, failureOrder, verdictWords } from "./words.ts";

export interface Progress {
  readonly done: number;
  readonly total: number;
  /** Cells judged so far, without those that a waiver covers. */
  readonly byVerdict: Readonly<Record<Verdict, number>>;
}

/** `[#########-----------]  45% 275/612 cells, 0 leaks, 2 other failures`, never wider than `width`. */
export function progressBar(progress: Progress, width: number): string {
  const text = progressText(progress);
  const room = Math.min(width - text.length - "[] ".length, 30);
  if (room < 5) return cut(text, width);
  const full = Math.floor(room * share(progress));
  return `[${"#".repeat(full)}${"-".repeat(room - full)}] ${text}`;
}

/** For logs of CI, a line each time: `25% 150/612 cells, 0 leaks`. */
export function progressText(progress: Progress): string {
  const { done, total, byVerdict } = progress;
  const percent = `${Math.floor(100 * share(progress))}%`.padStart(4);
  const others = failureOrder.reduce((sum, verdict) => sum + byVerdict[verdict], 0) - byVerdict.leak;
  const rest = others === 0 ? "" : `, ${plural(others, "other failure")}`;
  return `${percent} ${number(done)}/${number(total)} cells, ${plural(byVerdict.leak, "leak")}${rest}`;
}

/** Whether a log deserves a new line: at every tenth of the way, so that a log stays short however long the run. */
export function isMilestone(before: number, after: number, total: number): boolean {
  const tenth = (done: number): number => Math.floor((10 * Math.min(done, total)) / Math.max(total, 1));
  return tenth(after) > tenth(before);
}

/** The first thing that a run can say: that it does probe, and what came of it. */
export function firstVerdict(cell: CellRecord, width: number): string {
  return cut(`first verdict: ${verdictWords[cell.verdict].one}, ${cellName(cell)}`, width);
}

function share({ done, total }: Progress): number {
  return total === 0 ? 0 : Math.min(done / total, 1);
}
