import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliResult, rowgate } from "../support/cli.ts";

/** A sign-up trigger with a list of domains, one table whose policies' helper compares an enum with a text, and a sound one. */
const sql = `
create table public.allowed_domains (domain text primary key);
insert into public.allowed_domains values ('*.staff.example'), ('partner.example');
create function public.check_domain() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if not exists (select from public.allowed_domains d
                 where split_part(new.email, '@', 2) ~ ('^' || replace(replace(d.domain, '.', '\\.'), '*', '[a-z]+') || '$')) then
    raise exception 'the domain of % is not in the list', new.email;
  end if;
  return new;
end $$;
create trigger check_domain before insert on auth.users for each row execute function public.check_domain();
create type public.rank as enum ('owner', 'admin');
create table public.members (user_id uuid references auth.users primary key, rank public.rank not null);
create table public.notes (id int generated always as identity primary key, owner uuid not null references auth.users, body text not null);
-- A paper is a user's or a group's, and never both.
create table public.groups (id int primary key, name text not null);
create table public.papers (id int primary key, owner uuid references auth.users, group_id int references public.groups, body text,
  constraint of_one check ((owner is null) <> (group_id is null)));
insert into auth.users (id, aud, role, email) values (gen_random_uuid(), 'authenticated', 'authenticated', 'robot@partner.example');
insert into public.members select id, 'owner' from auth.users;
alter table public.allowed_domains enable row level security;
alter table public.groups enable row level security;
alter table public.papers enable row level security;
create policy own on public.papers for select to authenticated using (owner = (select auth.uid()));
alter table public.members enable row level security;
alter table public.notes enable row level security;
create function public.has_rank(wanted text[]) returns boolean language plpgsql stable security definer set search_path = '' as $$
begin
  return exists (select from public.members m where m.user_id = auth.uid() and m.rank = any (wanted));
end $$;
create policy ranked on public.members to authenticated using (public.has_rank(array['owner']));
create policy own on public.notes to authenticated using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
-- A policy that takes a file's name for a uuid.
insert into storage.buckets (id, name) values ('faces', 'faces');
create function public.face_of(name text) returns uuid language plpgsql stable set search_path = '' as $$
begin
  return replace(storage.filename(name), concat('.', storage.extension(name)), '')::uuid;
end $$;
create policy face on storage.objects for select to authenticated using (bucket_id = 'faces' and public.face_of(name) = auth.uid());
-- A schema that users may use, and that the API does not expose.
create schema internal;
grant usage on schema internal to authenticated;
create table internal.counts (owner uuid references auth.users primary key, count int);
alter table internal.counts enable row level security;
grant select on internal.counts to authenticated;
create policy own on internal.counts for select to authenticated using (owner = auth.uid());
-- A schema that it exposes, and that holds functions alone.
create schema api;
grant usage on schema api to authenticated;
create function api.my_rank() returns text language sql stable security definer set search_path = ''
  as $$ select rank::text from public.members where user_id = auth.uid() $$;
`;
const config = `[api]
schemas = ["public", "graphql_public", "api"]
`;

let folder: string;
let made: CliResult;
let matrix: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "rowgate init "));
  await mkdir(path.join(folder, "supabase/migrations"), { recursive: true });
  await writeFile(path.join(folder, "supabase/migrations/20260101000000_all.sql"), sql);
  await writeFile(path.join(folder, "supabase/config.toml"), config);
  made = await rowgate(["init", "--quiet"], { cwd: folder });
  const name = /next: rowgate run (\S+)/.exec(made.out)?.[1] ?? "";
  matrix = path.join(folder, name);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("users get an address that the sign-up trigger lets in, so that tables about users get rows", async () => {
  expect(made.code, made.err).toBe(0);
  expect(made.out).not.toContain("stays empty");
  const rows = await readFile(
    path.join(folder, "policies", path.basename(matrix, ".yaml"), "900_rowgate_rows.sql"),
    "utf8",
  );
  expect(rows).toContain("owner@a.staff.example");
  expect(await readFile(matrix, "utf8")).toMatch(/notes:.*\n.*own: owner = :sub/);
  expect(await readFile(matrix, "utf8")).toMatch(/papers:.*\n.*own: owner = :sub/);
});

test("no persona is a user whose id the migrations make at random: a later run has another one", async () => {
  const subs = [...(await readFile(matrix, "utf8")).matchAll(/sub: "?([\w-]{36})/g)].map(([, sub]) => sub);
  expect(subs.filter((sub) => sub?.startsWith("10000000-0000-4000-8000-") === false)).toEqual([
    "5ca00000-0000-4000-8000-000000000001",
  ]);
});

test("an error of the SQL is the first question, and a waiver names it: the run passes until it is another", async () => {
  expect(made.out).toMatch(
    /1\. statements about public\.members end in an error: 42883 operator does not exist/,
  );
  expect(await readFile(matrix, "utf8")).toMatch(/deny: true, waive: \{ reason: .*, error: "42883" \}/);
  const args = ["run", matrix, "--channel", "direct", "--only", "*/public.members/*"];
  const passed = await rowgate(args, { cwd: folder });
  expect(passed.code, passed.out + passed.err).toBe(0);
  const text = await readFile(matrix, "utf8");
  await writeFile(matrix, text.replaceAll('error: "42883"', 'error: "42P01"'));
  const failed = await rowgate(args, { cwd: folder });
  expect(failed.code).toBe(2);
  expect(failed.out.replaceAll(/\s+/g, " ")).toContain("covers 42P01 alone");
  await writeFile(matrix, text);
});

test("files are called as policies read their names, so that none of them ends in an error", async () => {
  expect(made.out).not.toContain("storage.objects end in an error");
  expect(await readFile(matrix, "utf8")).not.toMatch(/storage\.objects:(?: .*)?\n(?: {4}.*\n)*.*error: "22/);
});

test("the matrix exposes what config.toml does, and declares what users reach besides", async () => {
  const text = await readFile(matrix, "utf8");
  expect(text).toMatch(/^exposes: \[public, api\]$/m);
  expect(text).toMatch(/api\.my_rank\(\)/);
  expect(text).toMatch(/^ {2}internal\.counts:/m);
  const only = ["--only", "*/internal.counts/select"];
  const run = await rowgate(["run", matrix, ...only, "--json"], { cwd: folder });
  expect(run.code, run.out + run.err).toBe(0);
  expect(run.out).toContain('"direct"');
});
