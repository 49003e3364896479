import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliResult, rowgate } from "../support/cli.ts";
import { makeProject, removeProject } from "./system.ts";

// Secrets of a whole run: the server's password, the key that signs, the tokens. They are in no command line, in no output, in no
// archive, and in no file that another user may read.

const key = "a+signing/key=of 'more' \"than\" thirty-two characters";

let project: string;
beforeAll(async () => {
  project = await makeProject({
    "open.sql": "create policy open on public.notes for select to authenticated using (true);",
    "broken.sql": "alter role authenticator connection limit 0;",
  });
});
afterAll(async () => {
  await removeProject(project);
});

/** Command lines of a process and of all that it has started, as anybody's `ps` shows them. */
function commandLines(root: number): readonly string[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((one) => /^\d+$/.test(one))) {
    const stat = read(`/proc/${name}/stat`);
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
  }
  const isBelow = (pid: number): boolean =>
    pid === root || (parents.has(pid) && isBelow(parents.get(pid) ?? 0));
  return [...parents.keys()].filter(isBelow).map((pid) => read(`/proc/${pid}/cmdline`).replaceAll("\0", " "));
}

function read(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

function everyFile(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => path.join(folder, name));
}

const tokenLike = /eyJ[\w-]{5,}\.[\w-]+\.[\w-]+/;

/** What of the secrets stands in a text. */
function secretsIn(text: string, password: string): readonly string[] {
  const spelled = [key, password].flatMap((one) => [
    one,
    JSON.stringify(one).slice(1, -1),
    encodeURIComponent(one),
    Buffer.from(one).toString("base64url"),
  ]);
  return [...spelled.filter((one) => text.includes(one)), ...(tokenLike.exec(text) ?? [])];
}

test.runIf(process.platform === "linux")("a run shows no secret to anybody else", async () => {
  const room = path.join(project, "tmp");
  const logs = path.join(project, "logs");
  mkdirSync(room);
  const seen = new Set<string>();
  const open: string[] = [];
  let password = "";
  const result = await rowgate(["run", "--overlay", "open.sql", "--keep", "--logs", logs], {
    cwd: project,
    env: { TMPDIR: room, ROWGATE_CLUSTERS: "", ROWGATE_JWT_SECRET: key },
    watch: async (child, err) => {
      const kept = (): string | undefined => /:\/\/postgres:([^@]+)@/.exec(err())?.[1];
      while (kept() === undefined && child.exitCode === null) {
        for (const line of commandLines(child.pid ?? 0)) seen.add(line);
        await sleep(15);
      }
      password = kept() ?? "";
      for (const file of everyFile(room)) {
        // Postgres's own files, in a folder that nobody else may enter; its programs, which are everybody's.
        if (/\/(?:data|native)\//.test(file)) continue;
        const { mode } = statSync(file);
        if ((mode & 0o066) !== 0 && !file.endsWith("/native")) open.push(`${file} ${mode.toString(8)}`);
      }
      child.kill("SIGINT");
    },
  });
  expect(result.out, result.err).toContain("LEAK");
  expect(password.length).toBeGreaterThanOrEqual(43);
  // Postgres itself, initdb, the supervisor and the gateway were among them.
  for (const program of ["initdb", "bin/postgres", "supervisor.js", "gateway/main.js"])
    expect([...seen].join("\n")).toContain(program);
  expect([...seen].flatMap((line) => secretsIn(line, password))).toEqual([]);
  expect(open).toEqual([]);

  // `--keep` shows the password of the server that it keeps, to who has asked for that.
  const told = result.err.replace(/postgresql:\/\/\S+/, "");
  expect(secretsIn(`${result.out}\n${told}`, password)).toEqual([]);
  const files = everyFile(logs);
  expect(files.filter((file) => file.endsWith("cells.ndjson"))).toHaveLength(1);
  for (const file of files) {
    expect([file, statSync(file).mode & 0o077]).toEqual([file, 0]);
    // Of a folder nothing is read.
    expect(secretsIn(read(file), password), file).toEqual([]);
  }
});

test("nor does one that fails, as text or as JSON", async () => {
  for (const args of [[], ["--json"]]) {
    const result: CliResult = await rowgate(["run", "--overlay", "broken.sql", ...args], {
      cwd: project,
      env: { ROWGATE_JWT_SECRET: key },
    });
    expect(result.code).toBe(2);
    expect(result.err).toContain("rowgate:");
    expect(secretsIn(`${result.out}\n${result.err}`, key)).toEqual([]);
    expect(result.err).not.toContain("    at ");
  }
});

test("a token lives for minutes", async () => {
  const { out } = await rowgate(["token", "ana"], { cwd: project, env: { ROWGATE_JWT_SECRET: key } });
  const [, payload = ""] = out.trim().split(".");
  const { iat, exp } = JSON.parse(Buffer.from(payload, "base64url").toString()) as {
    iat: number;
    exp: number;
  };
  expect(exp - iat).toBe(300);
});
