import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dayPattern } from "../../src/archive/id.ts";
import { reportFormats } from "../../src/report/reporters.ts";
import { rowgate } from "../support/cli.ts";
import { makeProject, notesMatrix, notesSql, removeProject } from "./system.ts";

let project: string;
beforeAll(async () => {
  project = await makeProject({
    "open.sql": "create policy open on public.notes for select to authenticated using (true);",
    "broken.sql": "select 1;\nselect nothing_here;\n",
    "other/lies.yaml": notesMatrix.replace("select: mine", "select: mime").replace("ana: {", "anna: {"),
    "other/gone.yaml": notesMatrix.replace("  notes:\n    rows", "  noted:\n    rows"),
    "other/condition.yaml": notesMatrix.replace("mine: owner = :sub", "mine: ownr = :sub"),
  });
});
afterAll(async () => {
  await removeProject(project);
});

function archives(logs: string): string[] {
  if (!existsSync(logs)) return [];
  return readdirSync(logs)
    .filter((name) => dayPattern.test(name))
    .flatMap((day) => readdirSync(path.join(logs, day)).map((name) => path.join(logs, day, name)));
}

function everyFile(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => path.join(folder, name))
    .filter((name) => statSync(name).isFile());
}

test("a run that passes: grids, PASS, exit 0, a whole archive", async () => {
  const result = await rowgate(["run", "--logs", "logs-pass"], { cwd: project });
  expect(result.err).not.toContain("rowgate:");
  expect(result.code).toBe(0);
  expect(result.out).toContain("PASS");
  expect(result.out.replaceAll(/\s+/g, " ")).toContain("builtin gateway, not PostgREST");
  for (const line of result.out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  const [archive, ...others] = archives(path.join(project, "logs-pass"));
  expect(others).toEqual([]);
  expect(readdirSync(archive ?? "").toSorted()).toEqual([
    "SHA256SUMS",
    "catalog.json",
    "cells.ndjson",
    "dictionary.ndjson",
    "run.json",
    "svr.dsse.json",
    "test-result.dsse.json",
  ]);
  expect(
    execFileSync("sha256sum", ["--check", "SHA256SUMS"], { cwd: archive, encoding: "utf8" }),
  ).not.toContain("FAILED");
});

test("a leak: exit 1, named on both channels, with the policy and the place in the matrix", async () => {
  const result = await rowgate(["run", "--overlay", "open.sql", "--logs", "logs-leak"], { cwd: project });
  expect(result.code).toBe(1);
  expect(result.out).toMatch(/^LEAK {2}public\.notes · select: ana read more than declared/);
  expect(result.out).toContain(" 15:22 ");
  expect(result.out).toContain("in matrices/notes.yaml\n");
  expect(result.out).toContain('policy "open"');
  // The server is gone: what is shown is the command that keeps it.
  expect(result.out.replaceAll(/\\\n\s+/g, "")).toContain(
    "rowgate run matrices/notes.yaml --overlay open.sql --only ana/public.notes/select --keep",
  );
  const again = await rowgate(["report", "latest", "--logs", "logs-leak"], { cwd: project });
  expect(again).toMatchObject({ code: 1, out: result.out });
  const whole = await rowgate(["report", "latest", "--verbose", "--logs", "logs-leak"], { cwd: project });
  expect(whole.out).toContain("LEAK  ana · public.notes · select\n");
  expect(whole.out).toContain("matrices/notes.yaml:15:22");
  expect(whole.out).toContain("rowgate token ana");
  expect(whole.out).toContain("set local role");
});

test("report: an archive by its folder or id, in every format; one that was changed is never a PASS", async () => {
  const run = ["run", "--logs", "logs-report", "--report", "junit=a.xml", "--report", "json={matrix}.json"];
  expect((await rowgate(run, { cwd: project })).code).toBe(0);
  const [archive = ""] = archives(path.join(project, "logs-report"));
  const shown = async (...args: readonly string[]): ReturnType<typeof rowgate> =>
    rowgate(["report", ...args, "--logs", "logs-report"], { cwd: project });
  expect(readFileSync(path.join(project, "a.xml"), "utf8")).toBe(
    (await shown(archive, "--format", "junit")).out,
  );
  const json = await shown(path.basename(archive), "--format", "json", "--verbose");
  expect(readFileSync(path.join(project, "notes.json"), "utf8")).toBe(json.out);
  writeFileSync(path.join(archive, "catalog.json"), "{}");
  const changed = await shown("latest");
  expect(changed.code).toBe(2);
  expect(changed.out.replaceAll(/\s+/g, " ")).toMatch(
    /ERROR the archive is not as it was written: catalog\.json changed/,
  );
});

test.each([
  { args: ["report", "nowhere"], says: "There is no run nowhere" },
  { args: ["report", "latest", "--logs", "none"], says: "There is no finished run in none" },
  { args: ["run", "--report", "junit"], says: "--report junit is not <format>=<file>" },
  {
    args: ["run", "--report", "pdf=a.pdf"],
    says: `formats: ${reportFormats.join(", ")}`,
  },
  { args: ["run", "--report", "json=a", "--report", "junit=a"], says: "Two reports name the file a" },
])("$args: exit 2, and what to do", async ({ args, says }) => {
  const result = await rowgate(args, { cwd: project });
  expect(result.code).toBe(2);
  expect(result.err).toContain(says);
});

test("--json is one document, and names the failing cells", async () => {
  const result = await rowgate(["run", "--overlay", "open.sql", "--json", "--logs", "logs-json"], {
    cwd: project,
  });
  expect(result.code).toBe(1);
  const document = JSON.parse(result.out) as {
    run: { exitCode: number };
    cells: { id: string; verdict: string }[];
  };
  expect(document.run.exitCode).toBe(1);
  expect(document.cells.map(({ id, verdict }) => `${verdict} ${id}`)).toContain(
    "leak ana/public.notes/select",
  );
});

test("--only and --channel narrow a run, and the record says so", async () => {
  const result = await rowgate(
    ["run", "--only", "ana/*/select", "--channel", "direct", "--json", "--logs", "logs-only"],
    { cwd: project },
  );
  const { run } = JSON.parse(result.out) as { run: { counts: { cells: number }; filters: object } };
  expect(run.counts.cells).toBe(1);
  expect(run.filters).toMatchObject({ only: ["ana/*/select"], channels: ["direct"] });
});

test("a gateway that commits is sent no write, and that is no PASS", async () => {
  const result = await rowgate(["run", "--gateway-tx-end", "commit", "--json", "--logs", "logs-commit"], {
    cwd: project,
  });
  expect(result.code).toBe(1);
  const { run, cells } = JSON.parse(result.out) as {
    run: { gatewayChecks: object; fingerprints: { before: object; after: object }[] };
    cells: { id: string; channels: { rest?: { verdict: string; because: string } } }[];
  };
  expect(run.gatewayChecks).toMatchObject({ rollbackHonoured: false });
  for (const { before, after } of run.fingerprints) expect(after).toEqual(before);
  const update = cells.find(({ id }) => id === "ana/public.notes/update");
  expect(update?.channels.rest).toMatchObject({ verdict: "inconclusive" });
  expect(update?.channels.rest?.because).toContain("tx=rollback");
});

test("nothing secret is written: not the password, not the key, not a token", async () => {
  const secret = "a-secret-that-anybody-would-recognise-0123456789";
  const result = await rowgate(["run", "--overlay", "open.sql", "--logs", "logs-secret"], {
    cwd: project,
    env: { ROWGATE_JWT_SECRET: secret },
  });
  expect(result.code).toBe(1);
  const token = await rowgate(["token", "ana"], { cwd: project, env: { ROWGATE_JWT_SECRET: secret } });
  const header = token.out.split(".")[0] ?? "";
  expect(header.length).toBeGreaterThan(10);
  const written = [
    ...everyFile(path.join(project, "logs-secret")).map((file) => readFileSync(file, "utf8")),
    result.out,
    result.err,
  ];
  expect(written.length).toBeGreaterThan(4);
  for (const text of written) {
    expect(text.includes(secret)).toBe(false);
    expect(text.includes(header)).toBe(false);
    expect(/"password"|postgresql:\/\/\w+:[^@]+@/.test(text)).toBe(false);
  }
});

describe("what is wrong is said, with exit 2", () => {
  const cases: readonly (readonly [name: string, args: readonly string[], says: readonly string[]])[] = [
    ["an unknown option", ["run", "--chanel", "rest"], ["unknown option '--chanel'", "--channel"]],
    ["an unknown channel", ["run", "--channel", "rset"], ["--channel", "direct, rest"]],
    ["an unknown command", ["rum"], ["unknown command 'rum'", "run"]],
    ["a matrix that is not there", ["run", "nowhere.yaml"], ["nowhere.yaml", "no such file"]],
    [
      "every lie of a matrix",
      ["run", "other/lies.yaml"],
      ["lies.yaml:15:", "anna", "ana", "mime", "mine", "nothing was probed"],
    ],
    [
      "a relation that is missing",
      ["run", "other/gone.yaml"],
      ["gone.yaml:7:3", "missing relation: public.noted", "public.notes"],
    ],
    ["a row set that is no SQL", ["run", "other/condition.yaml"], ["condition.yaml:9:", "ownr", "42703"]],
    ["SQL that fails", ["run", "--overlay", "broken.sql"], ["broken.sql:2:", "nothing_here"]],
    [
      "a filter that matches no cell",
      ["run", "--only", "ana/*/selct"],
      ["--only ana/*/selct", "<persona>/<schema>.<relation>/<operation>"],
    ],
    ["a folder of policies that is not there", ["run", "--policies", "nowhere"], ["nowhere"]],
    ["a token of nobody", ["token", "nobody"], ["nobody", "matrices/notes.yaml"]],
    ["a token without a key", ["token", "ana"], ["key"]],
    ["a PostgREST that is not there", ["run", "--gateway", "postgrest"], ["ROWGATE_POSTGREST_BIN"]],
    [
      "the removed downloader",
      ["gateway", "install", "v16.2", "--mirror", "https://mirror.test/"],
      ["was removed", "PATH", "ROWGATE_POSTGREST_BIN", "docs/gateway.md"],
    ],
    ["its removed list, also when asked for help", ["gateway", "list", "--help"], ["was removed"]],
  ];
  test.each(cases)("%s", async (_name, args, says) => {
    const result = await rowgate(args, { cwd: project, env: { PATH: "/usr/bin:/bin" } });
    expect(result.code, result.err).toBe(2);
    for (const text of says) expect(result.err).toContain(text);
    expect(result.err).not.toContain("    at ");
    expect(archives(path.join(project, "logs"))).toEqual([]);
  });
});

test("a folder without matrices says what to do", async () => {
  const empty = await makeProject();
  await removeProject(path.join(empty, "matrices"));
  const result = await rowgate(["run"], { cwd: empty });
  await removeProject(empty);
  expect(result.code).toBe(2);
  expect(result.err).toContain("rowgate run path/to/matrix.yaml");
});

test("the SQL of a system is what the run says it was given", async () => {
  const other = await makeProject({ "policies/notes/010_notes.sql": `${notesSql}-- another\n` });
  const [one, two] = await Promise.all(
    [project, other].map((cwd) =>
      rowgate(["run", "--json", "--only", "ana/*/select", "--logs", "logs-inputs"], { cwd }),
    ),
  );
  await removeProject(other);
  const sums = [one, two].map((result) =>
    (JSON.parse(result?.out ?? "") as { run: { inputs: { sha256: string }[] } }).run.inputs.map(
      ({ sha256 }) => sha256,
    ),
  );
  expect(sums[0]).toHaveLength(2);
  expect(sums[0]?.[0]).toBe(sums[1]?.[0]);
  expect(sums[0]?.[1]).not.toBe(sums[1]?.[1]);
});

test("--keep: the target stays until Ctrl-C, and answers", async () => {
  let answer = 0;
  const result = await rowgate(["run", "--keep", "--logs", "logs-keep"], {
    cwd: project,
    watch: async (child, err) => {
      while (child.exitCode === null && !err().includes("until Ctrl-C")) await sleep(50);
      // Longer than anything that could keep the process alive by accident.
      await sleep(1_500);
      const url = /http:\/\/\S+/.exec(err())?.[0] ?? "";
      answer = await fetch(`${url}/notes`).then(({ status }) => status);
      child.kill("SIGINT");
    },
  });
  expect(answer).toBe(401);
  expect(result.code).toBe(130);
});
