import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunRecord } from "../../src/model/run.ts";
import { rowgate } from "../support/cli.ts";
import { makeProject, removeProject } from "./system.ts";

const sql = `
do $$ begin
  if not exists (select from pg_roles where rolname = 'plain_app') then create role plain_app login; end if;
end $$;
create table public."Task" ("taskId" text primary key, "userId" text not null);
alter table public."Task" enable row level security;
grant select on public."Task" to plain_app;
create policy own on public."Task" for select to plain_app
  using ("userId" = nullif(current_setting('app.user_id', true), ''));
insert into public."Task" values ('t1', 'o''neil'), ('t2', 'u2');
`;

const matrix = `matrix: plain
channels: [direct]
personas:
  neil:   { login: plain_app, settings: { app.user_id: "o'neil" } }
  nobody: { login: plain_app }
relations:
  Task:
    rows: { own: '"userId" = :settings.app.user_id' }
    expect:
      neil: { select: own }
      nobody: deny
`;

let project: string;
beforeAll(async () => {
  project = await makeProject({
    "matrices/plain.yaml": matrix,
    "policies/plain/010_plain.sql": sql,
    "new-table.sql": "create table public.fresh (id int primary key);",
    "unset.sql": `alter policy own on public."Task" using ("userId" = current_setting('app.user_id', true));`,
    "open.sql": `create policy open on public."Task" for select to plain_app using (true);`,
  });
});
afterAll(async () => {
  await removeProject(project);
});

function record(logs: string): RunRecord {
  const day = path.join(project, logs, readdirSync(path.join(project, logs))[0] ?? "");
  return JSON.parse(readFileSync(path.join(day, readdirSync(day)[0] ?? "", "run.json"), "utf8")) as RunRecord;
}

test("a Postgres without PostgREST passes on the direct channel, and says once that there is no other", async () => {
  const result = await rowgate(["run", "matrices/plain.yaml", "--verbose"], { cwd: project });
  expect(result.out).toContain("PASS");
  expect(result.code).toBe(0);
  expect(result.out.replaceAll(/\s+/g, " ")).toContain("16 cells (direct 16, rest 0)");
  expect(result.out.match(/direct channel only: no PostgREST/g)).toHaveLength(1);
  expect(result.out).toMatch(/Postgres 17\S+, no\s+gateway/);
  expect(result.out).not.toContain("skipped");
  const run = record("logs");
  expect(run.target.rest).toBeUndefined();
  expect(run.counts.byVerdict.pass).toBe(16);
  expect(run.personas[0]).toMatchObject({ login: "plain_app", role: "plain_app" });
});

test("a relation that nobody declared fails by name, without a gateway that could expose it", async () => {
  const result = await rowgate(
    ["run", "matrices/plain.yaml", "--overlay", "new-table.sql", "--logs", "new"],
    {
      cwd: project,
    },
  );
  expect(result.code).toBe(1);
  expect(result.out).toContain("public.fresh");
});

test("a setting that was reset is '', and a row may hold just that", async () => {
  const args = ["run", "matrices/plain.yaml", "--overlay", "unset.sql", "--logs", "unset"];
  const result = await rowgate(args, { cwd: project });
  expect(result.code).toBe(1);
  expect(result.out).toContain("LEAK  public.Task · select: nobody read more than declared");
  expect(result.out).toContain('{"userId":""}');
});

test("a leak shows how to be the persona", async () => {
  const args = ["run", "matrices/plain.yaml", "--overlay", "open.sql", "--logs", "open", "--verbose"];
  const result = await rowgate(args, { cwd: project });
  expect(result.code).toBe(1);
  expect(result.out).toContain("LEAK  neil · public.Task · select");
  expect(result.out).toContain('set local session authorization "plain_app"');
  expect(result.out).toContain("set_config('app.user_id', 'o''neil', true)");
  expect(result.out).toContain('from "public"."Task"');
  expect(result.out).toContain('taskId "t2"');
  expect(result.out).not.toContain("curl");
});

test("--channel rest on it is refused before anything starts", async () => {
  const result = await rowgate(["run", "matrices/plain.yaml", "--channel", "rest"], { cwd: project });
  expect(result.code).toBe(2);
  expect(result.err).toContain("The matrix plain has no rest channel");
  expect(result.err).toContain("matrices/plain.yaml says direct");
});

test("rowgate token says why there is none", async () => {
  const env = { ROWGATE_JWT_SECRET: "a-secret-of-more-than-thirty-two-characters" };
  const result = await rowgate(["token", "neil"], { cwd: project, env });
  expect(result.code).toBe(2);
  expect(result.err).toContain(
    "The persona neil has no token: matrices/plain.yaml speaks to Postgres directly",
  );
  expect(result.err).toContain("log in as plain_app and set app.user_id");
});
