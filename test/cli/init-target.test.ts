import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { applySystemSql } from "../../src/stage/system.ts";
import { type CliResult, rowgate } from "../support/cli.ts";
import { makeProject, notesSql, removeProject } from "./system.ts";

/** A database that runs already, beside its flaw: `open` shows every row to anyone who signs in. `empty` has no row. */
const sql = `${notesSql}
create table public.open (id int primary key, owner uuid);
create table public.empty (id int primary key, owner uuid);
alter table public.open enable row level security;
alter table public.empty enable row level security;
revoke all on public.open, public.empty from anon;
grant select, insert, update, delete on public.open, public.empty to authenticated;
create policy anyone on public.open for select to authenticated using (true);
create policy own on public.empty to authenticated using (owner = auth.uid());
insert into public.open values (1, '10000000-0000-4000-8000-000000000001'), (2, null);
do $$ begin create role onlooker login password 'p' nobypassrls; exception when duplicate_object then null; end $$;
`;

let live: EmbeddedServer;
let project: string;
let env: Readonly<Record<string, string>>;
beforeAll(async () => {
  project = await makeProject({
    "sql/010_all.sql": sql,
    "rowgate.yaml": `targets:
  staging: { posture: staging, database: { url: '\${DB_URL}' } }
  live:    { posture: production, database: { url: '\${LIVE_URL}' } }
  low:     { posture: staging, database: { url: '\${LOW_URL}' } }
`,
  });
  live = await startEmbedded({});
  const urls = [];
  for (const name of ["staged", "live"]) {
    const database = await live.createDatabase(name);
    const policies = path.join(project, "sql");
    await applySystemSql(database, { policies, overlays: [], baseline: { name: "plain" } });
    const { host, port, user, password } = database;
    urls.push(
      (who = user, secret = password) => `postgresql://${who}:${secret}@${host}:${port}/${database.database}`,
    );
  }
  const [staged, production] = urls;
  env = {
    DB_URL: staged?.() ?? "",
    LOW_URL: staged?.("onlooker", "p") ?? "",
    LIVE_URL: production?.() ?? "",
  };
});
afterAll(async () => {
  await live.stop();
  await removeProject(project);
});

const at = (args: readonly string[]): Promise<CliResult> => rowgate(args, { cwd: project, env });

/** What the database holds. */
async function fingerprint(url: string): Promise<unknown> {
  const client = new Client({ connectionString: env[url] ?? "", ssl: false });
  await client.connect();
  const { rows } = await client.query(
    "select (select json_agg(n order by id) from public.notes n) as notes, (select json_agg(o order by id) from public.open o) as open",
  );
  await client.end();
  return rows;
}

describe("a database that runs already", () => {
  test("init writes its matrix by the rows that are there, makes none, and the run on it is green", async () => {
    const before = await fingerprint("DB_URL");
    const config = await readFile(path.join(project, "rowgate.yaml"), "utf8");
    const { code, out, err } = await at(["init", "--target", "staging", "--within", "900"]);
    expect(code, err).toBe(0);
    expect(out).toContain("anyone who signs in reads all 2 rows of public.open");
    expect(out).not.toContain("900_rowgate_rows.sql");
    expect(out).toContain("next: rowgate run matrices/staging.yaml --target staging\n");
    const matrix = await readFile(path.join(project, "matrices/staging.yaml"), "utf8");
    expect(matrix).not.toMatch(/^(?:policies|seed):/m);
    expect(matrix).toMatch(/^channels: \[direct\]$/m);
    expect(matrix).toMatch(/^ {2}open: # 2 rows$/m);
    expect(await readFile(path.join(project, "rowgate.yaml"), "utf8")).toBe(config);
    const run = await at(["run", "matrices/staging.yaml", "--target", "staging"]);
    expect(run.code, run.out + run.err).toBe(0);
    expect(await fingerprint("DB_URL")).toEqual(before);
  });

  test("a second run of init finds nothing new; with a table more it adds that table alone", async () => {
    const file = path.join(project, "matrices/staging.yaml");
    const before = await readFile(file, "utf8");
    const again = await at(["init", "--target", "staging"]);
    expect(again.out).toContain("nothing is new");
    expect(await readFile(file, "utf8")).toBe(before);
  });

  test("production: it is read only, and what was not tried is not written as observed", async () => {
    const before = await fingerprint("LIVE_URL");
    const { code, err } = await at(["init", "--target", "live"]);
    expect(code, err).toBe(0);
    const matrix = await readFile(path.join(project, "matrices/live.yaml"), "utf8");
    expect(matrix).not.toContain("skipped");
    expect(matrix).not.toMatch(/\b(?:insert|update|delete):/);
    const scan = await at(["scan", "--target", "live"]);
    expect(scan.code, scan.err).toBe(0);
    expect(scan.out).toContain("anyone who signs in reads all 2 rows of public.open");
    expect(await fingerprint("LIVE_URL")).toEqual(before);
  });

  test.each([
    { args: ["init", "--target", "low"], says: "permission denied for table" },
    { args: ["init", "--target", "low"], says: "alter role <login> bypassrls; grant pg_read_all_data" },
    { args: ["scan", "--target", "low"], says: "permission denied for table" },
    { args: ["init", "--target", "nowhere"], says: "nowhere" },
    {
      args: ["init", "sql", "--target", "staging"],
      says: "A folder of SQL is for targets that rowgate starts",
    },
  ])("$args: an error that says what to do, and no file", async ({ args, says }) => {
    const { code, err } = await at(args);
    expect(code).toBe(2);
    expect(err).toContain(says);
    expect(existsSync(path.join(project, "matrices/low.yaml"))).toBe(false);
  });
});

/** Folders that are no system, and what is said of each. */
const refused: readonly {
  readonly what: string;
  readonly files: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly says: readonly string[];
}[] = [
  {
    what: "no SQL at all",
    files: {},
    says: ["no supabase/ and no policies/<name>", "rowgate init path/to/supabase"],
  },
  { what: "a folder that is not there", files: {}, args: ["nowhere"], says: ["There is no folder nowhere."] },
  { what: "a folder without SQL", files: { "policies/a/readme.md": "" }, says: ["no SQL", "policies/a"] },
  {
    what: "two folders",
    files: { "policies/a/010_a.sql": "select 1;", "policies/b/010_b.sql": "select 1;" },
    says: ["there are several: policies/a, policies/b"],
  },
  {
    what: "SQL that grants nothing",
    files: {
      "policies/a/010_a.sql":
        "create table public.t (id int); revoke all on public.t from public, anon, authenticated, service_role;",
    },
    says: ["there is nothing to declare", "check that the SQL was applied"],
  },
  {
    what: "a file where the folder of matrices would be",
    files: { "policies/a/010_a.sql": "create table public.t (id int);", matrices: "" },
    says: [
      "rowgate init cannot write matrices/a.yaml: matrices is a file, and no folder",
      "that you may write to",
    ],
  },
  {
    what: "a file where the folder of rows would be",
    files: { "db/010_a.sql": "create table public.t (id int);", policies: "" },
    args: ["db"],
    says: ["900_rowgate_rows.sql: policies is a file, and no folder"],
  },
  {
    what: "SQL that does not apply",
    files: { "policies/a/010_a.sql": "create table public.t (id int);\nselekt;" },
    says: ["policies/a/010_a.sql:2:1"],
  },
  {
    what: "a matrix that holds mistakes",
    files: {
      "policies/a/010_a.sql": "create table public.t (id int);",
      "matrices/a.yaml": "matrix: a\npersonas: {}\nrelatons: {}",
    },
    says: ["matrices/a.yaml:3:1"],
  },
];

describe("rowgate init refuses, and writes nothing", () => {
  test.each(refused)("$what", async ({ files, args = [], says }) => {
    const cwd = await makeProject();
    try {
      for (const name of ["matrices", "policies"]) await removeProject(path.join(cwd, name));
      for (const [name, text] of Object.entries(files)) {
        await mkdir(path.dirname(path.join(cwd, name)), { recursive: true });
        await writeFile(path.join(cwd, name), text);
      }
      const before = await readdir(cwd, { recursive: true });
      const { code, err } = await rowgate(["init", ...args], { cwd });
      expect(code, err).toBe(2);
      for (const one of says) expect(err).toContain(one);
      expect(await readdir(cwd, { recursive: true })).toEqual(before);
    } finally {
      await removeProject(cwd);
    }
  });
});
