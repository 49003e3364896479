import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Client } from "pg";
import { applySystemSql } from "../../src/stage/system.ts";
import { chooseBaseline } from "../../src/stage/baseline.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { makeProject, removeProject } from "./system.ts";

/** Each file adds its name to a list, so that the order in which files were applied can be read from the database. */
const add = (what: string): string => `insert into public.applied (name) values ('${what}');`;
const begin = "create table public.applied (id int generated always as identity, name text);";

const cases: readonly {
  readonly folder: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly order: readonly string[];
  readonly notes?: readonly string[];
}[] = [
  {
    folder: "a/supabase",
    files: {
      "config.toml": `[api]\nauto_expose_new_tables = false\n[db.seed]\nsql_paths = ["./seeds/*.sql", "last.sql"]\n`,
      "roles.sql": `create role reader nologin; ${begin} ${add("roles")}`,
      "migrations/20240102000000_b.sql": add("b"),
      "migrations/20240101000000_a.sql": add("a"),
      "migrations/20240101000000_a2.sql": add("a2"),
      "migrations/notes.sql": "selekt",
      "schemas/a.sql": "selekt",
      "seeds/2.sql": add("seed 2"),
      "seeds/1.sql": add("seed 1"),
      "last.sql": add("last"),
      "migrations/20240103000000_empty.sql": "-- nothing yet\n",
      "seed.sql": "selekt",
    },
    order: ["roles", "a", "a2", "b", "seed 1", "seed 2", "last"],
    notes: [
      "notes.sql its name has no number, so its tool passes it over too",
      "20240101000000_a2.sql applied after 20240101000000_a.sql, by name: both have one number",
      "a.sql a declarative schema: the migrations were applied instead",
    ],
  },
  {
    folder: "b/supabase",
    files: { "schemas/1.sql": begin, "schemas/more/2.sql": add("declared"), "seed.sql": add("seed") },
    order: ["declared", "seed"],
  },
  {
    folder: "c/supabase",
    files: {
      "config.toml": `[storage]\nfile_size_limit = "50MiB"\n[storage.buckets.avatars]\npublic = true\nfile_size_limit = "1MB"\nallowed_mime_types = ["image/png", "it's"]\n[storage.buckets."my files"]\n`,
      "migrations/20240101000000_a.sql": `${begin} insert into storage.buckets (id, name) values ('avatars', 'avatars');
create function public.note_bucket() returns trigger language plpgsql as
  $$ begin insert into public.applied (name) values (concat_ws(' ', new.id, new.public, new.file_size_limit, new.allowed_mime_types)); return new; end $$;
create trigger note after insert or update on storage.buckets for each row execute function public.note_bucket();`,
      "seed.sql": add("seed"),
    },
    order: ["seed", "avatars t 1048576 {image/png,it's}", "my files f 52428800"],
  },
  {
    folder: "d/supabase",
    files: {
      "config.toml": `[db.vault]\nservice_key = "env(SERVICE_KEY)"\n"it's own" = "in clear"\n[db.seed]\nsql_paths = ["./seeds/*", "./seed.sql"]\n`,
      "migrations/20240101000000_a.sql": `${begin} insert into public.applied (name)
        select name || ': ' || decrypted_secret from vault.decrypted_secrets order by name;`,
      "seeds/1.sql.gz": gzipSync(add("packed é")),
      "seeds/2.sql": add("unpacked"),
      "seeds/3.csv.gz": gzipSync("none"),
      "seed.sql": add("seed"),
    },
    order: [
      "it's own: the secret it's own",
      "service_key: the secret service_key",
      "packed é",
      "unpacked",
      "seed",
    ],
  },
  {
    folder: "sqitch",
    files: {
      "sqitch.plan": `%syntax-version=1.0.0\n%project=x\n\nz_first 2024-01-01T00:00:00Z A <a@a.test> # one\n@v1 2024-01-01T00:00:00Z A <a@a.test> # tag\na_second [z_first] 2024-01-02T00:00:00Z A <a@a.test>\n`,
      "deploy/z_first.sql": `${begin} ${add("z_first")}`,
      "deploy/a_second.sql": add("a_second"),
      "revert/z_first.sql": "selekt",
    },
    order: ["z_first", "a_second"],
  },
  {
    folder: "dbmate",
    files: {
      "20240101_a.sql": `-- migrate:up\n${begin} ${add("a")}\n-- migrate:down\ndrop table public.applied;`,
      "20240102_b.sql": `-- migrate:up\n${add("b")}\n\n-- migrate:down\ndrop table public.applied;`,
    },
    order: ["a", "b"],
  },
  {
    folder: "flyway",
    files: {
      "V10__c.sql": add("10"),
      "V2__b.sql": add("2"),
      "V1__a.sql": begin,
      "V2.1__b.sql": add("2.1"),
      "R__views.sql": add("repeatable"),
      "U2__b.sql": "selekt",
    },
    order: ["2", "2.1", "10", "repeatable"],
    notes: ["U2__b.sql its name is neither V<version>__ nor R__: Flyway does not migrate with it"],
  },
  {
    folder: "prisma",
    files: {
      "migration_lock.toml": `provider = "postgresql"`,
      "20240102_b/migration.sql": add("b"),
      "20240101_a/migration.sql": `${begin} ${add("a")}`,
    },
    order: ["a", "b"],
  },
  {
    folder: "drizzle",
    files: {
      "meta/_journal.json": JSON.stringify({
        entries: [
          { idx: 1, tag: "0001_a" },
          { idx: 0, tag: "0000_z" },
        ],
      }),
      "0000_z.sql": `${begin}--> statement-breakpoint\n${add("z")}`,
      "0001_a.sql": add("a"),
      "0002_not_in_the_journal.sql": "selekt",
    },
    order: ["z", "a"],
  },
];

let project: string;
let server: EmbeddedServer;
beforeAll(async () => {
  project = await makeProject(
    Object.fromEntries(
      cases.flatMap(({ folder, files }) =>
        Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]),
      ),
    ),
  );
  server = await startEmbedded({ baseline: "supabase" });
});
afterAll(async () => {
  await server.stop();
  await removeProject(project);
});

test.each(cases)("$folder is applied in its own order", async ({ folder, order, notes = [] }) => {
  const policies = path.join(project, folder);
  const wish = { baseline: undefined, defaultPrivileges: undefined };
  const chosen = await chooseBaseline(wish, policies, project);
  expect(chosen).toEqual(
    folder === "a/supabase"
      ? { name: "supabase", defaultPrivileges: "none", privilegesFrom: "config.toml" }
      : folder.endsWith("/supabase")
        ? { name: "supabase", defaultPrivileges: "legacy", privilegesFrom: "assumed" }
        : { name: "plain" },
  );
  const database = await server.createDatabase(folder);
  const baseline = { name: "supabase", defaultPrivileges: "legacy", privilegesFrom: "assumed" } as const;
  const applied = await applySystemSql(database, { policies, overlays: [], baseline });
  const client = new Client({ ...database, ssl: false });
  await client.connect();
  const { rows } = await client.query<{ name: string }>("select name from public.applied order by id");
  await client.end();
  expect(rows.map(({ name }) => name)).toEqual(order);
  const said = applied.baseline?.skipped.map(({ file, because }) => `${path.basename(file)} ${because}`);
  expect(said).toEqual(notes);
});

test("numbers that are missing or the same are a mistake on a plain Postgres, and with --layout numbered an order", async () => {
  const policies = path.join(project, "unnumbered");
  mkdirSync(policies);
  const files = {
    "9_a.sql": `${begin}${add("a")}`,
    "10_b.sql": add("b"),
    "010_c.sql": add("c"),
    "d.sql": add("d"),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(policies, name), text);
  const sql = { policies, overlays: [], baseline: { name: "plain" } } as const;
  const database = await server.createDatabase("unnumbered");
  await expect(applySystemSql(database, sql)).rejects.toMatchObject({
    code: "sql/duplicate-number",
    hint: expect.stringContaining("--layout numbered") as string,
  });
  const applied = await applySystemSql(database, { ...sql, layout: "numbered" });
  expect(applied.inputs.map((one) => path.basename(one.path))).toEqual([
    "9_a.sql",
    "010_c.sql",
    "10_b.sql",
    "d.sql",
  ]);
  expect(applied.baseline).toMatchObject({
    name: "plain",
    skipped: [
      { statement: "d.sql", because: "applied after the numbered files, by name: its own has no number" },
      { statement: "10_b.sql", because: "applied after 010_c.sql, by name: both have one number" },
    ],
  });
});

test("a packed seed that is none, or holds a mistake, is named with its line", async () => {
  const baseline = { name: "supabase", defaultPrivileges: "legacy", privilegesFrom: "assumed" } as const;
  const apply = async (folder: string, seed: Uint8Array): Promise<unknown> => {
    const policies = path.join(project, folder, "supabase");
    mkdirSync(policies, { recursive: true });
    writeFileSync(
      path.join(policies, "config.toml"),
      `[db.seed]\nsql_paths = ["./seed.sql.gz"]\n[db.vault]\nkey = "in clear"\n`,
    );
    writeFileSync(path.join(policies, "seed.sql.gz"), seed);
    return applySystemSql(await server.createDatabase(folder), { policies, overlays: [], baseline });
  };
  await expect(apply("broken", Buffer.from("no gzip"))).rejects.toMatchObject({ code: "sql/unreadable" });
  await expect(apply("mistaken", gzipSync("select 1;\nselekt 2;"))).rejects.toMatchObject({
    issues: [{ at: { file: expect.stringContaining("seed.sql.gz") as string, line: 2 } }],
  });
});
