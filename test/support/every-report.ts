import { gunzipSync } from "node:zlib";
import { expect } from "vitest";
import { failsRun } from "../../src/model/finding.ts";
import type { CellRecord } from "../../src/model/run.ts";
import { verdicts } from "../../src/model/verdict.ts";
import type { PageData } from "../../src/report/html/data.ts";
import { type ReportFormat, reportFormats } from "../../src/report/reporters.ts";
import { isFailing } from "../../src/report/words.ts";
import { isWaived } from "../../src/model/waived.ts";
import type { Recorded } from "../fixtures/runs/build.ts";
import { render } from "../unit/report/render.ts";
import { ctrfOf, junitProblems, sarifOf } from "./reports.ts";

/** What a run is known to hold, before any report of it is read. */
interface Truth {
  readonly recorded: Recorded;
  /** Cells that did not pass, waived ones among them. */
  readonly wrong: readonly CellRecord[];
  /** Those of them that fail the run. */
  readonly failing: readonly CellRecord[];
  /** Test cases that are not green: failing cells and findings. */
  readonly red: number;
}

/** JUnit reports that {@link everyReportAgrees} has read and nothing has validated yet: xmllint starts once for all of them. */
const unvalidated: string[] = [];

/** Called after the last {@link everyReportAgrees} of a file. */
export async function everyJunitReportIsValid(): Promise<void> {
  const documents = unvalidated.splice(0);
  expect(documents.length).toBeGreaterThan(0);
  expect(await junitProblems(documents)).toEqual([]);
}

/**
 * Every report of a real run says of it what the run says, and fits its published schema where there is one (JUnit's:
 * {@link everyJunitReportIsValid}).
 */
export async function everyReportAgrees(recorded: Recorded): Promise<void> {
  const wrong = recorded.cells.filter(({ verdict }) => isFailing(verdict));
  const failing = wrong.filter((cell) => !isWaived(cell));
  const red = failing.length + recorded.run.findings.filter(failsRun).length;
  for (const format of reportFormats) await checks[format]({ recorded, wrong, failing, red });
}

const idOf = ({ id }: CellRecord): string => id;
const sorted = (texts: readonly string[]): readonly string[] => texts.toSorted();

const checks: Readonly<Record<ReportFormat, (truth: Truth) => Promise<void>>> = {
  terminal: async (truth) => {
    await namesFailures("terminal", truth);
  },
  markdown: async (truth) => {
    const text = await namesFailures("markdown", truth);
    expect(text.length).toBeLessThan(65_536);
  },
  github: async ({ recorded, failing }) => {
    const lines = (await render("github", recorded)).split("\n").filter((line) => line !== "");
    for (const line of lines) expect(line).toMatch(/^::(error|warning|notice) (file=|title=)[^\n]*$/);
    const errors = lines.filter((line) => line.startsWith("::error "));
    expect(errors.length).toBeLessThanOrEqual(10);
    expect(errors.length > 0).toBe(recorded.run.exitCode !== 0);
    if (errors.length < 10)
      for (const { schema, relation } of failing)
        expect(errors.join("\n")).toContain(`${schema}.${relation}`);
  },
  json: async ({ recorded, wrong }) => {
    const read = JSON.parse(await render("json", recorded)) as Recorded;
    expect(read.run.id).toBe(recorded.run.id);
    expect(read.cells.map(idOf)).toEqual(wrong.map(idOf));
  },
  junit: async ({ recorded, red }) => {
    const xml = await render("junit", recorded);
    unvalidated.push(xml);
    expect(count(xml, /<(failure|error) /g)).toBe(red);
    expect(count(xml, /<testcase /g)).toBeGreaterThanOrEqual(recorded.cells.length);
  },
  tap: async ({ recorded, red }) => {
    const tap = await render("tap", recorded);
    expect(count(tap, /^not ok (?!.* # TODO )/gm)).toBe(red);
    expect(tap).toMatch(new RegExp(`^1\\.\\.${count(tap, /^(not )?ok \d/gm)}$`, "m"));
  },
  sarif: async ({ recorded, wrong }) => {
    const alerts = (await sarifOf(recorded)).results.flatMap(({ properties }) =>
      properties?.cell === undefined ? [] : `${properties.cell} ${properties.verdict}`,
    );
    expect(sorted(alerts)).toEqual(sorted(wrong.map(({ id, verdict }) => `${id} ${verdict}`)));
  },
  ctrf: async ({ recorded, failing }) => {
    const { tests, summary } = await ctrfOf(recorded);
    const failed = tests.filter(
      ({ status, testId }) => status === "failed" && !testId.startsWith("finding/"),
    );
    expect(sorted(failed.map(({ testId }) => testId))).toEqual(sorted(failing.map(idOf)));
    expect((summary["failed"] ?? 0) > 0).toBe(recorded.run.exitCode !== 0);
  },
  html: async ({ recorded, failing }) => {
    const data = pageDataIn(await render("html", recorded));
    expect(data.cells.verdict.map((place) => verdicts[place])).toEqual(
      recorded.cells.map(({ verdict }) => verdict),
    );
    expect(data.groups.reduce((sum, { cells }) => sum + cells, 0)).toBe(failing.length);
    expect(data.word === "PASS").toBe(recorded.run.exitCode === 0);
  },
};

async function namesFailures(format: ReportFormat, { recorded, failing }: Truth): Promise<string> {
  const text = await render(format, recorded, { width: 120 });
  // A comment that is too long for its place says how much it leaves out.
  const isCut = format === "markdown" && /\*\*Cut to [\d,]+ characters\.\*\*/.test(text);
  const missing = failing.filter((cell) => !text.includes(`${cell.schema}.${cell.relation}`));
  if (isCut && missing.length > 0) expect(text).toMatch(/Not shown: .*\bfailing groups?\b/);
  else expect(missing).toEqual([]);
  expect(text).toMatch(recorded.run.exitCode === 0 ? /\bPASS\b/ : /\b(FAIL|ERROR)\b/);
  return text;
}

function count(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

function pageDataIn(html: string): PageData {
  const [, block = ""] = /id="data">([^<]*)</.exec(html) ?? [];
  return JSON.parse(gunzipSync(Buffer.from(block, "base64")).toString()) as PageData;
}
