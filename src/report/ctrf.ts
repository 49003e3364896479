import type { CellRecord } from "../model/run.ts";
import type { ArchivedRun } from "./archived-run.ts";
import { type TestCase, testCases } from "./cases.ts";
import { clean, safeJson } from "./text.ts";
import { declared } from "./words.ts";

const statuses = { passed: "passed", failure: "failed", error: "failed", skipped: "skipped" } as const;

/**
 * CTRF, the Common Test Report Format. Its schema is strict: what only rowgate knows (verdict, proof, how to reproduce) is under
 * `extra`. The summary comes behind the tests, so that the cells are read once.
 */
export async function* ctrfReport(archive: ArchivedRun): AsyncGenerator<string, void, undefined> {
  const { run } = archive;
  const count = { passed: 0, failed: 0, skipped: 0 };
  yield `{"reportFormat":"CTRF","specVersion":"0.0.0","timestamp":${safeJson(run.finishedAt)},"generatedBy":"rowgate",\n"results":{"tool":${safeJson({ name: "rowgate", version: run.rowgate })},\n"tests":[`;
  let separator = "\n";
  for await (const one of testCases(archive)) {
    count[statuses[one.outcome]] += 1;
    yield `${separator}${safeJson(test(one))}`;
    separator = ",\n";
  }
  const summary = {
    tests: count.passed + count.failed + count.skipped,
    ...count,
    pending: 0,
    other: 0,
    start: Date.parse(run.startedAt),
    stop: Date.parse(run.finishedAt),
    extra: { exitCode: archive.doubt() === undefined ? run.exitCode : 2, counts: run.counts },
  };
  const environment = {
    testEnvironment: run.target.name,
    ...(run.gitCommit !== undefined && { commit: run.gitCommit }),
    extra: { run: run.id, matrix: run.matrix, target: run.target, archive: archive.path },
  };
  yield `\n],\n"summary":${safeJson(summary)},\n"environment":${safeJson(environment)},\n"extra":${safeJson({ findings: run.findings })}}}\n`;
}

function test({ id, suite, name, outcome, type, text, at, milliseconds, waived, cell }: TestCase): object {
  return {
    testId: id,
    name: clean(name) || "(no name)",
    status: statuses[outcome],
    rawStatus: type,
    duration: Math.round(milliseconds ?? 0),
    suite: suite.map(clean),
    ...(text !== "" && { message: text.split("\n")[0] }),
    ...((outcome === "failure" || outcome === "error") && { trace: text }),
    ...(at !== undefined && { filePath: at.file, line: at.line }),
    extra: cell === undefined ? { verdict: type } : proofOf(cell, waived),
  };
}

/** What a reader needs in order to believe the verdict, or to see it again. */
function proofOf(cell: CellRecord, waived: boolean): object {
  const channels = Object.entries(cell.channels).map(
    ([channel, { verdict, effect, deniedBy, because, evidence, fromProof }]) =>
      [channel, { verdict, effect, deniedBy, because, evidence, fromProof }] as const,
  );
  return {
    verdict: cell.verdict,
    declared: declared(cell),
    channels: Object.fromEntries(channels),
    ...(waived && { waiver: cell.waiver }),
    ...(cell.verdict !== "pass" && {
      cause: cell.cause,
      inForce: cell.inForce,
      reproduce: cell.reproduce,
    }),
  };
}
