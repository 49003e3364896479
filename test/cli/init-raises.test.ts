import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliResult, rowgate } from "../support/cli.ts";

/** Policies that refuse by raising, with a code of their own and without, and one that does not. */
const sql = `
create function public.assert_mine(owner uuid, code text) returns boolean language plpgsql stable set search_path = '' as $$
begin
  if owner is distinct from auth.uid() then raise exception 'not yours' using errcode = code; end if;
  return true;
end $$;
create table public.invoices (id int primary key, owner uuid not null, total int);
create table public.payouts (id int primary key, owner uuid not null, total int);
create table public.notes (id int primary key, owner uuid not null, body text);
alter table public.invoices enable row level security;
alter table public.payouts enable row level security;
alter table public.notes enable row level security;
grant select, update on public.invoices, public.payouts, public.notes to authenticated;
create policy own on public.invoices to authenticated using (public.assert_mine(owner, 'PT403'));
create policy own on public.payouts for select to authenticated using (public.assert_mine(owner, 'P0001'));
create policy own on public.notes to authenticated using (owner = auth.uid());
-- A trigger refuses, and no policy: of its code nothing is said.
create table public.seals (id int primary key, owner uuid not null);
create function public.keep() returns trigger language plpgsql as $$ begin raise exception 'a seal stays'; end $$;
create trigger keep before delete or update on public.seals for each row execute function public.keep();
create trigger keep_all before truncate on public.seals execute function public.keep();
alter table public.seals enable row level security;
grant select, update, delete, truncate on public.seals to authenticated, service_role;
create policy own on public.seals to authenticated using (owner = auth.uid());
insert into public.seals values (1, '10000000-0000-4000-8000-000000000001'), (2, '10000000-0000-4000-8000-000000000002');
insert into public.invoices values (1, '10000000-0000-4000-8000-000000000001', 1), (2, '10000000-0000-4000-8000-000000000002', 2);
insert into public.payouts values (1, '10000000-0000-4000-8000-000000000001', 1), (2, '10000000-0000-4000-8000-000000000002', 2);
`;

let folder: string;
let first: CliResult;
let matrix: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "rowgate init-"));
  await mkdir(path.join(folder, "policies/shop"), { recursive: true });
  await writeFile(path.join(folder, "policies/shop/010_all.sql"), sql);
  first = await rowgate(["init", "--within", "900"], { cwd: folder });
  matrix = await readFile(path.join(folder, "matrices/shop.yaml"), "utf8").catch(() => "");
}, 180_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([
  { relation: "invoices", raises: "PT403" },
  { relation: "payouts", raises: "P0001" },
])("what policies of $relation refuse by raising is declared, as observed", ({ relation, raises }) => {
  expect(first).toMatchObject({ code: 0 });
  expect(matrix).toMatch(
    new RegExp(
      `^ {2}${relation}:.*\\n {4}raises: \\[${raises}\\] # observed\\n(?: {4}.*\\n)* {4}expect: `,
      "m",
    ),
  );
});

test("a table whose policy does not raise has no such line, nor one whose trigger does", () => {
  expect(matrix.match(/raises:/g)).toHaveLength(2);
});

test("it runs green at once", async () => {
  const run = await rowgate(["run"], { cwd: folder });
  expect(run.out + run.err).toContain("PASS");
  expect(run.code).toBe(0);
}, 120_000);
