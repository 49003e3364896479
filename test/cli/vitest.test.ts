import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dayPattern } from "../../src/archive/id.ts";
import { makeProject, notesMatrix, notesSql, removeProject } from "./system.ts";

const root = path.resolve(import.meta.dirname, "../..");
const suite = (file: string, options = ""): string =>
  `import { matrixSuite } from "rowgate/vitest";\nawait matrixSuite(${JSON.stringify(file)}${options});\n`;

// A user's project with real vitest and rowgate as it is packed.
let project: string;
beforeAll(async () => {
  project = await makeProject({
    "package.json": '{ "type": "module" }',
    "vitest.config.js": 'export default { test: { forceRerunTriggers: ["**/policies/**"] } };\n',
    "open.sql": `create policy open on public.notes for select to authenticated using (true);
create table public.forgotten (id int); grant select on public.forgotten to authenticated;`,
    "flawed.test.js": suite("matrices/notes.yaml", ', { overlay: ["open.sql"], logs: "logs-flawed" }'),
    "sound.test.js": suite("matrices/notes.yaml", ', { logs: "logs-sound", channel: ["direct"] }'),
    "watched.test.js": suite(
      "matrices/watched.yaml",
      ', { logs: "logs-watched", only: ["ana/*/select"], channel: ["direct"] }',
    ),
    "wrong.test.js": suite("matrices/wrong.yaml"),
    "matrices/watched.yaml": notesMatrix.replace("matrix: notes", "matrix: watched"),
    "policies/watched/010_notes.sql": notesSql,
    "matrices/wrong.yaml": notesMatrix.replace("select: mine", "select: mime"),
  });
  const modules = path.join(project, "node_modules");
  mkdirSync(path.join(modules, "rowgate"), { recursive: true });
  for (const name of readdirSync(path.join(root, "node_modules")))
    if (!name.startsWith(".")) symlinkSync(path.join(root, "node_modules", name), path.join(modules, name));
  const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", project];
  const tarball = execFileSync("npm", pack, { cwd: root, encoding: "utf8" }).trim();
  execFileSync("tar", [
    "xzf",
    path.join(project, tarball),
    "--strip-components=1",
    "-C",
    path.join(modules, "rowgate"),
  ]);
});
afterAll(async () => {
  await removeProject(project);
});

interface Report {
  readonly numTotalTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const { PATH = "", HOME = "" } = process.env;

async function vitest(
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly report: Report; readonly text: string }> {
  const program = path.join(project, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", "--outputFile.json=report.json"];
  const child = spawn(process.execPath, [program, "run", ...reporters, ...args], {
    cwd: project,
    env: { PATH, HOME, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return {
    code,
    text,
    report: JSON.parse(readFileSync(path.join(project, "report.json"), "utf8")) as Report,
  };
}

/** `run.json` of each archive under a folder. */
function runs(logs: string): readonly { counts: { cells: number } }[] {
  const folder = path.join(project, logs);
  return readdirSync(folder)
    .filter((name) => dayPattern.test(name))
    .flatMap((day) => readdirSync(path.join(folder, day)).map((id) => path.join(folder, day, id, "run.json")))
    .map((file) => JSON.parse(readFileSync(file, "utf8")) as { counts: { cells: number } });
}

test("one test a cell and one run: a failing cell says what the terminal says, at the matrix's line", async () => {
  const { code, report, text } = await vitest("flawed.test.js");
  expect(code).toBe(1);
  const results = report.testResults[0]?.assertionResults ?? [];
  const failed = results.filter(({ status }) => status === "failed");
  expect(failed.map(({ title }) => title)).toEqual(["ana/public.notes/select", "the run as a whole"]);
  expect(results.filter(({ status }) => status === "passed")).toHaveLength(results.length - 2);
  const [cell, whole] = failed.map(({ failureMessages: [message = ""] }) => message);
  expect(cell).toMatch(
    /^AssertionError: LEAK {2}ana · public\.notes · select\n {2}declared {2}rows mine \(matrices\/notes\.yaml:15:22\)\n/,
  );
  expect(cell).toContain('because of policy "open" on public.notes');
  expect(cell).toContain("reproduce in psql");
  expect(text).toMatch(/matrices\/notes\.yaml:15:22\n/);
  // What fails `rowgate run` beside its cells.
  expect(whole).toContain("public.forgotten (table)");
  const archived = runs("logs-flawed");
  expect(archived).toHaveLength(1);
  expect(archived[0]?.counts.cells).toBe(results.length - 1);
});

test("-t: only the cells of these tests are probed", async () => {
  const { code, report } = await vitest("sound.test.js", "-t", "ana/public.notes/(select|insert)");
  expect(code).toBe(0);
  const results = report.testResults[0]?.assertionResults ?? [];
  expect(results.filter(({ status }) => status === "passed").map(({ title }) => title)).toEqual([
    "ana/public.notes/select",
    "ana/public.notes/insert",
  ]);
  expect(runs("logs-sound").map(({ counts }) => counts.cells)).toEqual([2]);
});

test("a matrix with a mistake fails its file, with the place of the mistake", async () => {
  const { code, report } = await vitest("wrong.test.js");
  expect(code).toBe(1);
  expect(report.testResults[0]?.message).toMatch(/matrices\/wrong\.yaml:15:22: .*mime/);
});

test("watch mode proves again when the SQL changes", async () => {
  const program = path.join(project, "node_modules/vitest/vitest.mjs");
  const child = spawn(process.execPath, [program, "watch", "watched.test.js", "--reporter=default"], {
    cwd: project,
    env: { PATH, HOME, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(child, "close");
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const says = async (pattern: RegExp): Promise<void> => {
    for (const end = Date.now() + 60_000; !pattern.test(text) && Date.now() < end;) await sleep(50);
    expect(text).toMatch(pattern);
  };
  try {
    await says(/Tests {2}2 passed/);
    await says(/Waiting for file changes/);
    writeFileSync(
      path.join(project, "policies/watched/020_open.sql"),
      "create policy open on public.notes for select to authenticated using (true);",
    );
    await says(/LEAK {2}ana · public\.notes · select/);
  } finally {
    child.kill("SIGINT");
    await closed;
  }
});
