import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliResult, rowgate } from "../support/cli.ts";

/** Empty tables: a tenant by membership with admins, rows of an owner, an open table beside a sound one, checks and keys. */
const sql = `
create type public.rank as enum ('junior', 'senior');
create table public.teams (id uuid primary key default gen_random_uuid(), name text not null check (char_length(name) > 2));
create table public.members (
  team_id uuid not null references public.teams, user_id uuid not null, role text not null default 'member' check (role in ('admin', 'member')),
  revoked_at timestamptz, primary key (team_id, user_id));
create table public.docs (
  id bigint generated always as identity primary key, team_id uuid not null references public.teams, title text, slug text unique check (slug ~ '^[a-z]+[0-9]+$'));
create table public.notes (id serial primary key, owner uuid not null, body text not null, rank public.rank not null);
create table public.profiles (id uuid primary key, name text);
create table public.errands (id int primary key, owner uuid not null, body text);
create table public.secrets (id serial primary key, owner uuid not null);
alter table public.teams enable row level security;
alter table public.members enable row level security;
alter table public.docs enable row level security;
alter table public.notes enable row level security;
alter table public.profiles enable row level security;
alter table public.secrets enable row level security;
alter table public.errands enable row level security;
grant select, insert, update, delete on all tables in schema public to authenticated, service_role;
grant usage on all sequences in schema public to authenticated, service_role;
create function public.is_member(t uuid, wanted text default null) returns boolean language sql stable security definer set search_path = ''
  as $$ select exists (select 1 from public.members m
    where m.team_id = t and m.user_id = auth.uid() and m.revoked_at is null and (wanted is null or m.role = wanted)) $$;
-- Functions with their owner's rights: refused by its body, let through, and one that gives every row away.
create function public.my_teams() returns setof uuid language sql stable security definer set search_path = ''
  as $$ select team_id from public.members where user_id = auth.uid() $$;
create function public.admin_only(p_title text) returns void language plpgsql security definer set search_path = '' as $$
begin
  raise insufficient_privilege using message = 'admins only';
end $$;
create function public.find_notes(p_owner uuid) returns setof public.notes language sql stable security definer set search_path = ''
  as $$ select * from public.notes where owner = p_owner $$;
revoke execute on function public.my_teams, public.admin_only, public.find_notes from public, anon;
grant execute on function public.my_teams, public.admin_only, public.find_notes to authenticated;
-- A view that is written through by a trigger, and has no key that the catalogue knows.
create view public.labels with (security_invoker) as select distinct p.id, p.name as label from public.profiles p;
create function public.relabel() returns trigger language plpgsql as $$
begin
  update public.profiles set name = new.label where id = old.id;
  return case when found then new end;
end $$;
create trigger relabel instead of update on public.labels for each row execute function public.relabel();
grant select, update on public.labels to authenticated;
create policy own on public.notes to authenticated using (owner = auth.uid());
create policy own on public.members for select to authenticated using (user_id = (select auth.uid()));
create policy of_team on public.teams for select to authenticated using (public.is_member(id));
create policy of_team on public.docs for select to authenticated using (public.is_member(team_id));
create policy admins on public.docs for delete to authenticated using (exists (
  select 1 from public.members m where m.team_id = docs.team_id and m.user_id = auth.uid() and m.role = 'admin'));
create policy own on public.secrets to authenticated using (owner = auth.uid());
create policy second_factor on public.secrets as restrictive to authenticated using ((select auth.jwt() ->> 'aal') = 'aal2');
-- Rows that may be handed to another user.
create policy own on public.errands for select to authenticated using (owner = auth.uid());
create policy change on public.errands for update to authenticated using (owner = auth.uid()) with check (true);
create policy anyone on public.profiles for select to authenticated using (true);
`;

let folder: string;
let first: CliResult;
let matrix: string;
const file = "matrices/shop.yaml";
const read = (name: string): Promise<string> => readFile(path.join(folder, name), "utf8");

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "rowgate init-"));
  await mkdir(path.join(folder, "policies/shop"), { recursive: true });
  await writeFile(path.join(folder, "policies/shop/010_all.sql"), sql);
  first = await rowgate(["init", "--within", "900"], { cwd: folder });
  matrix = await read(file).catch(() => "");
}, 180_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("rowgate init in a folder with policies and empty tables", () => {
  test("writes the matrix, the rows and the configuration", async () => {
    expect(first).toMatchObject({ code: 0 });
    expect(await read("policies/shop/900_rowgate_rows.sql")).toContain("insert into public.members");
    expect(await read("rowgate.yaml")).toContain("targets:");
  });

  test("its personas are what the policies tell apart", () => {
    const personas = [.../^ {2}(\w+): \{ role: .*$/gm[Symbol.matchAll](matrix)].map((match) => match[1]);
    expect(personas).toEqual(
      expect.arrayContaining([
        "owner",
        "colleague",
        "stranger",
        "both",
        "former",
        "admin",
        "newcomer",
        "service",
      ]),
    );
  });

  test("who signed in with a second factor is a persona where policies ask for it, and its rows are declared", () => {
    expect(matrix).toMatch(/^ {2}owner: .*aal: aal1/m);
    expect(matrix).toMatch(/^ {2}aal2_by_claim: .*aal: aal2/m);
    expect(matrix).toMatch(
      /^ {2}secrets: # \d rows\n(?: {4}.*\n)*? {4}expect: .*aal2_by_claim: \{ observed: true/m,
    );
  });

  test("row sets are the atoms of the policies, in the words of the helper function", () => {
    expect(matrix).toContain("rows: { own: owner = :sub }");
    expect(matrix).toMatch(/is_member: ".*members.*:sub.*"/);
    // Each line by itself waits for a person.
    const lines = matrix
      .split("\n")
      .filter((line) => /: \{ .*(?:allow|deny|select|insert)/.test(line) && !/^ {4}rows:/.test(line));
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) expect(line).toContain("observed: true");
  });

  test("functions with their owner's rights are declared by what a call did", () => {
    const functions = matrix.slice(matrix.indexOf("\nfunctions:\n"));
    expect(functions).toMatch(/public\.my_teams\(\)':\n {4}expect: \{ [^}]*: \{ observed: true, allow: true/);
    expect(functions).toMatch(
      /public\.find_notes\(uuid\)':\n {4}calls: \{ observed: \{ p_owner: [^}]+\} \}\n {4}expect: .*any_argument: allow/,
    );
    expect(functions).toMatch(/public\.admin_only\(text\)/);
    expect(matrix).toContain("authenticated may execute");
  });

  test("a column by which a row is handed to another user is declared, and asked about", () => {
    expect(matrix).toMatch(
      /^ {2}errands: # 5 rows\n(?: {4}.*\n)*? {4}expect: .*update: \{ rows: own, names: \[owner\] \}/m,
    );
    expect(matrix).toMatch(/^# \d+\. .*update public\.errands set owner = .* - intended\?$/m);
  });

  test("a view without a key gets the column by which its rows differ", () => {
    expect(matrix).toMatch(/^ {2}labels: .*\n {4}key: \[id\]$/m);
  });

  test("what anyone who signs in reads is a question at the head, with its line", () => {
    const head = matrix.slice(0, matrix.indexOf("matrix:"));
    expect(head).toMatch(/anyone who signs in reads all \d rows of public\.profiles - intended\?/);
    expect(head).toContain("policies/shop/010_all.sql:");
    expect(head).not.toContain("anyone who signs in reads all 3 rows of public.teams");
    expect(first.out.indexOf("Intended?")).toBe(0);
  });

  test("no relation takes more than six lines, and no cell is waived", () => {
    const relations = matrix
      .slice(matrix.indexOf("relations:\n") + 11, matrix.indexOf("\nfunctions:\n"))
      .split(/^(?= {2}\S)/m);
    for (const one of relations) expect(one.trimEnd().split("\n").length, one).toBeLessThanOrEqual(6);
    // Whether an UPDATE through the view goes on is its trigger's business, and no policy's.
    const byTrigger = 'update: { deny: true, waive: { reason: "inconclusive at rowgate init"';
    for (const one of relations)
      expect(one.startsWith("  labels:") ? one.replace(byTrigger, "") : one).not.toContain("waive");
  });

  test("the matrix runs green at once, and its last line says that it was only observed", async () => {
    const run = await rowgate(["run", file], { cwd: folder });
    expect(run.out).toMatch(/shop on embedded\s+PASS/);
    expect(run.out.replaceAll(/\s+/g, " ")).toContain(
      "observed, not confirmed: an observation is no intention",
    );
    expect(run.code).toBe(0);
  }, 180_000);

  test("a second run adds what is new, and leaves every line that is there", async () => {
    expect(await rowgate(["init"], { cwd: folder })).toMatchObject({
      code: 0,
      out: `${file} declares every relation: nothing is new.\n`,
    });
    expect(await read(file)).toBe(matrix);
    const edited = matrix.replace("  profiles:", "  # ours\n  profiles:");
    await writeFile(path.join(folder, file), edited);
    await writeFile(
      path.join(folder, "policies/shop/020_orders.sql"),
      `create table public.orders (id int primary key, buyer uuid not null, total numeric not null);
alter table public.orders enable row level security;
grant select on public.orders to authenticated;
create policy own on public.orders for select to authenticated using (buyer = auth.uid());`,
    );
    const rows = await read("policies/shop/900_rowgate_rows.sql");
    expect((await rowgate(["init"], { cwd: folder })).code).toBe(0);
    const after = await read(file);
    const [head = "", tail = ""] = edited.split(/(?=^functions:$)/m);
    expect(after.startsWith(head.trimEnd())).toBe(true);
    expect(after.endsWith(tail)).toBe(true);
    expect(after).toMatch(
      /^ {2}orders: # 5 rows\n {4}rows: \{ own: buyer = :sub \}\n {4}expect: .*observed: true/m,
    );
    expect((await read("policies/shop/900_rowgate_rows.sql")).startsWith(rows)).toBe(true);
    const run = await rowgate(["run", file, "--only", "*/public.orders/*"], { cwd: folder });
    expect(run).toMatchObject({ code: 0 });
  }, 240_000);
});
