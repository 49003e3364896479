import { existsSync, readdirSync } from "node:fs";
import { Client } from "pg";
import { expect, test } from "vitest";
import { startEmbedded } from "../../src/stage/postgres/server.ts";

/** Where Debian installs Postgres: a folder for each version. */
const installed = "/usr/lib/postgresql";
const [version] = (existsSync(installed) ? readdirSync(installed) : [])
  .filter((name) => Number(name) >= 15 && existsSync(`${installed}/${name}/bin/initdb`))
  .toSorted((a, b) => Number(b) - Number(a));

if (version === undefined)
  process.stderr.write(`not run: no Postgres from 15 is installed in ${installed}\n`);

test.skipIf(version === undefined)(
  "an installed Postgres is started with its own extensions, and imitates none",
  async () => {
    await using server = await startEmbedded({
      baseline: "supabase",
      postgresBin: `${installed}/${version}/bin`,
    });
    const database = await server.createDatabase("app");
    const client = new Client({ ...database, ssl: false });
    await client.connect();
    try {
      const { rows } = await client.query<Record<string, unknown>>(`
      select current_setting('server_version_num')::int / 10000 as version,
        pg_has_role('postgres', 'anon', 'usage') as inherits, pg_has_role('authenticator', 'anon', 'member') as becomes,
        pg_has_role('authenticator', 'anon', 'usage') as is_anon,
        has_table_privilege('postgres', 'auth.schema_migrations', 'select') as reads,
        has_table_privilege('postgres', 'auth.schema_migrations', 'insert') as writes,
        (select count(*)::int from pg_available_extensions where default_version like 'stand-in%') as imitated`);
      expect(rows).toEqual([
        {
          version: Number(version),
          inherits: true,
          becomes: true,
          is_anon: false,
          reads: true,
          writes: false,
          imitated: 0,
        },
      ]);
    } finally {
      await client.end();
    }
  },
);

test("a folder without Postgres is refused", async () => {
  await expect(startEmbedded({ postgresBin: "/nowhere/bin" })).rejects.toMatchObject({
    code: "embedded/no-binaries",
    message: expect.stringContaining("/nowhere") as string,
  });
});

/** The extensions of Debian's packages, by their control files. */
const packaged = ["postgis", "vector"].map((name) => ({
  name,
  there: version !== undefined && existsSync(`/usr/share/postgresql/${version}/extension/${name}.control`),
}));
for (const { name, there } of packaged)
  if (!there)
    process.stderr.write(
      `not run: Debian's extension ${name} is not installed for Postgres ${version ?? "15"}\n`,
    );

const uses: Readonly<Record<string, string>> = {
  postgis: "select st_dwithin('POINT(0 0)'::geometry, 'POINT(1 0)'::geometry, 2) as answer",
  vector: "select '[1,0]'::vector <-> '[1,2]'::vector = 2 as answer",
};
test.each(packaged.filter(({ there }) => there))("$name is the real one", async ({ name }) => {
  await using server = await startEmbedded({ baseline: "supabase", postgresBin: `${installed}/${version}` });
  const client = new Client({ ...(await server.createDatabase("app")), ssl: false });
  await client.connect();
  try {
    await client.query(`create extension ${name}`);
    expect((await client.query(uses[name] ?? "")).rows).toEqual([{ answer: true }]);
  } finally {
    await client.end();
  }
});
