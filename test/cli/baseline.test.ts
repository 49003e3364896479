import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { latestArchive } from "../../src/archive/chain.ts";
import { readCells, readRun } from "../../src/archive/read.ts";
import path from "node:path";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { rowgate } from "../support/cli.ts";
import { makeProject, notesSql, removeProject } from "./system.ts";

const ana = "10000000-0000-4000-8000-000000000001";
const luis = "10000000-0000-4000-8000-000000000002";

/** What migrations of Supabase projects do, and a plain Postgres refuses. */
const first = `\\restrict abc
set transaction_timeout = 0;
create extension if not exists moddatetime with schema extensions;
comment on extension moddatetime is 'sets a time';
create table public.profiles (
  id uuid primary key references auth.users on delete cascade, name text, code uuid default uuid_generate_v4());
alter table public.profiles enable row level security;
create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.profiles (id, name) values (new.id, new.raw_user_meta_data ->> 'name');
  return new;
end $$;
create trigger on_auth_user_created after insert on auth.users for each row execute function public.handle_new_user();
create policy own on public.profiles for select to authenticated using (id = auth.uid());
alter table storage.objects enable row level security;
create policy "own files" on storage.objects for select to authenticated
  using (bucket_id = 'files' and owner = auth.uid());
create policy "own folder" on storage.objects for insert to authenticated
  with check (bucket_id = 'files' and (storage.foldername(name))[1] = auth.uid()::text);
drop policy if exists "of another time" on storage.objects;
insert into storage.buckets (id, name) values ('files', 'files');
alter table public.profiles owner to postgres;
alter table public.another enable row level security;
\\unrestrict abc
`;
const second = `insert into auth.users (id, email, raw_user_meta_data) values
  ('${ana}', 'ana@a.test', '{"name": "Ana"}'), ('${luis}', 'luis@a.test', '{"name": "Luis"}');
create table public.notes (id int primary key, body text);
alter table public.notes enable row level security;
COPY public.notes (id, body) FROM stdin;
1\ta; b
2\t\\N
\\.
begin;
alter publication supabase_realtime add table public.notes;
commit;
create index concurrently notes_body on public.notes (body);
alter system set wal_level = logical;
-- Without effect on the platform, where the grant is the storage server's: so it must not close anything here.
revoke all on storage.objects from anon;
insert into storage.objects (bucket_id, name, owner) values
  ('files', '${ana}/a.txt', '${ana}'), ('files', '${luis}/b.txt', '${luis}');
`;
const matrix = `matrix: app
policies: ../supabase/migrations
personas:
  anon: { role: anon }
  ana:  { role: authenticated, claims: { sub: ${ana} } }
relations:
  profiles:
    rows: { mine: 'id = :sub' }
    expect: { ana: { select: mine }, anon: { select: { deny: filter } } }
  notes:
    expect: { ana: deny, anon: { select: { deny: grant } } }
  another: { expect: { ana: deny, anon: deny } }
  storage.objects:
    rows: { mine: "bucket_id = 'files' and owner = :sub" }
    expect: { ana: { select: mine }, anon: { select: { deny: filter } } }
`;
/** Three sign-ups: one that a trigger refuses, one with a second factor, one without. */
const signUps = `create table public.profiles (id uuid primary key references auth.users, name text not null);
alter table public.profiles enable row level security;
create function public.handle_new_user() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.profiles (id, name) values (new.id, new.raw_user_meta_data ->> 'name');
  return new;
end $$;
create trigger on_auth_user_created after insert on auth.users for each row execute function public.handle_new_user();
create function public.has_factor() returns boolean language sql stable security definer set search_path = '' as
  $$ select exists (select from auth.mfa_factors f where f.user_id = auth.uid() and f.status = 'verified') $$;
create policy own on public.profiles for select to authenticated using (id = auth.uid() and public.has_factor());
`;
const signUpMatrix = `matrix: users
personas:
  anon: { role: anon }
  ana:  { role: authenticated, claims: { sub: ${ana}, aal: aal2, user_metadata: { name: Ana } } }
  luis: { role: authenticated, claims: { sub: ${luis}, user_metadata: { name: Luis } } }
  none: { role: authenticated, claims: { sub: 10000000-0000-4000-8000-000000000003 } }
relations:
  profiles:
    rows: { mine: 'id = :sub' }
    expect: { ana: { select: mine }, luis: deny, none: deny, anon: deny }
`;
/** A claim of a real token decides. */
const byClaim = (level: string): string =>
  `create table public.at_${level} (id int primary key); insert into public.at_${level} values (1); alter table public.at_${level} enable row level security;
grant select on public.at_${level} to authenticated; create policy p on public.at_${level} for select to authenticated using (auth.jwt() ->> 'aal' = '${level}');
`;

/** One may delete what is one's own. The storage schema's trigger refuses each DELETE of sessions that are not the storage server's. */
const files = `insert into storage.buckets (id, name) values ('files', 'files');
insert into storage.objects (bucket_id, name, owner) values ('files', 'a.txt', '${ana}'), ('files', 'b.txt', '${luis}');
create policy "own files" on storage.objects for select to authenticated using (owner = auth.uid());
create policy "own deletes" on storage.objects for delete to authenticated using (owner = auth.uid());
insert into auth.users (id) values ('${ana}'), ('${luis}');
`;
const filesMatrix = `matrix: files
personas:
  anon: { role: anon }
  ana: { role: authenticated, claims: { sub: ${ana} } }
  luis: { role: authenticated, claims: { sub: ${luis} } }
relations:
  storage.objects:
    rows: { mine: 'owner = :sub' }
    expect: { ana: { select: mine, delete: mine }, luis: { select: mine } }
`;

let project: string;
beforeAll(async () => {
  project = await makeProject({
    "supabase/migrations/20240101000000_first.sql": first,
    "supabase/migrations/20240102000000_second file.sql": second,
    "supabase/migrations/20240101000000_another.sql": "create table public.another (id int primary key);",
    "supabase/migrations/notes.sql": "selekt 1;",
    "matrices/app.yaml": matrix,
    "policies/users/001_profiles.sql": signUps,
    "matrices/users.yaml": signUpMatrix,
    "policies/files/001_files.sql": files,
    "matrices/files.yaml": filesMatrix,
    "policies/claims/001_tables.sql": byClaim("aal1") + byClaim("aal2"),
    "matrices/claims.yaml": `matrix: claims
personas: { ana: { role: authenticated, claims: { sub: ${ana} } } }
relations: { at_aal1: { expect: { ana: deny } }, at_aal2: { expect: { ana: deny } } }
`,
    "matrices/claims-direct.yaml": `matrix: claims-direct
policies: ../policies/claims
channels: [direct]
personas: { ana: { role: authenticated, claims: { sub: ${ana} } } }
relations: { at_aal1: { expect: { ana: deny } }, at_aal2: { expect: { ana: deny } } }
`,
    "broken/001_first.sql": `create table public.a (id int primary key, v vector(3));
create policy p on public.a using (true);
create extension pg_strom with schema extensions;
create table public.b (id int references public.elsewhere);
delete from storage.objects;
create table storage.mine (id int);
select pg_create_logical_replication_slot('x', 'pgoutput');
`,
    "broken/002_second.sql": `create table public.c (id int);\n${notesSql}selekt 1;\n`,
  });
});
afterAll(async () => {
  await removeProject(project);
});

function run(args: readonly string[]) {
  return rowgate(["run", ...args], { cwd: project });
}

async function folderOf(logs: string): Promise<string> {
  const { id = "" } = (await latestArchive(path.join(project, logs))) ?? {};
  return path.join(project, logs, id.slice(0, 8), id);
}

async function latest(logs: string) {
  return readRun(await folderOf(logs));
}

const reads = ["--only", "*/public.profiles/select", "--only", "*/storage.objects/select"];

test("migrations of a Supabase project apply, and what was skipped and imitated is in the record", async () => {
  const { code, out, err } = await run(["matrices/app.yaml", ...reads, "--logs", "whole"]);
  expect(err).not.toContain("rowgate:");
  expect(code, out).toBe(0);
  expect(out.replaceAll(/\s+/g, " ")).toContain(
    "imitated Supabase, default privileges legacy (assumed), 6 statements skipped or noted",
  );
  const { target } = await latest("whole");
  expect(target.baseline?.standIns.map((one) => one.split(" ", 1)[0])).toEqual([
    "auth",
    "storage",
    "realtime",
    "vault",
    "graphql_public.graphql",
  ]);
  expect(
    target.baseline?.skipped.map(
      ({ file, line, statement }) => `${path.basename(file)}:${line} ${statement}`,
    ),
  ).toEqual([
    "notes.sql:1 notes.sql",
    "20240101000000_first.sql:1 20240101000000_first.sql",
    "20240101000000_first.sql:1 \\restrict abc",
    "20240101000000_first.sql:24 \\unrestrict abc",
    "20240101000000_first.sql:15 alter table storage.objects enable row level security",
    "20240102000000_second file.sql:13 alter system set wal_level = logical",
  ]);
  expect(target.baseline?.skipped.every(({ file }) => !path.isAbsolute(file))).toBe(true);
});

test("new tables are exposed by default, and not when the project has switched it off", async () => {
  const only = ["--only", "anon/public.notes/select"];
  expect((await run(["matrices/app.yaml", ...only])).code).toBe(1);
  const off = await run(["matrices/app.yaml", ...only, "--default-privileges", "none", "--logs", "off"]);
  expect(off.code, off.out).toBe(0);
  expect((await latest("off")).target.baseline?.defaultPrivileges).toBe("none");
});

test("personas are users: triggers have run, and a policy that reads their factors tells them apart", async () => {
  const { code, out } = await run([
    "matrices/users.yaml",
    "--only",
    "*/*/select",
    "--proof",
    "rows-at-hand",
    "--logs",
    "users",
  ]);
  expect(code, out).toBe(0);
  const { target } = await latest("users");
  expect(target.baseline?.skipped.map(({ file, line, statement }) => `${file}:${line} ${statement}`)).toEqual(
    ["matrices/users.yaml:6 persona none as a row of auth.users"],
  );
  expect(target.baseline?.skipped[0]?.because).toContain("violates not-null constraint");
});

test.each([
  ["also on a plain Postgres", "matrices/claims.yaml"],
  ["also without a gateway", "matrices/claims-direct.yaml"],
])("a policy that any real token satisfies is open, %s", async (_where, file) => {
  const { code, out } = await run([file, "--baseline", "plain"]);
  expect(code).toBe(1);
  expect(out).toContain("LEAK  public.at_aal1 · select");
  // The same user may sign in with a second factor, and no persona says what is open then.
  expect(out).toContain("INCONCLUSIVE  public.at_aal2 · select");
});

test("everything that cannot be applied is reported at once, with file, line and way out", async () => {
  const { code, err } = await run(["matrices/app.yaml", "--policies", "broken"]);
  expect(code).toBe(2);
  const places = [...err.matchAll(/broken\/(\S+?): /g)].map(([, place]) => place);
  expect(places).toEqual([
    "001_first.sql:1:46",
    "001_first.sql:3:1",
    "001_first.sql:4:1",
    "001_first.sql:6:14",
    "002_second.sql:9:1",
  ]);
  expect(err).toContain(
    "6 of its statements failed: 1 only because others did, 5 for the causes that are listed.",
  );
  expect(err).toContain('extension "pg_strom" is not available');
});

test("--baseline is for the embedded target", async () => {
  const { code, err } = await run(["matrices/app.yaml", "--baseline", "supabase", "--target", "container"]);
  expect(code).toBe(2);
  expect(err).toContain("--baseline is for the embedded target");
});

describe("default privileges of the target that the embedded database stands for", () => {
  /** `notes` is closed by its migration, `bare` by nothing: whether anon reads it is a question of default privileges. */
  const tables = `create table public.notes (id int primary key); revoke all on public.notes from anon, authenticated;
create table public.bare (id int primary key); insert into public.bare values (1);
alter table public.bare enable row level security; create policy all_rows on public.bare for select using (true);
`;
  let own: string;
  let live: EmbeddedServer;
  let env: Readonly<Record<string, string>>;
  beforeAll(async () => {
    own = await makeProject({
      "supabase/migrations/20240101000000_first.sql": tables,
      "matrices/bare.yaml":
        "matrix: bare\npolicies: ../supabase/migrations\npersonas: { anon: { role: anon } }\nrelations: { bare: { expect: { anon: deny } }, notes: { expect: { anon: deny } } }\n",
      "rowgate.yaml":
        "default_privileges: as-captured\ntargets: { live: { posture: production, database: { url: '${DB_URL}' } } }\n",
    });
    live = await startEmbedded({ baseline: "supabase" });
    const { host, port, user, password, database } = await live.createDatabase("live");
    env = { DB_URL: `postgresql://${user}:${password}@${host}:${port}/${database}` };
    const client = new Client({ connectionString: env["DB_URL"] ?? "", ssl: false });
    await client.connect();
    await client.query(`alter default privileges for role postgres in schema public revoke all on tables from anon;
      alter default privileges for role postgres revoke execute on functions from public`);
    await client.end();
  });
  afterAll(async () => {
    await live.stop();
    await removeProject(own);
  });
  const prove = (...args: readonly string[]) =>
    rowgate(["run", "--only", "anon/public.bare/select", ...args], { cwd: own });

  test("are asked for, and have not been captured", async () => {
    const { code, err } = await prove();
    expect(code).toBe(2);
    expect(err).toContain("run `rowgate capture <target>`");
  });

  test("are captured without a write; the database starts with them, and the report says so", async () => {
    const captured = await rowgate(["capture", "live"], { cwd: own, env });
    expect(captured.code, captured.err).toBe(0);
    const { code, out, err } = await prove("--logs", "captured");
    expect(code, out + err).toBe(0);
    expect(out.replaceAll(/\s+/g, " ")).toMatch(/default privileges as-captured \(live, \d{4}-\d\d-\d\d\)/);
    expect(out).not.toContain("stands for");
    const { id = "" } = (await latestArchive(path.join(own, "captured"))) ?? {};
    const { inputs } = await readRun(path.join(own, "captured", id.slice(0, 8), id));
    expect(inputs.map((one) => one.path)).toContain("rowgate.captured.json");
  });

  test("differ from those that were proved: a finding that fails the run", async () => {
    const { code, out } = await prove("--default-privileges", "legacy");
    expect(code).toBe(1);
    const flat = out.replaceAll(/\s+/g, " ");
    expect(flat).toContain(
      "Default privileges here differ from those of the target that this database represents",
    );
    expect(flat).toContain(
      "only here: EXECUTE on new functions of postgres to PUBLIC, INSERT, SELECT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER on new tables of postgres in public to anon",
    );
    expect(flat).not.toContain("only there");
  });
});

test("files are deleted in sessions such as the storage server's, so that its trigger hides no policy", async () => {
  const deletes = ["--only", "*/storage.objects/{delete,blind_delete}", "--escalation", "off"];
  const ended = await run(["matrices/files.yaml", ...deletes, "--logs", "files", "--quiet"]);
  expect(ended.code, ended.out).toBe(1);
  const found: string[] = [];
  for await (const { id, verdict } of readCells(await folderOf("files"))) found.push(`${id} ${verdict}`);
  expect(found.toSorted()).toEqual([
    "ana/storage.objects/blind_delete pass",
    "ana/storage.objects/delete pass",
    "anon/storage.objects/blind_delete pass",
    "anon/storage.objects/delete pass",
    "luis/storage.objects/blind_delete leak",
    "luis/storage.objects/delete leak",
  ]);
});
