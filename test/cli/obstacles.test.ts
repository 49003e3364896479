import path from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { IssuesError } from "../../src/model/errors.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { applySystemSql } from "../../src/stage/system.ts";
import { makeProject, removeProject } from "./system.ts";

interface Obstacle {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  /** A query that answers `true` where the SQL has done what it says. */
  readonly holds: string;
  /** What is said of statements that were not run as written: `file:line` and the beginning of the reason. */
  readonly said?: readonly string[];
  /** What a Postgres without the platform answers to it: the obstacle is one. */
  readonly plain: string;
}

/** What stops a Supabase project's migrations on a plain Postgres, each by itself. */
const obstacles: readonly Obstacle[] = [
  {
    name: "schemas of the platform's services",
    files: {
      "1_a.sql": `insert into storage.buckets (id, name, public) values ('a', 'a', false);
create policy own on storage.objects for select to authenticated using ((storage.foldername(name))[1] = auth.uid()::text);
create policy listen on realtime.messages for select to authenticated using (realtime.topic() = auth.uid()::text);
select vault.create_secret('s3cret', 'key');
create table public.t (id uuid default extensions.gen_random_uuid());`,
    },
    holds: "select count(*) = 2 from pg_policies where schemaname in ('storage', 'realtime')",
    plain: "42P01",
  },
  {
    name: "columns of auth.users and its tables",
    files: {
      "1_a.sql": `create view public.people as
  select id, email, phone, raw_user_meta_data, raw_app_meta_data, is_anonymous, last_sign_in_at, email_confirmed_at, confirmed_at, banned_until
  from auth.users;
create function public.factors() returns bigint language sql as
  $$ select count(*) from auth.mfa_factors f join auth.sessions s using (user_id) join auth.identities i using (user_id) $$;`,
    },
    holds: "select public.factors() = 0",
    plain: "42703",
  },
  {
    name: "roles of the platform",
    files: {
      "1_a.sql": `create table public.t (id int);
grant select on public.t to supabase_auth_admin, authenticator, supabase_storage_admin;
alter default privileges for role postgres in schema public revoke all on tables from anon;`,
    },
    holds: "select has_table_privilege('supabase_auth_admin', 'public.t', 'select')",
    plain: "42704",
  },
  {
    name: "settings that only the platform's owner of a project may give to roles",
    files: {
      "1_a.sql": `alter role authenticator set pgrst.db_schemas = 'public, api';
alter role anon set pgrst.db_aggregates_enabled = 'true';
alter role authenticator reset pgrst.db_schemas;
alter role service_role set pgaudit.log to 'none';
create table public.t (id int);
grant all on public.t to dashboard_user;`,
    },
    holds:
      "select count(*) = 2 from pg_db_role_setting s, unnest(s.setconfig) c where c in ('pgrst.db_aggregates_enabled=true', 'pgaudit.log=none')",
    plain: "42704",
  },
  {
    name: "the publication",
    files: {
      "1_a.sql": "create table public.t (id int primary key);",
      "2_b.sql": "alter publication supabase_realtime add table public.t;",
    },
    holds: "select exists (select from pg_publication_tables where tablename = 't')",
    plain: "42704",
  },
  {
    name: "an extension that Postgres lacks, and an index that only it could build",
    files: {
      "1_a.sql": `create extension vector with schema extensions;
create extension pg_cron;
create table public.t (id int, embedding extensions.vector(3));
create index t_embedding on public.t using hnsw (embedding extensions.vector_cosine_ops);
select cron.schedule('nightly', '0 0 * * *', 'select 1');`,
    },
    holds: "select count(*) = 1 from cron.job",
    said: ["1_a.sql:4 an index that"],
    plain: "0A000",
  },
  {
    name: "wal_level and a replication slot",
    files: {
      "1_a.sql": `alter system set wal_level = logical;
select pg_create_logical_replication_slot('slot', 'pgoutput');
create table public.t ();`,
    },
    holds: "select to_regclass('public.t') is not null",
    said: ["1_a.sql:1 a setting of the server", "1_a.sql:2 a replication slot,"],
    plain: "55000",
  },
  {
    name: "numbers that are the same, and a file without one",
    files: {
      "20240101000000_b.sql": "create table public.t (id int);",
      "20240101000000_c.sql": "alter table public.t add more int;",
      "notes.sql": "selekt;",
    },
    holds: "select count(*) = 2 from pg_attribute where attrelid = 'public.t'::regclass and attnum > 0",
    said: [
      "notes.sql:1 its name has no number",
      "20240101000000_c.sql:1 applied after 20240101000000_b.sql,",
    ],
    plain: "sql/duplicate-number",
  },
];

const folderOf = (name: string): string => name.replaceAll(/\W+/g, "-");
/** Each of these fails by itself, and `more` only because of one of them. */
const broken = {
  "1_a.sql": "select * from nowhere;\ncreate table public.good ();\ncreate table public.t (id nothing);",
  "2_b.sql": "alter table public.t add more int;\ngrant select on public.good to a_stranger;",
};

let project: string;
let platform: EmbeddedServer;
let plain: EmbeddedServer;
beforeAll(async () => {
  const all = { ...Object.fromEntries(obstacles.map(({ name, files }) => [folderOf(name), files])), broken };
  project = await makeProject(
    Object.fromEntries(
      Object.entries(all).flatMap(([folder, files]) =>
        Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]),
      ),
    ),
  );
  platform = await startEmbedded({ baseline: "supabase" });
  plain = await startEmbedded({});
});
afterAll(async () => {
  await platform.stop();
  await plain.stop();
  await removeProject(project);
});

function told(error: unknown): string {
  const { code, message, issues = [] } = error as IssuesError;
  return [code, message, ...issues.map((one) => one.message)].join("\n");
}

const baseline = { name: "supabase", defaultPrivileges: "legacy", privilegesFrom: "assumed" } as const;

describe("an obstacle of a Supabase project's migrations", () => {
  test.each(obstacles)("$name", async ({ name, holds, said = [], files, plain: refusal }) => {
    const policies = path.join(project, folderOf(name));
    const database = await platform.createDatabase(folderOf(name));
    const { baseline: applied } = await applySystemSql(database, {
      policies,
      overlays: [],
      baseline,
    });
    const places = (applied?.skipped ?? []).map(
      ({ file, line = 0, because }) => `${path.basename(file)}:${line} ${because}`,
    );
    expect(places).toEqual(said.map((one) => expect.stringContaining(one) as string));
    const client = new Client({ ...database, ssl: false });
    await client.connect();
    const { rows } = await client.query<[boolean]>({ text: holds, rowMode: "array" });
    await client.end();
    expect(rows).toEqual([[true]]);

    const bare = await plain.createDatabase(folderOf(name));
    const sql = { policies, overlays: [], baseline: { name: "plain" } } as const;
    const refused: unknown = await applySystemSql(bare, sql).catch((error: unknown) => error);
    expect(told(refused), Object.keys(files).join()).toContain(refusal);
  });

  test("what is still in the way is reported at once, not one a run", async () => {
    const database = await platform.createDatabase("broken");
    const sql = { policies: path.join(project, "broken"), overlays: [], baseline };
    const error: unknown = await applySystemSql(database, sql).catch((one: unknown) => one);
    expect(error).toBeInstanceOf(IssuesError);
    const places = (error as IssuesError).issues.map(
      ({ at, message }) => `${path.basename(at.file)}:${at.line} ${/\[\w+\]/.exec(message)?.[0]}`,
    );
    expect(places).toEqual(["1_a.sql:1 [42P01]", "1_a.sql:3 [42704]", "2_b.sql:2 [42704]"]);
  });
});
