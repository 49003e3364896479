import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { marked } from "marked";
import { describe, expect, it } from "vitest";
import { readCells, readRun } from "../../../src/archive/read.ts";
import type { CellRecord } from "../../../src/model/run.ts";
import { withoutCommands } from "../../../src/commands/environment.ts";
import { cell, channel, type Recorded, record } from "../../fixtures/runs/build.ts";
import { error, failures, leak } from "../../fixtures/runs/failures.ts";
import {
  columnCells,
  findings,
  hostileRun,
  large,
  nothing,
  passing,
  staging,
} from "../../fixtures/runs/others.ts";
import { ctrfOf, junitProblems, sarifOf } from "../../support/reports.ts";
import { render } from "./render.ts";

const folder = new URL("../../fixtures/runs/", import.meta.url);

async function recorded(name: string): Promise<Recorded> {
  const archive = fileURLToPath(new URL(name, folder));
  const cells: CellRecord[] = [];
  for await (const one of readCells(archive)) cells.push(one);
  return { run: await readRun(archive), cells };
}

/** What breaks out of one format or another, where it is not escaped there. */
const hostileTexts: readonly string[] = [
  "two\nlines\r\n::error file=a::forged",
  "]]><failure/><![CDATA[",
  "<script>alert(1)</script><!-- -->",
  "</pre></details><img src=x onerror=alert(1)>",
  "a | b || c `d` **e** # f",
  "::stop-commands::x %0A ##[error]y",
  "[click](javascript:alert(1)) www.evil.test https://evil.test @org/team #1",
  "ok 7 - forged # SKIP\n1..0\n  ...\n",
  '{0} [x](1) \\ "quoted" {"id":1}',
  "\u001B[2J\u0000\u0007\u009B31m\u202Etxt\u2028\uFFFF\uD800",
  "&amp; &lt; &#x0; %s $& $1",
];

const ordinary: Readonly<Record<string, Recorded>> = {
  columnCells,
  failures,
  findings,
  large,
  nothing,
  passing,
  staging,
  allSkipped: record([cell({ verdict: "skipped", channels: { direct: channel("skipped") } })]),
  ...Object.fromEntries(hostileTexts.map((text) => [JSON.stringify(text), hostileRun(text)])),
  ...Object.fromEntries(
    await Promise.all(
      readdirSync(folder)
        .filter((name) => existsSync(new URL(`${name}/run.json`, folder)))
        .map(async (name) => [name, await recorded(name)] as const),
    ),
  ),
};
const cases = Object.entries(ordinary);

describe.each(cases)("%s", (_name, of) => {
  it("is SARIF 2.1.0, whose rule ids are in the table of rules", async () => {
    const { tool, results } = await sarifOf(of);
    for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[ruleIndex]?.id).toBe(ruleId);
    const prints = results.map(({ partialFingerprints }) => JSON.stringify(partialFingerprints));
    expect(new Set(prints).size).toBe(prints.length);
  });

  it("is CTRF by its strict schema, and its summary counts its tests", async () => {
    const { summary, tests } = await ctrfOf(of);
    expect(summary["tests"]).toBe(tests.length);
    for (const status of ["passed", "failed", "skipped"])
      expect(summary[status]).toBe(tests.filter((one) => one.status === status).length);
    // What no cell of a green dashboard may hide.
    expect(of.run.exitCode === 0 || (summary["failed"] ?? 0) > 0).toBe(true);
  });

  it("is TAP: one line a test point, numbered, and a plan that counts them", async () => {
    const lines = (await render("tap", of)).split("\n").slice(0, -1);
    expect(lines[0]).toBe("TAP version 14");
    const points = lines.filter((line) => /^(?:not )?ok /.test(line));
    points.forEach((line, index) => expect(line).toMatch(new RegExp(`^(?:not )?ok ${index + 1} - `)));
    expect(lines.at(-1)).toBe(`1..${points.length}`);
    for (const line of lines.slice(1, -1))
      expect(line).toMatch(/^(?:not )?ok \d+ - |^# |^ {2}(?:---|\.\.\.|\w+: ")/);
    const failing = points.filter((line) => line.startsWith("not ok") && !/(?<!\\)# TODO /.test(line));
    const directives = points.filter((line) => /(?<!\\)#/.test(line));
    expect(directives.length).toBe((await ctrfOf(of)).summary["skipped"]);
    expect(of.run.exitCode === 0 || failing.length > 0).toBe(true);
  });

  it("is Markdown that renders to our own elements, in rows of one length, within GitHub's limit", async () => {
    const text = await render("markdown", of);
    expect(text.length).toBeLessThanOrEqual(65_536);
    const html = await marked.parse(text, { gfm: true });
    const tags = [...html.matchAll(/<\/?([a-z][a-z0-9]*)([^>]*)>/gi)];
    const ours = /^(?:h3|h4|p|em|strong|code|pre|table|thead|tbody|tr|th|td|details|summary|ul|li|sub)$/;
    expect(
      tags.filter(([, name = "", attributes = ""]) => !ours.test(name) || attributes.trim() !== ""),
    ).toEqual([]);
    // Renderers drop the cells that a row has too many: a `|` that was not escaped shows in the text alone.
    for (const [table] of text.matchAll(/^\|.*(?:\n\|.*)*/gm)) {
      const widths = table.split("\n").map((row) => row.split("|").length);
      expect(new Set(widths).size).toBe(1);
    }
    // Outside `<code>` and `<pre>` GitHub would make mentions and references of these.
    const words = html
      .replaceAll(/<(code|pre)>.*?<\/\1>/gs, "")
      .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
    expect(words).not.toMatch(/@org|#1\b/);
  });

  it("is at most ten annotations a level, one line each", async () => {
    const lines = (await render("github", of)).split("\n").slice(0, -1);
    for (const line of lines)
      expect(line).toMatch(
        /^::(?:error|warning|notice) (?:file=[^,:]+,line=\d+,col=\d+,)?title=[^,:]+::[^\r\n]+$/,
      );
    for (const level of ["error", "warning", "notice"])
      expect(lines.filter((line) => line.startsWith(`::${level} `)).length).toBeLessThanOrEqual(10);
  });
});

describe("JUnit", () => {
  it("is what Jenkins accepts, whatever is in it", async () => {
    const documents = await Promise.all(cases.map(([, of]) => render("junit", of)));
    expect(await junitProblems(documents)).toEqual([]);
    const broken = documents.map((text) => text.replace("<testcase ", "<testcase x='1' "));
    expect(await junitProblems(broken)).not.toEqual([]);
  });
});

describe("SARIF", () => {
  const policy = { kind: "policies", relation: "public.courses", rows: 1, restrictive: 0 } as const;
  const withCause: CellRecord = {
    ...leak,
    cause: {
      ...policy,
      policies: [{ name: "open [all]", command: "select", rows: 1, origin: "sql/a b.sql:8" }],
    },
  };

  it("links to the SQL of the guilty policy, and keeps an alert the same when lines move", async () => {
    const { results } = await sarifOf(record([withCause]));
    const [result] = results;
    expect(result?.message.text).toContain(String.raw`[policy "open \[all\]", sql/a b.sql:8](1)`);
    expect(result?.relatedLocations).toMatchObject([
      { physicalLocation: { artifactLocation: { uri: "sql/a%20b.sql" }, region: { startLine: 8 } } },
    ]);
    const moved = { ...withCause, at: { ...withCause.at, line: 99 }, cause: undefined };
    const { results: later } = await sarifOf(record([moved]));
    expect(later[0]?.partialFingerprints).toEqual(result?.partialFingerprints);
  });

  it("lists leaks before errors, and a waived failure as a suppressed note", async () => {
    const waiver = { reason: "until May", expires: "2099-01-01", at: leak.at };
    const waived = { ...leak, id: "x", operation: "delete", waived: true, waiver } as const;
    const { results } = await sarifOf(record([error, leak, waived]));
    expect(results.map(({ ruleId, level, suppressions }) => [ruleId, level, suppressions?.length])).toEqual([
      ["leak", "error", undefined],
      ["leak", "note", 1],
      ["error", "error", undefined],
    ]);
  });

  it("says what is beyond the first 5,000 results, and that an archive is not believed", async () => {
    const many = Array.from({ length: 5001 }, (_, index) => ({ ...leak, id: `p${index}/x/select` }));
    const { results, invocations } = await sarifOf(record(many, { exitCode: 0 }));
    expect(results).toHaveLength(5000);
    expect(invocations[0].exitCode).toBe(2);
    expect(JSON.stringify(invocations[0].toolExecutionNotifications)).toMatch(
      /all passed, but .*1 result more/,
    );
  });
});

describe("Markdown", () => {
  it("leaves out whole sections, says which, and keeps what failed first", async () => {
    const long = Array.from({ length: 400 }, (_, index) => ({
      ...leak,
      id: `${index}`,
      relation: `t${index}`,
      persona: "x".repeat(63),
      inForce: Array.from(
        { length: 12 },
        (_unused, policy) => `policy "${policy}" USING (${"&".repeat(400)})`,
      ),
    }));
    const text = await render("markdown", record(long));
    expect(text.length).toBeLessThanOrEqual(65_536);
    expect(text).toMatch(/\*\*Cut to 65,024 characters\.\*\* Not shown: \d+ failing groups/);
    expect(text.match(/<details>/g)?.length).toBe(text.match(/<\/details>/g)?.length);
    expect(text.indexOf("LEAK")).toBeLessThan(500);
  });
});

describe("GitHub's log", () => {
  it("the tenth annotation of a level says how many there are besides", async () => {
    const many = Array.from({ length: 14 }, (_, index) => ({
      ...leak,
      id: `${index}`,
      relation: `t${index}`,
    }));
    const lines = (await render("github", record(many))).split("\n").slice(0, -1);
    expect(lines).toHaveLength(10);
    expect(lines.at(-1)).toContain("title=rowgate%3A 5 more::");
  });

  it.each([
    ["::set-env name=A::b", "\u2236:set-env name=A::b"],
    ["  a\n\t::add-mask::x\n", "  a\n\t\u2236:add-mask::x\n"],
    ["x ##[error]y", "x #\u200B#[error]y"],
    ["a::b, public.t::int", "a::b, public.t::int"],
  ])("%j is no command", (text, shown) => {
    expect(withoutCommands(text)).toBe(shown);
  });
});
