import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rowgate } from "../support/cli.ts";
import { makeProject, notesSql, removeProject } from "./system.ts";

/** A key that a shell, a log and a page would obey. */
const hostileRow = "::error file=x::forged <script>alert(1)</script> | ]]>";
const files = {
  junit: "out/deep/junit.xml",
  sarif: "out/rowgate.sarif",
  ctrf: "out/{matrix}.json",
  markdown: "out/summary.md",
  tap: "out/run.tap",
} as const;
const formats = Object.entries(files);

let project: string;
beforeAll(async () => {
  project = await makeProject({
    "open.sql": `
create function public.helper() returns int language sql as 'select 1';
create policy "${hostileRow}" on public.notes for select to authenticated using (true);`,
    "helper.sql": "create function public.helper() returns int language sql as 'select 1';",
    "wrong/typo.yaml":
      "matrix: typo\npersonas: { anon: { role: anon } }\nrelations: { notes: { expect: { ana: deny } } }\n",
    "policies/typo/010.sql": notesSql,
  });
});
afterAll(async () => {
  await removeProject(project);
});

test("one run writes all reports, into folders that did not exist, and annotates in GitHub Actions", async () => {
  const result = await rowgate(
    [
      "run",
      "--overlay",
      "open.sql",
      ...formats.flatMap(([format, file]) => ["--report", `${format}=${file}`]),
    ],
    { cwd: project, env: { GITHUB_ACTIONS: "true" } },
  );
  expect(result.code).toBe(1);
  // The guilty policy's line, before what the runner must not obey.
  expect(result.err).toMatch(
    /^::error file=open\.sql,line=3,col=1,title=rowgate%3A leak%3A public\.notes · select::LEAK/m,
  );
  expect(result.out).not.toMatch(/^\s*::/m);
  expect(result.err.split("\n").filter((line) => /^\s*::(?!error |notice |warning )/.test(line))).toEqual([]);
  expect(result.err.match(/^::error /gm)).toHaveLength(1);
  for (const [format, file] of formats) {
    const again = await rowgate(["report", "latest", "--format", format, "--verbose"], { cwd: project });
    expect(again.code).toBe(1);
    expect(again.out).toBe(readFileSync(path.join(project, file.replace("{matrix}", "notes")), "utf8"));
  }
  const plain = await rowgate(["report", "latest", "--report", "tap=again.tap"], { cwd: project });
  expect(plain.out).toMatch(/^LEAK/);
  expect(readFileSync(path.join(project, "again.tap"), "utf8")).toBe(
    readFileSync(path.join(project, files.tap), "utf8"),
  );
});

test("--fail-on: a note that it names fails the run, in its exit code and in every report", async () => {
  const run = (...failOn: readonly string[]): ReturnType<typeof rowgate> =>
    rowgate(["run", "--only", "ana/*/select", "--channel", "direct", "--json", ...failOn], { cwd: project });
  const sound = await run("--fail-on", "superuser-persona");
  expect(sound.code).toBe(1);
  const { run: record } = JSON.parse(sound.out) as {
    run: { exitCode: number; failOn: string[]; findings: object[] };
  };
  expect(record).toMatchObject({ exitCode: 1, failOn: ["superuser-persona"] });
  expect(record.findings).toContainEqual(
    expect.objectContaining({ kind: "superuser-persona", raised: true }),
  );
  const shown = await rowgate(["report", "latest"], { cwd: project });
  expect(shown).toMatchObject({ code: 1 });
  expect(shown.out).toMatch(/^FAILURE {2}A persona's role bypasses/m);
  expect(shown.out).toContain("FAIL  1 failing finding");
  const junit = await rowgate(["report", "latest", "--format", "junit"], { cwd: project });
  expect(junit.out).toContain('<failure type="superuser-persona"');
  const helped = await run("--overlay", "helper.sql");
  expect(helped.code).toBe(0);
  const raised = await run("--overlay", "helper.sql", "--strict");
  expect(raised.code).toBe(1);
  expect((JSON.parse(raised.out) as { run: { findings: object[] } }).run.findings).toContainEqual(
    expect.objectContaining({ kind: "undeclared-function", raised: true }),
  );
  // Its sound twin: the same run, and kinds that were not found.
  const strict = await run("--strict");
  expect(strict.code).toBe(0);
  const kinds = (JSON.parse(strict.out) as { run: { failOn: string[] } }).run.failOn;
  expect(kinds).toEqual(expect.arrayContaining(["own-row-missing", "undeclared-function"]));
});

test.each([
  { args: ["run", "--fail-on", "undeclared-functoin"], says: "did you mean `undeclared-function`?" },
  { args: ["run", "--fail-on", "error"], says: "errors and failures always fail the run" },
])("$args: exit 2, and what to do", async ({ args, says }) => {
  const result = await rowgate(args, { cwd: project });
  expect(result.code).toBe(2);
  expect(result.err).toContain(says);
});

test("a matrix with a mistake is annotated at its line", async () => {
  const result = await rowgate(["run", "wrong/typo.yaml"], { cwd: project, env: { GITHUB_ACTIONS: "true" } });
  expect(result.code).toBe(2);
  expect(result.err).toMatch(/^::error file=wrong\/typo\.yaml,line=3,col=\d+,title=rowgate%3A [\w/%-]+::/m);
});
