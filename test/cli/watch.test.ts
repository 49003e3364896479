import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { rowgate } from "../support/cli.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "rowgate-test-watch-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As editors save: another file is put in its place. */
function save(name: string, text: string): void {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.tmp`, text);
  renameSync(`${file}.tmp`, file);
}

const ana = "11111111-1111-4111-8111-111111111111";
const matrix = (extra = ""): string => `matrix: team
personas:
  anon: { role: anon }
  ana: { role: authenticated, claims: { sub: ${ana} } }
relations:
  notes:
    rows: { mine: owner = :sub }
    expect: { ana: { select: mine } }
  tags: { expect: { ana: { select: allow } } }
  lists: { expect: { ana: { select: allow } } }
${extra}`;
const tables = `create table notes (id int primary key, owner uuid);
create table tags (id int primary key);
create table lists (id int primary key);
alter table notes enable row level security;
alter table lists enable row level security;
insert into notes values (1, '${ana}'), (2, null);
insert into tags values (1);
insert into lists values (1);
grant select on notes, tags, lists to authenticated;
`;
const access = (
  notes: string,
): string => `create policy read on notes for select to authenticated using (${notes});
create policy read on lists for select to authenticated using (exists (select from tags));
`;

/** Waits for texts that a watch writes. */
function reader(
  child: ChildProcess,
  err: () => string,
): (text: RegExp, of?: () => string) => Promise<string> {
  let out = "";
  child.stdout?.on("data", (chunk: Buffer) => (out += chunk.toString()));
  /** What is written until the text has come, from where the last look ended. */
  let seen = 0;
  return async (text, of = () => out) => {
    for (;;) {
      const fresh = of === err ? of() : of().slice(seen);
      if (text.test(fresh)) {
        if (of !== err) seen = out.length;
        return fresh;
      }
      if (child.exitCode !== null) throw new Error(`it ended: ${out}${err()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
}

test("a save is followed by the verdicts of what it touches, and a mistake by its place", async () => {
  save("matrices/team.yaml", matrix());
  save("policies/team/010_tables.sql", tables);
  save("policies/team/020_access.sql", access("owner = auth.uid()"));
  const ended = await rowgate(["watch", "matrices/team.yaml"], {
    cwd: folder,
    watch: async (child, err) => {
      const until = reader(child, err);
      await until(/^PASS .*\n/m);

      // A policy that opens: the cells of its relation alone.
      save("policies/team/020_access.sql", access("true"));
      const opened = await until(/FAILED .*\n/);
      expect(opened).toContain("rebuilt from policies/team/020_access.sql: `public.notes`\n");
      expect(opened).toMatch(/^LEAK ana · public\.notes · select: .*\(matrices\/team\.yaml:8:\d+\)$/m);

      // The matrix says so, in one line: its cell alone.
      save(
        "matrices/team.yaml",
        matrix()
          .replace("{ select: mine }", "{ select: allow }")
          .replace("rows: { mine: owner = :sub }\n    ", ""),
      );
      expect(await until(/PASS .*\n/)).toMatch(/^PASS \d+ of \d+ cells passed/m);

      // A syntax error in the SQL, and in the matrix: the place, and the watch goes on.
      save(
        "policies/team/020_access.sql",
        "create policy read on notes for select to authenticated using (true);\ncreate polic;\n",
      );
      await until(/policies\/team\/020_access\.sql:2:8: .*\n[^]*Waiting for the next save/, err);
      save("policies/team/020_access.sql", access("true"));
      save("matrices/team.yaml", matrix("  other: { expect: { anna: deny } }\n"));
      await until(/matrices\/team\.yaml:11:\d+: `anna` is neither a persona nor a group[^]*Waiting/, err);

      // Back to what was declared: the leak is there again, of one cell.
      save("matrices/team.yaml", matrix());
      expect(await until(/FAILED .*\n/)).toMatch(/^LEAK ana · public\.notes/m);

      // A row of a table that the policy of another one reads.
      save("policies/team/020_access.sql", `${access("owner = auth.uid()")}delete from tags;\n`);
      const rows = await until(/FAILED .*\n/);
      expect(rows).toContain("`public.tags`");
      expect(rows).toMatch(/public\.lists · select/);

      // A role belongs to the server: everything is built and proved anew.
      save("policies/team/020_access.sql", `create role clerk;\n${access("owner = auth.uid()")}`);
      expect(await until(/PASS .*\n/)).toContain("every cell\n");
      child.kill("SIGINT");
    },
  });
  expect(ended.err).not.toContain("defect of rowgate");
  expect([ended.code, ended.signal]).toEqual([130, null]);
}, 120_000);

/** What a Supabase project's migrations do: a sign-up makes a profile, and files have policies of their own. */
const project = `create table public.profiles (id uuid primary key references auth.users, at timestamptz not null default now());
create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.profiles (id) values (new.id);
  return new;
end $$;
create trigger on_auth_user_created after insert on auth.users for each row execute function public.handle_new_user();
alter table public.profiles enable row level security;
create policy own on public.profiles for select to authenticated using (id = auth.uid());
create table public.notes (id int primary key, owner uuid references auth.users, body text);
alter table public.notes enable row level security;
create policy files on storage.objects for select to authenticated using (owner = auth.uid());
`;
const projectAccess = (notes: string): string =>
  `create policy read on public.notes for select to authenticated using (${notes});
insert into public.notes values (1, null, 'a');
`;

test("a Supabase project: each save of a policy proves the cells of its relation alone", async () => {
  save("app/supabase/migrations/20240101000000_tables.sql", project);
  save("app/supabase/migrations/20240102000000_access.sql", projectAccess("owner = auth.uid()"));
  save(
    "app/matrices/app.yaml",
    `matrix: app
policies: ../supabase/migrations
personas:
  ana: { role: authenticated, claims: { sub: ${ana} } }
relations:
  profiles: { expect: { ana: { select: { rows: id = :sub } } } }
  notes: { expect: { ana: { select: { rows: owner = :sub } } } }
`,
  );
  const ended = await rowgate(["watch", "matrices/app.yaml", "--proof", "rows-at-hand"], {
    cwd: path.join(folder, "app"),
    watch: async (child, err) => {
      const until = reader(child, err);
      await until(/(?:PASS|FAILED) .*all after.*\n/);
      save("app/supabase/migrations/20240102000000_access.sql", projectAccess("true"));
      const opened = await until(/FAILED .*all after.*\n/);
      expect(opened).toContain(
        "rebuilt from supabase/migrations/20240102000000_access.sql: `public.notes`\n",
      );
      expect(opened).toMatch(/^LEAK ana · public\.notes · select: /m);
      child.kill("SIGINT");
    },
  });
  expect(ended.err).not.toContain("rowgate:");
  expect([ended.code, ended.signal]).toEqual([130, null]);
}, 120_000);
