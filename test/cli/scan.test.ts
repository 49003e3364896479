import { mkdir, mkdtemp, chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliResult, rowgate } from "../support/cli.ts";

/** Each leak beside its sound twin; `drafts` and `archive` are empty. */
const sql = `
create table public.members (org int, user_id uuid, role text not null, primary key (org, user_id));
create table public.profiles (id uuid primary key, name text);
create table public.notes (id int primary key, owner uuid not null, org int not null, body text);
create table public.drafts (id int primary key, owner uuid not null);
create table public.archive (id int primary key, owner uuid not null);
create table public.secrets (id int primary key);
create table public.admin_drafts (id int primary key);
alter table public.members enable row level security;
alter table public.profiles enable row level security;
alter table public.notes enable row level security;
alter table public.drafts enable row level security;
alter table public.archive enable row level security;
alter table public.secrets enable row level security;
alter table public.admin_drafts enable row level security;
grant select, insert, update, delete on public.members, public.profiles, public.notes, public.drafts, public.archive
  to anon, authenticated, service_role;
create function public.is_admin(o int) returns boolean language sql stable security definer set search_path = ''
  as $$ select exists (select 1 from public.members m where m.org = o and m.user_id = auth.uid() and m.role = 'admin') $$;
create policy own on public.members for select to authenticated using (user_id = (select auth.uid()));
create policy open_to_all on public.profiles for select using (true);
create policy own on public.profiles for update to authenticated using (id = auth.uid()) with check (id = auth.uid());
create policy own on public.notes for select to authenticated using (owner = auth.uid());
create policy admins on public.notes for select to authenticated using (public.is_admin(org));
create policy open_to_all on public.drafts for select using (true);
create policy by_claim on public.admin_drafts for select using ((auth.jwt() ->> 'staff') = 'yes');
create policy nobody on public.archive for select using (false);
create policy payers on public.archive for select using ((auth.jwt() -> 'app_metadata' ->> 'plan') in ('pro'));
insert into public.members values
  (1, '10000000-0000-4000-8000-000000000001', 'admin'), (1, '10000000-0000-4000-8000-000000000002', 'member'),
  (1, '10000000-0000-4000-8000-000000000003', 'member');
insert into public.profiles select user_id, role from public.members;
insert into public.notes values
  (1, '10000000-0000-4000-8000-000000000002', 1, 'a'), (2, '10000000-0000-4000-8000-000000000003', 1, 'b');
`;

interface Scan {
  readonly personas: readonly { readonly name: string; readonly standing: string; readonly is: string }[];
  readonly relations: readonly {
    readonly relation: string;
    readonly rows: number;
    readonly personas: Readonly<Record<string, Readonly<Record<string, { readonly access: unknown }>>>>;
  }[];
  readonly questions: readonly {
    readonly operation: string;
    readonly persona: { readonly name: string };
    readonly places: readonly {
      readonly relation: string;
      readonly cause?: { readonly policies?: readonly { readonly origin?: string }[] };
    }[];
  }[];
}

describe("rowgate scan", () => {
  let folder: string;
  let text: CliResult;
  let json: Scan;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "rowgate scan "));
    await chmod(folder, 0o755);
    await mkdir(path.join(folder, "supabase/migrations"), { recursive: true });
    await writeFile(path.join(folder, "supabase/migrations/010_all.sql"), sql);
    text = await rowgate(["scan"], { cwd: folder });
    const args = ["scan", "supabase/migrations", "--json", "--report", "html=map.html"];
    const { out } = await rowgate(args, { cwd: folder });
    json = JSON.parse(out) as Scan;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const access = (relation: string, persona: string, operation: string): unknown =>
    json.relations.find((one) => one.relation === relation)?.personas[persona]?.[operation]?.access;
  const named = (what: string): string => json.personas.find(({ is }) => is.includes(what))?.name ?? "?";

  test("its users are the classes that policies and their functions tell apart", () => {
    expect(json.personas.map(({ name, standing }) => `${name} ${standing}`)).toEqual([
      "anon no-token",
      "newcomer unknown-user",
      "user_1 user",
      "user_2 user",
      "claim_1 user",
      "claim_2 user",
      "service above",
    ]);
    expect(json.personas[2]?.is).toBe(
      "in members.user_id (role member), notes.owner, profiles.id, like 1 more",
    );
    expect(json.personas[3]?.is).toBe("in members.user_id (role admin), profiles.id");
  });

  test("a relation open to anybody, and its sound twin", () => {
    expect(access("public.profiles", "anon", "select")).toMatchObject({
      kind: "rows",
      rows: 3,
      of: 3,
      sample: false,
    });
    expect(access("public.profiles", "anon", "update")).toEqual({ kind: "none" });
    expect(access("public.notes", "anon", "select")).toEqual({ kind: "none" });
    expect(access("public.notes", "newcomer", "delete")).toEqual({ kind: "none" });
  });

  test("what a newcomer could change once a row names it is no question", () => {
    expect(access("public.profiles", "newcomer", "update")).toEqual({ kind: "possible", own: true });
    expect(access("public.notes", "newcomer", "select")).toEqual({ kind: "possible", own: true });
  });

  test("rows of a user's own, and all rows by what a helper function grants", () => {
    expect(access("public.notes", named("role member"), "select")).toMatchObject({
      kind: "rows",
      rows: 1,
      of: 2,
      sample: false,
    });
    expect(access("public.notes", named("role admin"), "select")).toMatchObject({
      kind: "rows",
      rows: 2,
      of: 2,
      sample: false,
    });
    expect(access("public.profiles", named("role member"), "update")).toMatchObject({
      kind: "rows",
      rows: 1,
      of: 3,
      sample: false,
    });
  });

  test("an empty relation shows what could be there, and its twin that nothing could", () => {
    expect(access("public.drafts", "anon", "select")).toEqual({ kind: "possible", own: false });
    expect(access("public.archive", "service", "select")).toEqual({ kind: "possible", own: false });
    expect(access("public.archive", "anon", "select")).toEqual({ kind: "none" });
  });

  test("a claim that policies ask for has a persona, where it is nested too", () => {
    expect(named("the claim staff yes")).toBe("claim_1");
    expect(named("the claim app_metadata.plan pro")).toBe("claim_2");
    expect(access("public.admin_drafts", "claim_1", "select")).toEqual({ kind: "possible", own: false });
    expect(access("public.admin_drafts", "claim_2", "select")).toEqual({ kind: "none" });
    expect(access("public.admin_drafts", "newcomer", "select")).toEqual({ kind: "none" });
    expect(access("public.archive", "claim_2", "select")).toEqual({ kind: "possible", own: false });
    expect(access("public.archive", "newcomer", "select")).toEqual({ kind: "none" });
  });

  test("the widest access comes first, with the line that gives it", () => {
    expect(json.relations[0]?.relation).toBe("public.profiles");
    expect(
      json.questions.map(
        ({ operation, persona, places: [place] }) => `${persona.name} ${operation} ${place?.relation}`,
      ),
    ).toEqual([
      "anon select public.profiles",
      "anon select public.drafts",
      `${named("role admin")} select public.notes`,
    ]);
    expect(json.questions[0]?.places[0]?.cause?.policies?.[0]?.origin).toBe(
      "supabase/migrations/010_all.sql:21",
    );
  });

  test("the terminal shows the questions first, then the map; nothing is written and nothing is judged", async () => {
    expect(text.code).toBe(0);
    expect(text.out).toMatch(
      /^Intended\?\n {2}1\. anyone, without a token, reads all 3 rows of public\.profiles\n/,
    );
    expect(text.out).toContain("supabase/migrations/010_all.sql:21");
    expect(text.out).toMatch(/public\.profiles +3 +3 · · · /);
    const flat = text.out.replaceAll(/\s+/g, " ");
    expect(flat).toContain("would read rows of public.drafts that are not there now");
    expect(flat).toContain("1 relation closed to all but the system's own roles");
    expect(text.out).not.toMatch(/PASS|LEAK/);
    expect(await readdir(folder, { recursive: true })).toHaveLength(4);
  });

  test("as a page: no program, nothing loaded, the policy of the content says so", async () => {
    const page = await readFile(path.join(folder, "map.html"), "utf8");
    expect(page).toMatch(/Content-Security-Policy" content="default-src 'none'; style-src 'sha256-/);
    expect(page).not.toContain("<script");
    expect(page).toContain("anyone, without a token, reads all 3 rows of public.profiles");
    expect(page.indexOf(">public.profiles<")).toBeLessThan(page.indexOf(">public.secrets<"));
    await rm(path.join(folder, "map.html"));
  });

  test.each([
    { args: ["scan", "--report", "pdf=map.pdf"], says: "a scan is reported as html=<file>" },
    { args: ["scan", "nowhere"], says: "There is no folder nowhere." },
    {
      args: ["scan", "supabase/migrations", "--target", "staging"],
      says: "A folder of SQL is for targets that rowgate starts",
    },
  ])("$args: an error that says what to do", async ({ args, says }) => {
    const { code, err } = await rowgate(args, { cwd: folder });
    expect(code).toBe(2);
    expect(err).toContain(says);
    expect(err).toMatch(/\n {2}(name the folder|rowgate scan|for example)/);
  });
});
