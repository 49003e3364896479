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
alter table public.teams enable row level security;
alter table public.members enable row level security;
alter table public.docs enable row level security;
alter table public.notes enable row level security;
alter table public.profiles enable row level security;
grant select, insert, update, delete on all tables in schema public to authenticated, service_role;
grant usage on all sequences in schema public to authenticated, service_role;
create function public.is_member(t uuid) returns boolean language sql stable security definer set search_path = ''
  as $$ select exists (select 1 from public.members m where m.team_id = t and m.user_id = auth.uid() and m.revoked_at is null) $$;
create policy own on public.notes to authenticated using (owner = auth.uid());
create policy own on public.members for select to authenticated using (user_id = (select auth.uid()));
create policy of_team on public.teams for select to authenticated using (public.is_member(id));
create policy of_team on public.docs for select to authenticated using (public.is_member(team_id));
create policy admins on public.docs for delete to authenticated using (exists (
  select 1 from public.members m where m.team_id = docs.team_id and m.user_id = auth.uid() and m.role = 'admin'));
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
  first = await rowgate(["init"], { cwd: folder });
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

  test("row sets are the atoms of the policies, in the words of the helper function", () => {
    expect(matrix).toContain("rows: { own: owner = :sub }");
    expect(matrix).toMatch(/is_member: ".*members.*:sub.*"/);
    expect(matrix.match(/^ +(?:\w+: \{ )?observed: true/gm)).toHaveLength(5);
  });

  test("what anyone who signs in reads is a question at the head, with its line", () => {
    const head = matrix.slice(0, matrix.indexOf("matrix:"));
    expect(head).toMatch(/anyone who signs in reads all \d rows of public\.profiles - intended\?/);
    expect(head).toContain("policies/shop/010_all.sql:");
    expect(head).not.toContain("anyone who signs in reads all 3 rows of public.teams");
    expect(first.out.indexOf("Intended?")).toBe(0);
  });

  test("no relation takes more than six lines, and no cell is waived", () => {
    const relations = matrix.slice(matrix.indexOf("relations:\n") + 11).split(/^(?= {2}\S)/m);
    for (const one of relations) expect(one.trimEnd().split("\n").length, one).toBeLessThanOrEqual(6);
    expect(matrix).not.toContain("waive");
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
    expect(after.startsWith(edited.trimEnd())).toBe(true);
    expect(after).toMatch(/^ {2}orders: # 5 rows\n {4}observed: true\n {4}rows: \{ own: buyer = :sub \}$/m);
    expect((await read("policies/shop/900_rowgate_rows.sql")).startsWith(rows)).toBe(true);
    const run = await rowgate(["run", file, "--only", "*/public.orders/*"], { cwd: folder });
    expect(run).toMatchObject({ code: 0 });
  }, 240_000);
});
