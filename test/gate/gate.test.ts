import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GateRecord, gateExitCode, powerText } from "../../src/model/gate.ts";
import { gateMarkdown } from "../../src/report/gate-markdown.ts";
import { missingYaml } from "../../src/report/missing-yaml.ts";
import { notesMatrix } from "../cli/system.ts";
import { type GateProject, openGateProject, shown } from "./project.ts";

/** Everything that gates are tried on: one database for all of them, since nothing of a migration stays. */
const moreSql = `
create table public.news (id int primary key, body text, draft boolean not null default false);
alter table public.news enable row level security;
grant select (id, body) on public.news to authenticated;
grant select on public.news to service_role;
create policy published on public.news for select to authenticated using (not draft);
insert into public.news values (1, 'out', false), (2, 'not yet', true);
create function public.is_ana() returns boolean language sql stable as
$$ select auth.uid() = '10000000-0000-4000-8000-000000000001' $$;
revoke execute on function public.is_ana() from public;
`;
const newsMatrix = `  news:
    rows: { published: not draft }
    expect:
      anon: { '*': { deny: grant } }
      ana: { select: published, '*': deny }
      service: { select: allow, '*': deny }
`;

let project: GateProject;
beforeAll(async () => {
  project = await openGateProject(`${notesMatrix}${newsMatrix}`, moreSql);
});
afterAll(async () => {
  await project?.[Symbol.asyncDispose]();
});

async function gated(sql: string, more = "", requireComplete = true): Promise<GateRecord> {
  return project.gated(sql, more, { requireComplete });
}

/** Migration → what is gained and lost on SELECT, and whether it is stopped. */
const migrations: readonly {
  readonly title: string;
  readonly sql: string;
  /** Appended to the matrix. */
  readonly matrix?: string;
  readonly select: readonly string[];
  readonly stops: boolean;
}[] = [
  {
    title: "renames, indexes and comments change no access",
    sql: `alter table public.news rename column body to text;
      create index concurrently on public.notes (owner);
      comment on table public.notes is 'x';
      alter policy own on public.notes rename to their_own;`,
    select: [],
    stops: false,
  },
  {
    title: "a policy that shows drafts: the statement among others is found",
    sql: `comment on table public.news is 'first';\ncomment on table public.notes is 'second';
create policy drafts on public.news for select to authenticated using (draft);
comment on table public.news is 'last';`,
    select: ["▲ ana select public.news, 1→2, line 3, not declared"],
    stops: true,
  },
  {
    title: "a table that the matrix does not name, granted after it was created",
    sql: `create table public.leads (id int primary key);\ninsert into public.leads values (1);
grant select on public.leads to anon;\ncomment on table public.leads is 'x';`,
    select: ["▲ anon select public.leads, -→1, line 3, not declared"],
    stops: true,
  },
  {
    title: "the same table, as a matrix that names it says",
    sql: `create table public.leads (id int primary key);\ninsert into public.leads values (1);
grant select on public.leads to anon;`,
    matrix: `  leads: { expect: { anon: { select: allow, '*': deny }, ana: deny, service: deny } }\n`,
    select: ["▲ anon select public.leads, -→1, line 3, declared"],
    stops: false,
  },
  {
    title: "rows that come after the policy which opens them: the policy is behind it, not the rows",
    sql: `create table public.leads (id int primary key);\nalter table public.leads enable row level security;
grant select on public.leads to authenticated;
create policy own on public.leads for select to authenticated using (id < 0);
create policy everything on public.leads for select to authenticated using (true);
create policy nobody on public.leads for select to authenticated using (false);
insert into public.leads values (1);\ninsert into public.leads values (2);`,
    select: ["▲ ana select public.leads, -→2, line 5, not declared, with the rows of line 8"],
    stops: true,
  },
  {
    title: "rows that a policy already looks for: they are behind it",
    sql: `comment on schema public is 'x';\nupdate public.news set draft = false where id = 2;
alter policy published on public.news using (not draft and id > 0);`,
    select: ["▲ ana select public.news, 1→2, line 2, not declared"],
    stops: true,
  },
  {
    title: "a column that was withheld",
    sql: "grant select (draft) on public.news to authenticated;",
    select: ["▲ ana select public.news, privilege, line 1, not declared"],
    stops: true,
  },
  {
    title:
      "a column that is new, in a table of which not every column is granted, and one where every column is",
    sql: `alter table public.notes add column colour text;
alter table public.news add column author text;
grant select (author) on public.news to authenticated;`,
    select: ["▲ ana select public.news, privilege, line 3, not declared"],
    stops: true,
  },
  {
    title: "a policy less is a loss, and the matrix says otherwise",
    sql: "drop policy own on public.notes;",
    select: ["▼ ana select public.notes, 1→0, line 1, lost"],
    stops: true,
  },
  {
    title: "more rows are more data, where as many as before are out of reach",
    sql: "insert into public.news values (3, 'new', false);",
    select: [],
    stops: false,
  },
  {
    title: "a role that passes every policy",
    sql: "alter role authenticated bypassrls;",
    select: [
      "▲ ana select public.news, 1→2, line 1, not declared",
      "▲ ana select public.notes, 1→2, line 1, not declared",
    ],
    stops: true,
  },
];

test.each(migrations)("$title", async ({ sql, matrix = "", select, stops }) => {
  const record = await gated(sql, matrix);
  expect(
    shown(record)
      .filter((one) => one.includes(" select "))
      .toSorted(),
  ).toEqual(select);
  expect(gateExitCode(record)).toBe(stops ? 1 : 0);
});

test("default privileges: who could use a table that comes after them, though no table is there", async () => {
  const record = await gated(
    "comment on schema public is 'x';\nalter default privileges in schema public grant select on tables to anon;",
  );
  expect(shown(record)).toEqual([]);
  expect(record.future).toEqual([
    {
      object: "table",
      schema: "public",
      owner: project.server.database.user,
      role: "anon",
      gained: ["select"],
      lost: [],
      statement: 1,
    },
  ]);
});

test("a SECURITY DEFINER function that returns rows to everybody is a finding of its statement", async () => {
  const record = await gated(
    `comment on schema public is 'x';
create function public.everything() returns setof public.notes language sql security definer as 'select * from public.notes';`,
  );
  expect(record.findings.map(({ finding, statement }) => [finding.kind, statement])).toEqual([
    ["undeclared-definer", 1],
  ]);
});

test("a function that anybody may call is to be declared too, unless completeness is not asked for; the report prints what to paste", async () => {
  const sql = "create function public.add(a int, b int) returns int language sql as 'select a + b';";
  const record = await gated(sql);
  expect(record.findings.map(({ finding }) => finding.kind)).toEqual(["undeclared-function"]);
  expect(missingYaml(record.findings.map(({ finding }) => finding))).toMatch(
    /^functions:\n {2}"public\.add\(integer,integer\)": \{ expect: \{ '\*': deny \} \} # callable by anon, authenticated/m,
  );
  expect((await gated(sql, "", false)).findings).toEqual([]);
});

function waiverOfAdd(expires: string): string {
  return `waive:\n  "add(int,int)": { reason: adds, expires: ${expires} }\n`;
}

function ofFunctions({ findings }: GateRecord): readonly unknown[] {
  return findings.flatMap(({ finding, before }) =>
    "function" in finding || finding.kind === "waiver-expired" ? [[finding.kind, before]] : [],
  );
}

test("a function that the matrix waives is no finding, until the day is over", async () => {
  const sql = "create function public.add(a int, b int) returns int language sql as 'select a + b';";
  expect(ofFunctions(await gated(sql, waiverOfAdd("2126-01-01")))).toEqual([]);
  const over = await gated(sql, waiverOfAdd("2026-01-01"));
  expect([ofFunctions(over), gateExitCode(over)]).toEqual([[["waiver-expired", true]], 1]);
  expect(gateMarkdown(over)).toContain("#### Waivers that have expired");
});

function waiversOfChanges(expires: string): string {
  return [
    "authenticated is a member of auditor",
    "authenticator is a member of auditor",
    "default of public.notes.owner",
  ]
    .map((one) => `  "gate: ${one}": { reason: read, expires: ${expires} }\n`)
    .join("");
}

function stopsOf({ powers, sideWrites, findings }: GateRecord): readonly unknown[] {
  return [
    powers.map(powerText),
    sideWrites.map(({ by }) => by),
    findings.filter(({ finding }) => finding.kind === "waiver-expired").length,
  ];
}

test("a new power and a default that writes are waived as the gate prints them, until the day is over", async () => {
  const sql = `create role auditor nologin;\ngrant auditor to authenticated;
alter table public.notes alter column owner set default '10000000-0000-4000-8000-000000000002';`;
  expect(stopsOf(await gated(sql, `waive:\n${waiversOfChanges("2126-01-01")}`))).toEqual([[], [], 0]);
  const [powers, code, expired] = stopsOf(await gated(sql, `waive:\n${waiversOfChanges("2026-01-01")}`));
  expect(powers).toContain("authenticated is a member of auditor");
  expect([code, expired]).toEqual([["default of public.notes.owner"], 3]);
});

test("what a trigger's function writes is not compared, until the matrix waives it", async () => {
  const sql = `create function public.copy() returns trigger language plpgsql security definer set search_path = '' as
$$ begin insert into public.news values (9, new.body, false); return new; end $$;
create trigger copy after insert on public.notes for each row execute function public.copy();`;
  const record = await gated(sql);
  expect(record.sideWrites.map(({ by, writes, statement }) => [by, writes, statement])).toEqual([
    ["trigger copy on public.notes", ["public.news"], 1],
  ]);
  expect(gateExitCode(record)).toBe(1);
  expect(gateMarkdown(record)).toContain("#### New or changed code that writes: not compared");
  const waived = await gated(sql, `waive:\n  "copy()": { reason: read, expires: 2126-01-01 }\n`);
  expect([waived.sideWrites, gateExitCode(waived)]).toEqual([[], 0]);
});

test("a comment for a pull request names the statement, and is never longer than GitHub takes", async () => {
  const record = await gated(
    "create policy drafts on public.news for select to authenticated using (draft);",
  );
  const comment = gateMarkdown(record);
  expect(comment).toContain("### ❌ rowgate gate: notes");
  expect(comment).toMatch(
    /\| ana \| select <code>public\.news<\/code> \| 1 of 2 rows → 2 of 2 rows \|.*<code>migration\.sql:1<\/code>/,
  );
  const [gain] = record.gained;
  const many = Array.from({ length: 5000 }, (_, index) => ({
    ...gain,
    persona: `p${index}`,
    relation: `t${index}`,
  }));
  const long = gateMarkdown({ ...record, gained: many as GateRecord["gained"] });
  expect(long.length).toBeLessThanOrEqual(65_536);
  expect(long).toMatch(/lines are not shown/);
});

test("a lock that another session holds is not waited for: the statement is named, and what to do", async () => {
  await gated("select 1;");
  const other = new Client({ ...project.server.database, database: "gated" });
  await other.connect();
  try {
    await other.query("begin; lock table public.news in share mode");
    await expect(gated("select 1;\nalter table public.news add column a int;")).rejects.toMatchObject({
      message: expect.stringMatching(/lock timeout \[55P03\]/) as string,
      at: { file: "migration.sql", line: 2 },
      hint: expect.stringMatching(/another session holds a lock/) as string,
    });
  } finally {
    await other.end();
  }
});

test("a statement that fails is named with file, line, SQLSTATE and what is missing; the next gate finds the database as it was", async () => {
  await expect(
    gated("comment on schema public is 'x';\n\nalter table public.not_there add column a int;"),
  ).rejects.toMatchObject({
    code: "sql/statement",
    message:
      /statement 2 \(alter table public\.not_there.*relation "public\.not_there" does not exist \[42P01\]/,
    at: { file: "migration.sql", line: 3 },
  });
  expect(shown(await gated("select 1"))).toEqual([]);
});
