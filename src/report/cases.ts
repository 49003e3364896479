import { factsOf, findingMessages } from "../messages/findings.ts";
import type { SourcePosition } from "../model/errors.ts";
import { failsRun, isChain, isLeak, severityOf } from "../model/finding.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import { verdictInfo } from "../model/verdict.ts";
import type { ArchivedRun } from "./archived-run.ts";
import { channelFacts } from "./happened.ts";
import { oneLine } from "./text.ts";
import { callOf, causeText, declared, operationHeads, verdictWords } from "./words.ts";
import { isWaived } from "../model/waived.ts";

/*
 * A run as test runners count: one test a cell, one a finding that fails the run, and one more where the archive is not
 * believed. JUnit, TAP and CTRF are spellings of it.
 */
export interface TestCase {
  /** The same for the same cell of every run. */
  readonly id: string;
  /** `public.courses`, `ana`: what dashboards group by. */
  readonly suite: readonly string[];
  readonly name: string;
  readonly outcome: "passed" | "failure" | "error" | "skipped";
  /** A verdict or a kind of finding. */
  readonly type: string;
  /** Why it is not `passed`: the first line is the message. Empty for a pass. */
  readonly text: string;
  /** It failed, and a live waiver covers it: its outcome is `skipped`. */
  readonly waived: boolean;
  readonly at: SourcePosition | undefined;
  readonly milliseconds: number | undefined;
  /** Absent: a finding, or the archive itself. */
  readonly cell?: CellRecord;
}

export async function* testCases(archive: ArchivedRun): AsyncGenerator<TestCase> {
  const { run } = archive;
  let failed = false;
  for await (const cell of archive.cells()) {
    const one = ofCell(cell);
    failed ||= one.outcome === "failure" || one.outcome === "error";
    yield one;
  }
  const found = findingCases(run);
  yield* found;
  const doubt = archive.doubt();
  if (doubt !== undefined) yield ofRun("not believed", doubt);
  // Where everything was skipped, nothing failed: a dashboard would show green for a run that proved nothing.
  else if (!failed && found.length === 0 && run.exitCode !== 0) yield ofRun("error", "no cell was probed");
}

function ofRun(type: string, text: string): TestCase {
  return { ...nothing, id: "archive", suite: ["archive"], name: "run.json", outcome: "error", type, text };
}

const nothing = { waived: false, at: undefined, milliseconds: undefined } as const;

function findingCases({ findings }: RunRecord): readonly TestCase[] {
  return findings.filter(failsRun).map((finding) => ({
    ...nothing,
    id: `finding/${finding.kind}/${factsOf(finding)}`,
    suite: ["finding", finding.kind],
    name: factsOf(finding),
    outcome: severityOf(finding) === "error" ? "error" : "failure",
    type: isLeak(finding) ? "leak" : finding.kind,
    text: [findingMessages[finding.kind].title, ...(isChain(finding) ? [finding.reproduce] : [])].join("\n"),
    at: "at" in finding ? finding.at : undefined,
  }));
}

function ofCell(cell: CellRecord): TestCase {
  const column = cell.column === undefined ? "" : ` ${cell.column}`;
  const times = Object.values(cell.channels).flatMap(({ milliseconds = [] }) => milliseconds);
  return {
    id: cell.id,
    suite: [`${cell.schema}.${cell.relation}`, cell.persona],
    name: `${operationHeads[cell.operation]}${callOf(cell)}${column}`,
    ...outcomeOf(cell),
    type: cell.verdict === "skipped" ? "skipped" : verdictWords[cell.verdict].one,
    waived: isWaived(cell),
    at: cell.at,
    milliseconds: times.length === 0 ? undefined : times.reduce((sum, one) => sum + one, 0),
    cell,
  };
}

function outcomeOf(cell: CellRecord): Pick<TestCase, "outcome" | "text"> {
  const { verdict, waiver } = cell;
  if (verdict === "pass") return { outcome: "passed", text: "" };
  if (isWaived(cell))
    return {
      outcome: "skipped",
      text: `waived until ${waiver?.expires}: ${oneLine(waiver?.reason ?? "")}`,
    };
  const counts = verdictInfo[verdict].counts;
  const outcome = counts === "skip" ? "skipped" : counts === "error" ? "error" : "failure";
  return { outcome, text: whatHappened(cell).join("\n") };
}

/** What was declared, what came back and what let it through: a line each. */
export function whatHappened(cell: CellRecord): readonly string[] {
  return [
    `declared ${declared(cell)}`,
    ...channelFacts(cell).map(
      (one) => `${one.who}: ${one.what}${one.because === "" ? "" : `; ${one.because}`}`,
    ),
    ...(cell.cause === undefined ? [] : [causeText(cell.cause)]),
  ];
}
