import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliResult, rowgate } from "../support/cli.ts";

/** A sign-up that asks for a handle, users whose ids are others each time, and what is read through views and asked of functions. */
const sql = `
create table public.accounts (id uuid primary key references auth.users on delete cascade, handle text not null unique);
create function public.register() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.accounts (id, handle) values (new.id, new.raw_user_meta_data ->> 'handle');
  return new;
end $$;
create trigger register after insert on auth.users for each row execute function public.register();
insert into auth.users (id, aud, role, email, raw_user_meta_data)
select gen_random_uuid(), 'authenticated', 'authenticated', name || '@b.test', jsonb_build_object('handle', name) from unnest(array['ana', 'luis']) name;
create table public.teams (id int primary key, name text not null);
insert into public.teams values (1, 'a red'), (2, 'blue');
create table public.members (team_id int not null references public.teams, member uuid not null references public.accounts, level text not null default 'member');
insert into public.members (team_id, member) select 1, id from public.accounts;
create table public.tokens (id int primary key, owner uuid not null references auth.users, suffix text not null check (length(suffix) = 4));
create function public.caller_address() returns inet language sql stable as $$
  select (current_setting('request.headers', true)::json ->> 'x-forwarded-for')::inet $$;
create table public.visits (id int primary key, owner uuid not null references auth.users, address inet not null default public.caller_address());
create table public.staff (user_id uuid primary key references auth.users, since int);
create table public.notices (id int primary key, owner uuid not null references auth.users, body text);
alter table public.accounts enable row level security;
alter table public.teams enable row level security;
alter table public.members enable row level security;
alter table public.tokens enable row level security;
alter table public.visits enable row level security;
alter table public.staff enable row level security;
alter table public.notices enable row level security;
revoke all on all tables in schema public from anon, authenticated;
grant select on public.accounts, public.members, public.tokens, public.visits, public.staff, public.notices to authenticated;
grant delete on public.members to authenticated;
create policy own on public.accounts for select to authenticated using (id = auth.uid());
create policy own on public.members to authenticated using (member = auth.uid());
create policy own on public.tokens for select to authenticated using (owner = auth.uid());
create policy own on public.visits for select to authenticated using (owner = auth.uid());
-- Nobody may read public.staff, so that its part of this lets nobody through.
create policy own_or_staff on public.notices for select to authenticated
  using (exists (select from public.staff s where s.user_id = auth.uid()) or owner = auth.uid());
create view public.membership with (security_invoker) as select team_id, member, level from public.members;
grant select, delete on public.membership to authenticated;
create view public.cards with (security_invoker) as select a.id, a.handle, m.team_id from public.accounts a left join public.members m on m.member = a.id;
revoke all on public.cards, public.membership from anon;
revoke all on public.cards from authenticated;
grant select on public.cards to authenticated;
create function public.roster(p_team_id int) returns setof text language plpgsql stable security definer set search_path = '' as $$
begin
  if not exists (select from public.members m where m.team_id = p_team_id and m.member = auth.uid()) then raise exception 'members only'; end if;
  return query select a.handle from public.accounts a join public.members m on m.member = a.id where m.team_id = p_team_id;
end $$;
revoke execute on function public.roster from public, anon;
`;

let folder: string;
let first: CliResult;
let matrix: string;
let rows: string;
const read = (name: string): Promise<string> => readFile(path.join(folder, name), "utf8").catch(() => "");
const entry = (name: string): string =>
  new RegExp(`^ {2}${name}:.*\\n(?: {4}.*\\n)*`, "m").exec(matrix)?.[0] ?? "";

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "rowgate init-"));
  await mkdir(path.join(folder, "supabase/migrations"), { recursive: true });
  await writeFile(path.join(folder, "package.json"), '{ "name": "shop" }');
  await writeFile(path.join(folder, "supabase/migrations/20260101000000_all.sql"), sql);
  first = await rowgate(["init", "--within", "900"], { cwd: folder });
  matrix = await read("matrices/shop.yaml");
  rows = await read("policies/shop/900_rowgate_rows.sql");
}, 300_000);
afterAll(() => (process.env["KEEP"] ? undefined : rm(folder, { recursive: true, force: true })));

describe("users", () => {
  test("bring what the sign-up's trigger reads of their metadata", () => {
    expect(first).toMatchObject({ code: 0 });
    expect(rows).toContain('{"handle":"owner"}');
    expect(matrix).toMatch(/newcomer: .*user_metadata: \{ handle: newcomer \}/);
  });

  test("are ours, beside those whose ids the SQL makes at random", () => {
    expect(matrix).toMatch(/^ {2}owner: /m);
    expect(matrix).toMatch(/^ {2}stranger: /m);
    expect(rows).toMatch(/^insert into public\.members /m);
  });
});

test.each(["tokens", "visits"])("%s gets rows, as its check and its default ask for", (table) => {
  expect(rows).toMatch(new RegExp(`^insert into public\\.${table} `, "m"));
});

test("of what two policies let through by OR, the part is declared that does", () => {
  expect(entry("notices")).toMatch(/rows: \{ own: owner = :sub \}/);
});

describe("a view that is read with the rights of who asks", () => {
  test("is declared by the policies of the table behind it", () => {
    expect(entry("cards")).toMatch(/select: own/);
    expect(entry("membership")).toMatch(/select: own, delete: own|'\*': own|delete: own/);
  });

  test("gets two columns as its key, where none is one by itself", () => {
    expect(entry("membership")).toContain("key: [team_id, member]");
  });
});

test("what a function's body refuses by raising is declared", () => {
  expect(entry("'public.roster\\(integer\\)'")).toContain("raises: [P0001] # observed");
});

test("nothing is waived, and it runs green at once", async () => {
  expect(matrix).not.toMatch(/waive: \{ reason/);
  const run = await rowgate(["run"], { cwd: folder });
  expect(run.out + run.err).toContain("PASS");
  expect(run.code).toBe(0);
}, 180_000);
