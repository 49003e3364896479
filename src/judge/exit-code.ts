import { channels } from "../model/cell.ts";
import { type Finding, isLeak, type Severity, severityOf } from "../model/finding.ts";
import type { Counts } from "../model/run.ts";
import type { Verdict } from "../model/verdict.ts";
import { verdictInfo, verdicts } from "../model/verdict.ts";

/**
 * 0: everything that was probed passed. 1: an expectation failed; a leak gives 1 even when there are errors.
 * 2: the harness could not do its job, or probed nothing at all.
 */
export function exitCode(counts: Counts, findings: readonly Finding[]): 0 | 1 | 2 {
  if (leaks({ counts, findings }) > 0) return 1;
  if (anyError(counts) || any(findings, "error") || nothingProbed(counts)) return 2;
  if (anyFailure(counts) || any(findings, "failure")) return 1;
  return 0;
}

/** The part of a run that counts among several; one that failed has no counts. */
export interface EndedRun {
  readonly exitCode: 0 | 1 | 2;
  readonly counts?: Counts;
  readonly findings?: readonly Finding[];
}

/** Of several runs: a leak gives 1 even when there are errors; an error weighs more than any other failure. */
export function exitCodeOfAll(runs: readonly EndedRun[]): 0 | 1 | 2 {
  if (runs.some((run) => leaks(run) > 0)) return 1;
  return runs.reduce<0 | 1 | 2>((worst, { exitCode: code }) => (code > worst ? code : worst), 0);
}

/** Leaks of cells that no waiver covers, and those that are findings of the whole run. */
function leaks({ counts, findings = [] }: Pick<EndedRun, "counts" | "findings">): number {
  return (counts === undefined ? 0 : live(counts, "leak")) + findings.filter(isLeak).length;
}

/** Cells of a verdict that no waiver covers. */
function live(counts: Counts, verdict: Verdict): number {
  return counts.byVerdict[verdict] - counts.waivedByVerdict[verdict];
}

/** Asked of the channels as well: a waived leak on one of them must not hide an error on the other. */
function anyError(counts: Counts): boolean {
  return (
    live(counts, "error") > 0 ||
    channels.some((channel) => counts.byChannel[channel].error > (counts.waivedErrors?.[channel] ?? 0))
  );
}

function anyFailure(counts: Counts): boolean {
  return verdicts.some((verdict) => verdictInfo[verdict].counts === "failure" && live(counts, verdict) > 0);
}

/** Asked of the channels alone: a cell whose rest form was skipped is `skipped`, though direct has proved it. */
function nothingProbed(counts: Counts): boolean {
  return channels.every((channel) =>
    verdicts.every(
      (verdict) => verdictInfo[verdict].counts === "skip" || counts.byChannel[channel][verdict] === 0,
    ),
  );
}

function any(findings: readonly Finding[], severity: Severity): boolean {
  return findings.some((finding) => severityOf(finding) === severity);
}
