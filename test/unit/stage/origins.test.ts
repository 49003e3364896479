import { expect, test } from "vitest";
import type { SqlOrigin } from "../../../src/model/origin.ts";
import { readOrigins } from "../../../src/stage/apply-sql/origins.ts";

/** Lines of one file are statements; several files are applied in order. */
async function originsIn(...files: readonly (readonly string[])[]): Promise<readonly string[]> {
  const sources = files.map((lines, index) => ({
    path: `${index + 1}`,
    text: lines.join(";\n"),
    sha256: "",
  }));
  return (await readOrigins(sources)).map(shown).toSorted();
}

function shown(one: SqlOrigin): string {
  const object =
    one.arguments === undefined ? `${one.schema}.${one.name}` : `${one.schema}.${one.name}(${one.arguments})`;
  const column = one.column === undefined ? "" : ` (${one.column})`;
  const what: Readonly<Partial<Record<SqlOrigin["kind"], string>>> = {
    schema: one.schema,
    policy: `"${one.name}" on ${one.schema}.${one.table}`,
    option: `"${one.name}" on ${one.schema}.${one.table}`,
    trigger: `"${one.name}" on ${one.schema}.${one.table}`,
    grant: `${one.privilege}${column} on ${one.on} ${object} to ${one.grantee}`,
  };
  return `${one.kind} ${what[one.kind] ?? object}: ${one.file}:${one.line}`;
}

interface Case {
  readonly what: string;
  readonly files: readonly (readonly string[])[];
  readonly origins: readonly string[];
}

const t = "create table t (id int)";

const cases: readonly Case[] = [
  {
    what: "ALTER TABLE says of a table who owns it, and whether its policies apply",
    files: [
      [
        t,
        "alter table t enable row level security, force row level security",
        "alter table t owner to web",
        "create table gone (id int)",
        "alter table gone enable row level security",
        "alter table t no force row level security",
        "alter table t rename to u",
        "drop table gone",
      ],
    ],
    origins: [
      'option "FORCE ROW LEVEL SECURITY" on public.u: 1:6',
      'option "owner" on public.u: 1:3',
      'option "row-level security" on public.u: 1:2',
      "table public.u: 1:1",
    ],
  },
  {
    what: "what CREATE makes",
    files: [
      [
        "create schema s",
        "create table s.t (id int)",
        'create policy "x y" on s.t using (true)',
        "create view s.v as select 1",
        "create materialized view s.m as select 1",
        "create table s.u as select 1",
        "create function s.f(a int, b text[] default '{}', out c int) language sql as 'select 1'",
        "create procedure s.p() language sql as 'select 1'",
        "create trigger g before insert on s.t for each row execute function s.f()",
        "create foreign table s.r (id int) server x",
      ],
    ],
    origins: [
      'policy "x y" on s.t: 1:3',
      'trigger "g" on s.t: 1:9',
      "function s.f(int4, text[]): 1:7",
      "function s.p(): 1:8",
      "materialized view s.m: 1:5",
      "schema s: 1:1",
      "table s.r: 1:10",
      "table s.t: 1:2",
      "table s.u: 1:6",
      "view s.v: 1:4",
    ],
  },
  {
    what: "a later definition of the same object",
    files: [
      [
        t,
        "create policy p on public.t using (true)",
        "create view v as select 1",
        "create function f() returns int language sql as 'select 1'",
      ],
      [
        "alter policy p on t using (false)",
        "create or replace view v as select 2",
        "create or replace function public.f() returns int language sql as 'select 2'",
      ],
    ],
    origins: [
      'policy "p" on public.t: 2:1',
      "function public.f(): 2:3",
      "table public.t: 1:1",
      "view public.v: 2:2",
    ],
  },
  {
    what: "options that decide whose privileges a view or function uses",
    files: [
      ["create view v as select 1", "create function f() returns int language sql as 'select 1'"],
      [
        "alter view v set (security_invoker = on)",
        "alter function f() security definer",
        t,
        "alter table t enable row level security",
      ],
    ],
    origins: [
      "function public.f(): 2:2",
      'option "row-level security" on public.t: 2:4',
      "table public.t: 2:3",
      "view public.v: 2:1",
    ],
  },
  {
    what: "an object that was there already",
    files: [
      [
        t,
        "create table if not exists t (id int)",
        "create schema if not exists s",
        "create schema if not exists s",
      ],
    ],
    origins: ["schema s: 1:3", "table public.t: 1:1"],
  },
  {
    what: "DROP, with what belongs to the object",
    files: [
      [
        t,
        "create policy p on t using (true)",
        "grant select on t to anon",
        "create policy q on t using (true)",
        "drop policy q on t",
      ],
      [
        "create table u (id int)",
        "create policy p on u using (true)",
        "drop table if exists public.u, gone cascade",
      ],
      [
        "create view v as select 1",
        "drop view v",
        "create schema s",
        "create table s.t (id int)",
        "drop schema s cascade",
      ],
    ],
    origins: [
      'policy "p" on public.t: 1:2',
      "grant select on table public.t to anon: 1:3",
      "table public.t: 1:1",
    ],
  },
  {
    what: "functions of the same name",
    files: [
      [
        "create function f(int) returns int language sql as 'select 1'",
        "create function f(bigint, text) returns int language sql as 'select 1'",
        "grant execute on function f(int8, text) to anon",
        "drop function f(integer)",
      ],
    ],
    origins: [
      "function public.f(int8, text): 1:2",
      "grant execute on function public.f(int8, text) to anon: 1:3",
    ],
  },
  {
    what: "what was renamed or moved",
    files: [
      [
        t,
        "create policy p on t using (true)",
        "grant select on t to anon",
        "alter policy p on t rename to q",
        "alter table t rename to u",
        "create schema s",
        "alter table u set schema s",
      ],
    ],
    origins: [
      'policy "q" on s.u: 1:2',
      "grant select on table s.u to anon: 1:3",
      "schema s: 1:6",
      "table s.u: 1:1",
    ],
  },
  {
    what: "grants and what REVOKE leaves of them",
    files: [
      [
        t,
        "grant all on t to anon",
        "revoke insert, update, delete, truncate, references, trigger, maintain on t from anon",
        "grant select (id, x), update on t to public, joe",
        "revoke select on t from joe",
        "grant usage on schema public to anon",
        "grant usage on sequence q to anon",
      ],
    ],
    origins: [
      "grant select (id) on table public.t to public: 1:4",
      "grant select (x) on table public.t to public: 1:4",
      "grant select on table public.t to anon: 1:2",
      "grant update on table public.t to joe: 1:4",
      "grant update on table public.t to public: 1:4",
      "grant usage on schema public.public to anon: 1:6",
      "grant usage on sequence public.q to anon: 1:7",
      "table public.t: 1:1",
    ],
  },
  {
    what: "grants on all tables of a schema, and default privileges",
    files: [
      [
        t,
        "grant select on all tables in schema public to anon",
        "alter default privileges in schema public grant insert on tables to joe",
        "create view v as select 1",
        "create schema s",
        "create table s.w (id int)",
        "alter default privileges in schema public revoke insert on tables from joe",
        "create table y (id int)",
      ],
    ],
    origins: [
      "grant insert on table public.v to joe: 1:3",
      "grant select on table public.t to anon: 1:2",
      "schema s: 1:5",
      "table public.t: 1:1",
      "table public.y: 1:8",
      "table s.w: 1:6",
      "view public.v: 1:4",
    ],
  },
  {
    what: "search_path, which ends with its file",
    files: [
      [
        "set search_path to s, public",
        "create table a (id int)",
        "create table public.b (id int)",
        "create policy p on b using (true)",
        "reset search_path",
        "create table c (id int)",
        "set search_path to s",
      ],
      ["create table d (id int)"],
    ],
    origins: [
      'policy "p" on public.b: 1:4',
      "table public.b: 1:3",
      "table public.c: 1:6",
      "table public.d: 2:1",
      "table s.a: 1:2",
    ],
  },
  {
    what: "objects inside CREATE SCHEMA",
    files: [["create schema s create table a (id int) create view v as select 1", "create table b (id int)"]],
    origins: ["schema s: 1:1", "table public.b: 1:2", "table s.a: 1:1", "view s.v: 1:1"],
  },
  {
    what: "a ROLLBACK",
    files: [
      [
        t,
        "commit",
        "begin",
        "create table u (id int)",
        "drop table t",
        "rollback",
        "create table w (id int)",
      ],
    ],
    origins: ["table public.t: 1:1", "table public.w: 1:7"],
  },
  {
    what: "text that the parser cannot read",
    files: [["create tabel t (id int)"], [t]],
    origins: ["table public.t: 2:1"],
  },
];

test.each(cases)("origins: $what", async ({ files, origins }) => {
  expect(await originsIn(...files)).toEqual([...origins].toSorted());
});

test("lines are those of the statement itself, not of the comments before it", async () => {
  const text = "-- é;\n\n/* ; */ create table t (\n  id int\n); create policy p\n on t using (true);\n";
  const origins = await readOrigins([{ path: "010_t.sql", text, sha256: "" }]);
  expect(origins).toMatchObject([
    { kind: "table", name: "t", line: 3, lastLine: 5 },
    { kind: "policy", name: "p", file: "010_t.sql", line: 5, lastLine: 6 },
  ]);
});
