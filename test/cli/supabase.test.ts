import { execFile } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { latestArchive } from "../../src/archive/chain.ts";
import { readRun } from "../../src/archive/read.ts";
import { rowgate } from "../support/cli.ts";
import { type LocalStack, printed, startStack } from "../support/stack.ts";
import { makeProject, notesSql, removeProject } from "./system.ts";

const root = path.resolve(import.meta.dirname, "../..");
/** Supabase's default privileges give API roles everything on a new table, so that a migration must take it back. */
const closed =
  "revoke all on public.notes from anon, authenticated; grant select, insert, update, delete on public.notes to authenticated; revoke truncate on public.notes from service_role;";

let project: string;
beforeAll(async () => {
  project = await makeProject({ "policies/notes/020_closed.sql": closed, "open/010_notes.sql": notesSql });
  mkdirSync(path.join(project, "bin"));
});
afterAll(async () => {
  await removeProject(project);
});

function file(name: string, text: string): string {
  writeFileSync(path.join(project, name), text);
  return name;
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return rowgate(["run", "matrices/notes.yaml", "--target", "supabase", ...args], { cwd: project, env });
}

async function rows({ database }: LocalStack): Promise<unknown> {
  const client = new Client({ ...database, ssl: false });
  await client.connect();
  try {
    return (await client.query("select xmin, * from public.notes order by id")).rows;
  } finally {
    await client.end();
  }
}

describe("a local stack whose PostgREST undoes what it is asked to undo", () => {
  let stack: LocalStack;
  beforeAll(async () => {
    stack = await startStack(path.join(project, "policies/notes"), "commit-allow-override");
    file("status.env", stack.status);
  });
  afterAll(async () => {
    await stack.stop();
  });

  test("passes on both channels, found in a file, and its secrets are nowhere", async () => {
    const before = await rows(stack);
    const result = await run(["--config", "status.env", "--logs", "from a file"]);
    expect(result.err).not.toContain("rowgate:");
    expect(result.code, result.out).toBe(0);
    expect(result.out).toMatch(/notes on supabase \(staging\) {2}PASS {2}\d+ cells \(direct \d+, rest \d+\)/);
    expect(await rows(stack)).toEqual(before);
    const logs = path.join(project, "from a file");
    const { id = "" } = (await latestArchive(logs)) ?? {};
    const folder = path.join(logs, id.slice(0, 8), id);
    const { target, inputs, gatewayChecks } = await readRun(folder);
    expect(target).toMatchObject({
      name: "supabase",
      posture: "staging",
      rest: { url: stack.values["REST_URL"] },
    });
    expect(gatewayChecks).toMatchObject({ rollbackHonoured: true, tamperedTokenRefused: true });
    expect(inputs.map((one) => one.path)).toEqual(["matrices/notes.yaml"]);
    const written = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), "utf8"));
    const { JWT_SECRET = "", SECRET_KEY = "", SERVICE_ROLE_KEY = "", DB_URL = "" } = stack.values;
    for (const secret of [JWT_SECRET, SECRET_KEY, SERVICE_ROLE_KEY, new URL(DB_URL).password])
      for (const text of [...written, result.out, result.err]) expect(text.includes(secret)).toBe(false);
  });

  test("found on standard input, as the documentation pipes it", async () => {
    const program = path.join(root, "dist/cli.js");
    const out = await new Promise<string>((resolve, reject) => {
      const options = { cwd: project };
      const args = [
        program,
        "run",
        "--target",
        "supabase",
        "--config",
        "-",
        "--logs",
        "from a pipe",
        "--quiet",
      ];
      const child = execFile(process.execPath, args, options, (error, stdout, stderr) =>
        error === null ? resolve(stdout) : reject(new Error(stdout + stderr)),
      );
      child.stdin?.end(`Stopped services: [supabase_vector_x]\n${stack.status}`);
    });
    expect(out).toContain("notes on supabase (staging)  PASS");
  });

  test("found in the environment, and no other variable leads elsewhere", async () => {
    const elsewhere = "postgresql://somebody:secret@db.example.test/live";
    const result = await run(["--quiet", "--logs", "from the environment"], {
      ...stack.values,
      DATABASE_URL: elsewhere,
      SUPABASE_DB_URL: elsewhere,
      SUPABASE_URL: "https://abcdefghijklmnopqrst.supabase.co",
      PGHOST: "db.example.test",
      PGSSLMODE: "verify-full",
      SUPABASE_JWT_SECRET: "that of another project, which is long enough",
    });
    expect(result.code, result.out + result.err).toBe(0);
  });

  test("asked of the CLI where it is on PATH, in the current folder", async () => {
    cli(
      `[ "$*" = "status -o env" ] || exit 9\npwd > asked\ncat "${path.join(project, "status.env")}"\necho "Stopped services: []" >&2`,
    );
    const result = await run(["--quiet", "--logs", "from the CLI"], withCli());
    expect(result.code, result.out + result.err).toBe(0);
    expect(readFileSync(path.join(project, "asked"), "utf8").trim()).toBe(project);
  });

  test("a token for curl is signed with the stack's secret", async () => {
    const args = ["token", "ana", "--target", "supabase", "--config", "status.env"];
    const { out, code } = await rowgate(args, { cwd: project });
    expect(code).toBe(0);
    const { REST_URL = "", PUBLISHABLE_KEY = "" } = stack.values;
    const answer = await fetch(`${REST_URL}/notes?select=id`, {
      headers: { apikey: PUBLISHABLE_KEY, authorization: `Bearer ${out.trim()}` },
    });
    expect(await answer.json()).toEqual([{ id: 1 }]);
  });

  test("no API, as where it is disabled or PostgREST is stopped: told, and not left out", async () => {
    const { DB_URL = "", JWT_SECRET = "" } = stack.values;
    const config = file("no api.env", printed({ DB_URL, JWT_SECRET }));
    const result = await run(["--config", config, "--logs", "no api"]);
    expect(result.code).toBe(2);
    expect(result.err).toContain("speaks to PostgREST, and the target supabase names none");
    expect(result.err).toContain("supabase/config.toml");
    const direct = await run(["--config", config, "--channel", "direct", "--quiet", "--logs", "no api"]);
    expect(direct.code, direct.out + direct.err).toBe(0);
  });

  test("rowgate doctor examines it, and says where its settings came from", async () => {
    const { out, code, err } = await rowgate(["doctor", "supabase", "--config", "status.env"], {
      cwd: project,
    });
    expect(code, out + err).toBe(0);
    expect(out.replaceAll(/\s+/g, " ")).toMatch(
      /supabase \(staging\): 127\.0\.0\.1:.*DB_URL \(status\.env:\d+:1\)/,
    );
  });

  test("another secret than the gateway's: nothing passes on rest, and it is told in one sentence", async () => {
    const other = { ...stack.values, JWT_SECRET: "another-secret-that-is-long-enough-to-be-one" };
    const result = await run(["--config", file("other.env", printed(other)), "--logs", "other"]);
    expect(result.code).toBe(2);
    expect(result.out.replaceAll(/\s+/g, " ")).toContain("JWT secret is not the one that rowgate signs with");
    expect(result.out).not.toMatch(/ {2}PASS {2}/);
  });

  test("a tunnel's end that rowgate.yaml calls production is refused before anything is sent", async () => {
    const port = new URL(stack.values["DB_URL"] ?? "").port;
    const guarded = `production_urls: ['localhost:${port}/*']\ntargets: { any: { posture: staging } }\n`;
    const seen = stack.arrived.length;
    writeFileSync(path.join(project, "rowgate.yaml"), guarded);
    try {
      const result = await run(["--config", "status.env", "--logs", "guarded"]);
      expect(result.code, result.out).toBe(2);
      expect(result.err).toMatch(
        /status\.env:\d+:1: `supabase` has the posture staging, and .* matches production_urls/,
      );
    } finally {
      writeFileSync(path.join(project, "rowgate.yaml"), "targets: {}\n");
    }
    expect(stack.arrived.length).toBe(seen);
    expect(existsSync(path.join(project, "guarded"))).toBe(false);
  });
});

describe("a local stack as it is started: its PostgREST commits", () => {
  let stack: LocalStack;
  beforeAll(async () => {
    stack = await startStack(path.join(project, "policies/notes"), "commit");
    file("commits.env", stack.status);
  });
  afterAll(async () => {
    await stack.stop();
  });

  test("no write is sent through it, none is called proved, and the direct channel proves them", async () => {
    const before = await rows(stack);
    const result = await run(["--config", "commits.env", "--logs", "commits"]);
    expect(result.code, result.out).toBe(1);
    expect(stack.arrived.filter((one) => !/^(GET|HEAD) /.test(one))).toEqual([]);
    expect(await rows(stack)).toEqual(before);
    const { id = "" } = (await latestArchive(path.join(project, "commits"))) ?? {};
    const { counts, gatewayChecks } = await readRun(path.join(project, "commits", id.slice(0, 8), id));
    expect(gatewayChecks?.rollbackHonoured).toBe(false);
    expect(counts.byChannel.rest.inconclusive).toBeGreaterThan(10);
    expect(counts.byChannel.direct).toMatchObject({ inconclusive: 0, leak: 0, error: 0 });
    expect(result.out.replaceAll(/\s+/g, " ")).toContain("commit-allow-override");
    // Nor is anybody led to send one by hand.
    expect(result.out).toContain("reproduce in psql");
    expect(result.out).not.toMatch(/curl .*-X /);
  });
});

test("Supabase's default privileges are there: what a migration does not take back is a leak", async () => {
  const stack = await startStack(path.join(project, "open"), "commit-allow-override");
  try {
    const config = file("open.env", stack.status);
    const result = await run(["--config", config, "--channel", "direct", "--logs", "open"]);
    expect(result.code, result.err).toBe(1);
    expect(result.out).toMatch(/^LEAK {2}public\.notes · truncate: /m);
  } finally {
    await stack.stop();
  }
});

test("fne-lms passes on a local stack", async () => {
  const stack = await startStack(path.join(root, "policies/fne-lms"), "commit-allow-override");
  try {
    mkdirSync(path.join(project, "fne"), { recursive: true });
    copyFileSync(path.join(root, "matrices/fne-lms.yaml"), path.join(project, "fne/fne-lms.yaml"));
    const config = file("fne.env", stack.status);
    const args = ["run", "fne/fne-lms.yaml", "--target", "supabase", "--config", config, "--logs", "fne"];
    const result = await rowgate(args, { cwd: project });
    expect(result.code, result.out + result.err).toBe(0);
    expect(result.out).toMatch(/fne-lms on supabase \(staging\) {2}PASS {2}1,229 cells/);
  } finally {
    await stack.stop();
  }
});

describe("a stack that is not to be had: told, exit 2, nothing written", () => {
  const local = {
    DB_URL: "postgresql://postgres:postgres@127.0.0.1:1/postgres",
    API_URL: "http://127.0.0.1:1",
  };
  const env = (values: Readonly<Record<string, string>>): readonly string[] => [
    "--config",
    file(`${Object.keys(values).join("-")}.env`, printed(values)),
  ];
  test.each<[string, () => readonly string[], readonly RegExp[]]>([
    [
      "no CLI and no environment",
      () => [],
      [/no `supabase` on PATH/, /supabase status -o env \| rowgate run/],
    ],
    [
      "a file that is not there",
      () => ["--config", "none.env"],
      [/Cannot read the stack's status from none\.env/],
    ],
    ["an empty file", () => ["--config", file("empty.env", "\n")], [/from empty\.env: it is empty/]],
    [
      "the status for people",
      () => [
        "--config",
        file("pretty.env", "│ URL │ postgresql://postgres:postgres@127.0.0.1:54322/postgres │\n"),
      ],
      [/pretty\.env holds no DB_URL/, /supabase status -o env/],
    ],
    [
      "another machine's",
      () =>
        env({
          ...local,
          DB_URL: "postgresql://postgres:hidden@db.abcdefghijklmnopqrst.supabase.co:5432/postgres",
        }),
      [/DB_URL of .* leads to db\.abcdefghijklmnopqrst\.supabase\.co/, /rowgate\.yaml/],
    ],
    [
      "another machine's, behind the question mark",
      () => env({ ...local, DB_URL: "postgresql://postgres:hidden@127.0.0.1/postgres?host=db.example.test" }),
      [/DB_URL of .* leads to db\.example\.test/],
    ],
    [
      "another machine's API",
      () => env({ ...local, API_URL: "https://abcdefghijklmnopqrst.supabase.co" }),
      [/API_URL of .* leads to abcdefghijklmnopqrst\.supabase\.co/],
    ],
    [
      "SQL to apply",
      () => [...env(local), "--overlay", "x.sql"],
      [/--overlay is for targets that rowgate starts/],
    ],
  ])("%s", async (_, args, says) => {
    const result = await run(args());
    expect(result.code).toBe(2);
    for (const words of says) expect(result.err).toMatch(words);
    expect(result.err).not.toContain("hidden");
    expect(result.out).toBe("");
    expect(existsSync(path.join(project, "logs"))).toBe(false);
  });

  test("a file of its name that nobody may run is no CLI", async () => {
    cli("exit 0", 0o644);
    const result = await run([], withCli());
    expect(result.code).toBe(2);
    expect(result.err).toContain("no `supabase` on PATH");
  });

  test("the CLI says that none is started: its words are handed on", async () => {
    cli('echo "failed to inspect container health: No such container: supabase_db_shop" >&2; exit 1');
    const result = await run([], withCli());
    expect(result.code).toBe(2);
    expect(result.err).toContain("`supabase status -o env` ended with 1");
    expect(result.err).toContain("No such container: supabase_db_shop");
    expect(result.err).toContain("supabase start");
  });

  test("a rowgate.yaml that calls a target so", async () => {
    const config = file("taken.yaml", "targets:\n  supabase: { posture: staging }\n");
    const result = await rowgate(["run", "matrices/notes.yaml", "--target", "other", "--config", config], {
      cwd: project,
    });
    expect(result.code).toBe(2);
    expect(result.err).toContain(
      "taken.yaml:2:3: `supabase` is the local stack that `supabase start` leaves",
    );
  });
});

/** Stands where the Supabase CLI would: no package registry has its program. */
function cli(script: string, mode = 0o755): void {
  const program = path.join(project, "bin/supabase");
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, mode);
}

function withCli(): Readonly<Record<string, string>> {
  return { PATH: `${path.join(project, "bin")}:${process.env["PATH"] ?? ""}` };
}
