import { describe, expect, it } from "vitest";
import { factsOf } from "../../../src/messages/findings.ts";
import type { Finding } from "../../../src/model/finding.ts";
import { archivedRun } from "../../../src/report/archived-run.ts";
import { pageData } from "../../../src/report/html/view.ts";
import { cell, record } from "../../fixtures/runs/build.ts";
import { ctrfOf, sarifOf } from "../../support/reports.ts";
import { render } from "./render.ts";

const chain = {
  personas: ["ana"],
  steps: ["update public.profiles set role = 'admin'"],
  chains: 1,
  gains: [{ what: "select public.docs", rows: 3, examples: ["doc-17"] }],
  reproduce: "begin;\nrollback;",
};
const argument = {
  function: "public.find(id uuid)",
  personas: ["ana"],
  with: "with id = 'u2' (luis)",
  relation: "public.docs",
  rows: 2,
  keys: ["doc-17"],
  sql: "select public.find('u2')",
};
/** All that the stages after the cells find, beside cells that all passed. */
const leaks: readonly Finding[] = [
  { kind: "escalation", ...chain },
  { kind: "escalation-of-another", ...chain },
  { kind: "gives-away", ...chain },
  { kind: "plants", ...chain },
  { kind: "argument-leak", ...argument },
  { kind: "argument-answer", ...argument },
  { kind: "argument-writes", ...argument },
];
const runWith = (finding: Finding): ReturnType<typeof record> =>
  record([cell(), cell({ persona: "luis" })], { findings: [finding], exitCode: 1 });
const note: Finding = { kind: "opens-by-declared-step", ...chain };

describe.each(leaks)("a leak that no cell shows: $kind", (finding) => {
  const of = runWith(finding);
  const { kind } = finding;

  it("fails a test of its own in JUnit, CTRF and TAP", async () => {
    expect(await render("junit", of)).toMatch(
      new RegExp(
        String.raw`classname="finding\.${kind}"[^>]*><failure [^>]*type="leak"|><failure type="${kind}"`,
      ),
    );
    const { summary, tests } = await ctrfOf(of);
    expect(summary).toMatchObject({ passed: 2, failed: 1 });
    expect(tests.filter(({ status }) => status === "failed")).toHaveLength(1);
    expect((await render("tap", of)).match(/^not ok .*$/gm)).toEqual([
      expect.stringMatching(new RegExp(String.raw`^not ok \d+ - finding\.${kind}\b`)),
    ]);
  });

  it("is an error in SARIF and in GitHub's annotations", async () => {
    const { results } = await sarifOf(of);
    expect(results).toMatchObject([{ ruleId: kind, level: "error", properties: { verdict: "leak" } }]);
    const lines = (await render("github", of)).split("\n").filter((line) => line.startsWith("::error "));
    expect(lines).toEqual([expect.stringContaining(`title=rowgate%3A ${kind}::`)]);
  });

  it("is a leak in Markdown and on the terminal, and a failure on the page", async () => {
    const said = factsOf(finding)
      .split(/[\s,:;]+/)
      .filter((word) => /^[\w.-]{5,}$/.test(word));
    for (const format of ["markdown", "terminal"] as const) {
      const text = await render(format, of);
      expect(text).toMatch(/LEAK/);
      expect(text).not.toMatch(/^PASS|\bPASS\b.*cells/m);
      expect(said.some((word) => text.includes(word))).toBe(true);
    }
    const page = await pageData(
      archivedRun(of.run, "logs/x", () => of.cells),
      undefined,
    );
    expect(page).toMatchObject({ word: "FAIL", findings: [{ kind, severity: "leak", tone: "bad" }] });
  });
});

it("a note of the same shape fails no test", async () => {
  const of = record([cell()], { findings: [note], exitCode: 0 });
  expect((await ctrfOf(of)).summary).toMatchObject({ passed: 1, failed: 0 });
  expect(await render("junit", of)).not.toContain("<failure");
  expect(await render("github", of)).not.toContain("::error ");
});
