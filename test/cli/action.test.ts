import { execFile, execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { makeProject, removeProject } from "./system.ts";

const root = path.resolve(import.meta.dirname, "../..");

interface Step {
  readonly id?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string>>;
  readonly run?: string;
  readonly shell?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Action {
  readonly inputs: Readonly<Record<string, { readonly description: string; readonly default: string }>>;
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}

const text = await readFile(path.join(root, "action.yml"), "utf8");
const action = parse(text) as Action;
const scripts = action.runs.steps.flatMap(({ run, ...step }) =>
  run === undefined ? [] : [{ ...step, run }],
);

/** Runs a step's script as GitHub does for `shell: bash`. */
function bash(
  script: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number; readonly out: string }> {
  const { PATH = "", HOME = "" } = process.env;
  const args = ["--noprofile", "--norc", "-eo", "pipefail", "-c", script];
  return new Promise((resolve) => {
    execFile("bash", args, { cwd, env: { PATH, HOME, ...env }, encoding: "utf8" }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out: out + err }),
    );
  });
}

describe("action.yml", () => {
  test("each script is bash, and nothing that a stranger can write is pasted into one", () => {
    expect(action.runs.using).toBe("composite");
    for (const { run, shell } of scripts) {
      expect(shell).toBe("bash");
      expect(run).not.toContain("${{");
      execFileSync("bash", ["-n"], { input: run });
    }
  });

  test("docs/ci.md lists every input, and its workflows are YAML", async () => {
    const page = await readFile(path.join(root, "docs/ci.md"), "utf8");
    for (const name of Object.keys(action.inputs)) expect(page).toContain(`\`${name}\``);
    const workflows = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = ""]) => parse(yaml) as object);
    expect(workflows.length).toBeGreaterThan(2);
    const given = workflows.flatMap(
      (one) => JSON.stringify(one).match(/"OWNER\/rowgate@COMMIT","with":\{"(\w+)"/)?.[1] ?? [],
    );
    for (const name of given) expect(action.inputs).toHaveProperty(name);
  });

  test("every input, step and output that an expression names exists", () => {
    const ids = new Set(action.runs.steps.flatMap(({ id }) => id ?? []));
    for (const [, name = ""] of text.matchAll(/\binputs\.([\w-]+)/g))
      expect(action.inputs).toHaveProperty(name);
    for (const [, id = "", output = ""] of text.matchAll(/\bsteps\.([\w-]+)\.outputs\.([\w-]+)/g)) {
      expect(ids).toContain(id);
      expect(action.runs.steps.find((step) => step.id === id)?.run).toContain(`${output}=`);
    }
    for (const { description, default: value } of Object.values(action.inputs)) {
      expect(description).not.toBe("");
      expect(typeof value).toBe("string");
    }
  });
});

/** A comment, as far as the script reads it. */
interface Comment {
  readonly id: number;
  body: string;
  readonly user: { readonly type: string };
  readonly author_association: string;
}

/** What GitHub's API does with comments, as far as the script asks for it. */
let api: Server;
let stored: Comment[] = [];
let asked: string[] = [];
let forbidden = false;
beforeAll(async () => {
  api = createServer((request, response) => {
    const { method = "", url = "" } = request;
    asked.push(`${method} ${url}`);
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const write = method !== "GET";
      const sent = body === "" ? "" : (JSON.parse(body) as { body: string }).body;
      if (write && (forbidden || sent.length > 65_536)) {
        response.writeHead(forbidden ? 403 : 422).end('{"message":"Resource not\\naccessible"}');
        return;
      }
      const page = Number(/[?&]page=(\d+)/.exec(url)?.[1] ?? 1);
      const id = Number(/comments\/(\d+)$/.exec(url)?.[1]);
      const known = stored.find((one) => one.id === id);
      if (method === "POST")
        stored.push({ id: stored.length + 1, body: sent, user: { type: "Bot" }, author_association: "NONE" });
      if (method === "PATCH" && known !== undefined) known.body = sent;
      response.writeHead(200, { "content-type": "application/json" });
      response.end(
        JSON.stringify(method === "GET" ? stored.slice((page - 1) * 100, page * 100) : (known ?? {})),
      );
    });
  });
  await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
});
beforeEach(() => {
  stored = [];
  asked = [];
  forbidden = false;
});
afterAll(() => api.close());

let project: string;
const outputs = async (): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries(
    (await readFile(path.join(project, "output"), "utf8"))
      .split("\n")
      .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
  );

beforeAll(async () => {
  project = await makeProject({
    "open.sql": "create policy open on public.notes for select to authenticated using (true);",
    output: "",
    "summary.md": "",
  });
  await mkdir(path.join(project, "node_modules/.bin"), { recursive: true });
  // As npm would make it: it sets the bit that makes `dist/cli.js` a program.
  const program = `#!/bin/sh\nexec "${process.execPath}" "${path.join(root, "dist/cli.js")}" "$@"\n`;
  await writeFile(path.join(project, "node_modules/.bin/rowgate"), program, { mode: 0o755 });
});
afterAll(() => removeProject(project));

const step = (id: string): string => scripts.find((one) => one.id === id)?.run ?? "";
const runner = (): Readonly<Record<string, string>> => ({
  RUNNER_TEMP: path.join(project, "temp dir"),
  GITHUB_OUTPUT: path.join(project, "output"),
  GITHUB_STEP_SUMMARY: path.join(project, "summary.md"),
  GITHUB_ACTIONS: "true",
});

test("the steps install, run and report, and the last one ends as the run did", async () => {
  const installed = await bash(step("install"), project, {
    ...runner(),
    ROWGATE_VERSION: "",
    ROWGATE_ACTION: root,
  });
  expect(installed).toMatchObject({ code: 0 });
  const { program = "" } = await outputs();
  const ran = await bash(step("run"), project, {
    ...runner(),
    ROWGATE_PROGRAM: program,
    ROWGATE_MATRICES: "matrices/notes.yaml\n",
    ROWGATE_ARGUMENTS: "--overlay\nopen.sql\n--channel=direct\n--only=ana/*/select",
    ROWGATE_FAIL_ON: "superuser-persona undeclared-function",
  });
  expect(ran.code).toBe(0);
  expect(ran.out).toMatch(/^::error file=open\.sql,line=1/m);
  const { "exit-code": exitCode, reports = "", reported } = await outputs();
  expect({ exitCode, reported }).toEqual({ exitCode: "1", reported: "true" });
  for (const name of ["notes.sarif", "notes.xml", "notes.ctrf.json", "notes.md"])
    expect((await readFile(path.join(reports, name), "utf8")).length).toBeGreaterThan(100);
  expect(await readFile(path.join(project, "summary.md"), "utf8")).toContain(
    "#### LEAK <code>public.notes · select</code>",
  );
  const last = await bash(scripts.at(-1)?.run ?? "", project, { ROWGATE_EXIT_CODE: exitCode ?? "" });
  expect(last.code).toBe(1);
});

describe("the comment", () => {
  const comment = (reports: string, key = "ci/rowgate/"): ReturnType<typeof bash> =>
    bash(scripts.find(({ run }) => run.includes("comment.js"))?.run ?? "", project, {
      GITHUB_API_URL: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
      GITHUB_REPOSITORY: "a/b",
      ROWGATE_ACTION: root,
      ROWGATE_REPORTS: path.join(project, reports),
      ROWGATE_COMMENT_KEY: key,
      ROWGATE_TOKEN: "t",
      ROWGATE_PULL_REQUEST: "7",
    });
  const reports = async (name: string, files: Readonly<Record<string, string>>): Promise<string> => {
    await mkdir(path.join(project, name), { recursive: true });
    for (const [file, body] of Object.entries(files)) await writeFile(path.join(project, name, file), body);
    return name;
  };

  test("is written once and then updated in place; another key has its own", async () => {
    const first = await reports("first", { "a.md": "### ✅ a", "b.md": "### ❌ b", "b.sarif": "{}" });
    expect(await comment(first)).toEqual({ code: 0, out: "" });
    expect(stored.map(({ body }) => body)).toEqual(["<!-- rowgate ci/rowgate/ -->\n### ❌ b\n### ✅ a\n"]);
    expect(await comment(await reports("second", { "a.md": "### ✅ again" }))).toEqual({ code: 0, out: "" });
    expect(stored.map(({ body }) => body)).toEqual(["<!-- rowgate ci/rowgate/ -->\n### ✅ again\n"]);
    await comment(first, "ci/rowgate/staging --> <script>");
    expect(stored).toHaveLength(2);
    expect(stored[1]?.body).toMatch(/^<!-- rowgate ci\/rowgate\/staging [\w ]+ -->\n/);
  });

  test("is found behind a hundred others, and a stranger's with our marker is left alone", async () => {
    const marker = "<!-- rowgate ci/rowgate/ -->\n";
    const stranger: Comment = {
      id: 1,
      body: `${marker}mine`,
      user: { type: "User" },
      author_association: "NONE",
    };
    stored = Array.from({ length: 120 }, (_, index) => ({ ...stranger, id: index + 1, body: "hello" }));
    stored[0] = { ...stranger };
    stored[119] = { ...stranger, id: 120, author_association: "MEMBER" };
    await comment(await reports("third", { "a.md": "### ✅ c" }));
    expect(stored).toHaveLength(120);
    expect(stored[0]?.body).toBe(`${marker}mine`);
    expect(stored[119]?.body).toBe(`${marker}### ✅ c\n`);
    expect(asked.at(-1)).toBe("PATCH /repos/a/b/issues/comments/120");
  });

  test("names the reports that do not fit", async () => {
    const long = `### ❌ x ${"y".repeat(60_000)}`;
    await comment(await reports("long", { "one.md": long, "two.md": long, "three.md": "### ✅ small" }));
    expect(stored).toHaveLength(1);
    expect(stored[0]?.body.length).toBeLessThanOrEqual(65_536);
    expect(stored[0]?.body).toContain("### ✅ small");
    expect(stored[0]?.body).toContain("The reports of two are in the step summary");
  });

  test("that may not be written is a warning in one line, and not the end of the job", async () => {
    forbidden = true;
    const { code, out } = await comment(await reports("fork", { "a.md": "### ✅ a" }));
    expect(code).toBe(0);
    expect(out).toMatch(
      /^::warning title=rowgate::The pull request was not commented on: POST [^\n]*answered 403[^\n]*\n$/,
    );
  });
});
