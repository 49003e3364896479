import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RowgateError, formatPosition } from "../../src/model/errors.ts";
import { applySource, applySources, numberedFiles } from "../../src/stage/apply-sql/apply.ts";
import { readSource, type SqlSource } from "../../src/stage/apply-sql/source.ts";
import { readOrigins } from "../../src/stage/apply-sql/origins.ts";
import { startEmbedded } from "../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";

let server: EmbeddedServer;
let client: Client;
let folder: string;

beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => server.stop());
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "rowgate-sql-"));
  client = new Client({ ...server.database, ssl: false });
  // A test that cuts its own connection has been answered already.
  client.on("error", () => undefined);
  await client.connect();
  await client.query("drop schema public cascade; create schema public");
});
afterEach(async () => {
  await client.end();
  rmSync(folder, { recursive: true });
});

async function applyFile(to: Client, file: string): Promise<void> {
  await applySource(to, await readSource(file));
}

async function applyFolder(to: Client, at: string): Promise<readonly SqlSource[]> {
  const sources = await Promise.all((await numberedFiles(at)).map(readSource));
  await applySources(to, sources);
  return sources;
}

const deferred = `create table parent (id int primary key);
create table child (id int references parent deferrable initially deferred);
insert into child values (1);
select 1;
`;
const ownTransactions = `begin;
create table kept (id int);
commit;
create table lost (id int);
insert into kept values ('x');`;

interface Mistake {
  readonly what: string;
  readonly sql: string | Uint8Array;
  readonly code: string;
  /** line:column */
  readonly at: string;
  readonly says: string;
  readonly details?: string;
  readonly hint?: string;
}

const mistakes: Mistake[] = [
  {
    what: "a syntax error",
    sql: "-- é\nselect 1;\n\n/* ; */ selec 'ñ;' ;\nselect 2;",
    code: "sql/statement",
    at: "4:9",
    says: `001_x.sql, statement 2 (selec 'ñ;' ;): syntax error at or near "selec" [42601]`,
  },
  {
    what: "a syntax error in the first statement",
    sql: "\n  frob;",
    code: "sql/statement",
    at: "2:3",
    says: 'statement 1 (frob;): syntax error at or near "frob" [42601]',
  },
  {
    what: "a syntax error in the middle of a statement that holds semicolons",
    sql: "select 1;\ncreate function f() returns int language sql begin atomic\n  select 1;\n  selec 2;\nend;",
    code: "sql/statement",
    at: "4:3",
    says: "statement 2 (create function f() returns int language sql begin atomic): syntax error",
  },
  {
    what: "a string without an end",
    sql: "select 1;\nselect 'abc;\nselect 3;",
    code: "sql/statement",
    at: "2:8",
    says: `statement 2 (select 'abc;): unterminated quoted string at or near "'abc; [42601]`,
  },
  {
    what: "a relation that is missing, after characters of two, three and four bytes",
    sql: "create table a (x int);\nselect 'ñ', '€', '🙂';\n  insert into /* 🙂 */ platform.organization_members (a)\n values (1);",
    code: "sql/statement",
    at: "3:24",
    says: 'statement 3 (insert into /* 🙂 */ platform.organization_members (a)): relation "platform.organization_members" does not exist [42P01]',
  },
  {
    what: "an error without a position",
    sql: "create table a (x int);\r\n\r\n-- why;\r\n  select 1 / x from (values (0)) v (x);",
    code: "sql/statement",
    at: "4:3",
    says: "statement 2 (select 1 / x from (values (0)) v (x);): division by zero [22012]",
  },
  {
    what: "an error inside a block",
    sql: "select 1;\ndo $$\nbegin\n  raise exception 'boo' using hint = 'mend it', detail = 'so far';\nend $$;",
    code: "sql/statement",
    at: "2:1",
    says: "statement 2 (do $$): boo [P0001]",
    details: "so far\nPL/pgSQL function inline_code_block line 3 at RAISE",
    hint: "mend it",
  },
  {
    what: "an error in a query of a function",
    sql: "do $$ begin perform 1 from nowhere; end $$;",
    code: "sql/statement",
    at: "1:1",
    says: 'relation "nowhere" does not exist [42P01]',
    details: "in the query: SELECT 1 from nowhere\nPL/pgSQL function inline_code_block line 1 at PERFORM",
  },
  {
    what: "a constraint",
    sql: "create table a (x int primary key);\ninsert into a values (1);\n\ninsert into a\nvalues (1);\nselect 1;",
    code: "sql/statement",
    at: "4:1",
    says: 'statement 3 (insert into a): duplicate key value violates unique constraint "a_pkey" [23505]',
    details: "Key (x)=(1) already exists.",
  },
  {
    what: "a deferred constraint",
    sql: deferred,
    code: "sql/commit",
    at: "4:10",
    says: '001_x.sql, at the end of the file: insert or update on table "child" violates foreign key constraint',
    details: 'Key (id)=(1) is not present in table "parent".',
  },
  {
    what: "a mistake after the file's own COMMIT",
    sql: ownTransactions,
    code: "sql/statement",
    at: "5:26",
    says: "statement 5 (insert into kept values ('x');): invalid input syntax for type integer: \"x\" [22P02]",
    details: "statements 1 to 3 had been committed before, and stay",
  },
  {
    what: "a mistake in a file that runs without a transaction",
    sql: "create table a (x int);\ncreate index concurrently on a (x);\n insert into b values (1);",
    code: "sql/statement",
    at: "3:14",
    says: 'statement 3 (insert into b values (1);): relation "b" does not exist [42P01]',
    details: "statements 1 to 2 had been committed before, and stay",
  },
  {
    what: "an include of psql",
    sql: "select 1;\n\\i roles.sql\n",
    code: "sql/psql-command",
    at: "2:1",
    says: "001_x.sql: \\i roles.sql is a command of psql, not SQL",
  },
  {
    what: "rows for COPY that do not end",
    sql: "create table a (x int);\ncopy a from stdin;\n1\n",
    code: "sql/statement",
    at: "3:1",
    says: "statement 3 (1): syntax error",
    hint: "COPY … FROM STDIN needs psql: write the rows as INSERT (pg_dump --inserts)",
  },
  {
    what: "a COPY that waits for rows",
    sql: "create table a (x int);\ncopy a from stdin;",
    code: "sql/statement",
    at: "2:1",
    says: "statement 2 (copy a from stdin;): COPY from stdin failed",
    hint: "COPY … FROM STDIN needs psql: write the rows as INSERT (pg_dump --inserts)",
  },
  {
    what: "Latin 1",
    sql: Buffer.concat([Buffer.from("select 'é';\nselect '"), Buffer.from([0xe9]), Buffer.from("';")]),
    code: "sql/encoding",
    at: "2:1",
    says: "001_x.sql: line 2 is not UTF-8 text",
  },
  {
    what: "UTF-16",
    sql: Buffer.from("select 1;", "utf16le"),
    code: "sql/encoding",
    at: "1:1",
    says: "line 1 is not UTF-8 text",
  },
  {
    what: "the end of its own connection",
    sql: "select 1;\nselect pg_terminate_backend(pg_backend_pid());",
    code: "sql/statement",
    at: "2:1",
    says: "terminating connection due to administrator command [57P01]",
  },
];

describe("a mistake is named with file, statement, line and column", () => {
  test.each(mistakes)("$what", async ({ sql, code, at, says, details, hint }) => {
    const file = put("001_x.sql", sql);
    const error = await errorOf(applyFile(client, file));
    expect(error.message).toContain(says);
    expect(error.at && formatPosition(error.at)).toBe(`${file}:${at}`);
    expect(error).toMatchObject({
      code,
      ...(details === undefined ? {} : { details }),
      ...(hint === undefined ? {} : { hint }),
    });
  });

  test("a connection that is lost", async () => {
    const file = put("001_x.sql", "select 1");
    await client.end();
    expect(await errorOf(applyFile(client, file))).toMatchObject({ code: "sql/connection", at: { file } });
  });
});

describe("what a file leaves", () => {
  const cases: { what: string; sql: string; tables: string[]; fails?: boolean }[] = [
    { what: "all of it", sql: "create table a (x int); insert into a values (1);", tables: ["a"] },
    { what: "nothing, when it holds no statement", sql: "-- later\n", tables: [] },
    {
      what: "nothing, when one statement fails",
      sql: "create table a (x int); select 1 / 0;",
      tables: [],
      fails: true,
    },
    { what: "nothing, when its end fails", sql: deferred, tables: [], fails: true },
    { what: "what it committed itself", sql: ownTransactions, tables: ["kept"], fails: true },
    {
      what: "all of it with a BEGIN and a COMMIT",
      sql: "begin; create table a (x int); commit;",
      tables: ["a"],
    },
    {
      what: "nothing that it rolled back itself",
      sql: "begin; create table a (x int); rollback;",
      tables: [],
    },
    {
      what: "each statement, where one needs to be outside of a transaction",
      sql: "\uFEFFcreate table é (x int); create index concurrently i on é (x); insert into é values (1); vacuum é;",
      tables: ["i", "é"],
    },
    {
      what: "each statement once, where its own COMMIT stands before such a one",
      sql: "begin; create table a (x int); commit; create table b (); create index concurrently i on a (x);",
      tables: ["a", "b", "i"],
    },
    {
      what: "a value of an enum that it both adds and uses",
      sql: "create type e as enum ('a'); commit; alter type e add value 'b'; create table a as select 'b'::e;",
      tables: ["a"],
    },
  ];
  test.each(cases)("is $what", async ({ sql, tables, fails = false }) => {
    const file = put("001_x.sql", sql);
    const error = await applyFile(client, file).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error instanceof RowgateError).toBe(fails);
    const { rows } = await client.query<{ relname: string }>(
      "select relname from pg_class where relnamespace = 'public'::regnamespace order by 1",
    );
    expect(rows.map(({ relname }) => relname)).toEqual(tables);
  });

  test("is no setting, role or lock of its session", async () => {
    await applyFile(
      client,
      put("001_x.sql", "set search_path = ''; set role anon; select pg_advisory_lock(1);"),
    );
    const { rows } = await client.query(
      "select current_user::text, current_setting('search_path') as path, (select count(*)::int from pg_locks where locktype = 'advisory') as locks",
    );
    expect(rows).toEqual([{ current_user: "postgres", path: '"$user", public', locks: 0 }]);
  });
});

const dumped = `\\restrict token
create table people (id int primary key, name text);
create table pets (id int primary key, owner int);
COPY people (id, name) FROM stdin;
1\tana; \\\\restrict
2\t\\N
\\.

\\connect app
COPY pets (id, owner) FROM stdin;
7\t1
\\.
create index concurrently on pets (owner);
\\unrestrict token
`;

describe("a dump", () => {
  test.each([
    { what: "whole", sql: dumped.replace(" concurrently", "") },
    { what: "with a statement that needs its own transaction", sql: dumped },
  ])(
    "$what is applied: each COPY's rows are loaded, and commands of psql are passed over",
    async ({ sql }) => {
      const file = path.join(folder, "010_dump.sql");
      writeFileSync(file, sql);
      const { skipped } = await applySources(client, [await readSource(file)]);
      expect(skipped.map(({ line, statement }) => `${line} ${statement}`)).toEqual([
        "1 \\restrict token",
        "9 \\connect app",
        "14 \\unrestrict token",
      ]);
      const { rows } = await client.query(
        "select p.name, (select owner from pets) from people p order by p.id",
      );
      expect(rows).toEqual([
        { name: "ana; \\restrict", owner: 1 },
        { name: null, owner: 1 },
      ]);
    },
  );
});

describe("a folder", () => {
  test("is applied by number, without its subfolders, and says what was applied", async () => {
    put("010_c.sql", "insert into steps values ('c')");
    put("9_b.sql", "insert into steps values ('b')");
    put("001_a.sql", "create table steps (step text);");
    put("README.md", "not SQL");
    put("._001_a.sql", "not SQL either");
    put("flawed/002_d.sql", "insert into steps values ('d')");
    mkdirSync(path.join(folder, "003_folder.sql"));
    const applied = await applyFolder(client, folder);
    expect(applied.map((file) => path.relative(folder, file.path))).toEqual([
      "001_a.sql",
      "9_b.sql",
      "010_c.sql",
    ]);
    expect(applied[1]?.sha256).toBe(
      createHash("sha256").update("insert into steps values ('b')").digest("hex"),
    );
    expect((await client.query("select string_agg(step, '') as steps from steps")).rows).toEqual([
      { steps: "bc" },
    ]);
  });

  const cases: { what: string; files: string[]; code: string; says: string }[] = [
    {
      what: "no SQL file",
      files: ["README.md", "flawed/001_a.sql"],
      code: "sql/empty-folder",
      says: "holds no SQL file",
    },
    {
      what: "two files of one number",
      files: ["1_a.sql", "001_b.sql"],
      code: "sql/duplicate-number",
      says: "001_b.sql and 1_a.sql",
    },
    {
      what: "a file without a number",
      files: ["001_a.sql", "roles.sql"],
      code: "sql/unnumbered",
      says: "roles.sql has no number",
    },
  ];
  test.each(cases)("with $what is refused before anything is applied", async ({ files, code, says }) => {
    for (const file of files) put(file, "create table a ();");
    const error = await errorOf(applyFolder(client, folder));
    expect(error).toMatchObject({ code, message: expect.stringContaining(says) });
    expect(error.message).toContain(folder);
    expect((await client.query("select to_regclass('a') as a")).rows).toEqual([{ a: null }]);
  });

  test("that is missing, or is a file, is an error", async () => {
    for (const at of [path.join(folder, "none"), put("001_a.sql", "")]) {
      expect(await errorOf(applyFolder(client, at))).toMatchObject({
        code: "sql/no-folder",
        message: expect.stringContaining(at),
      });
    }
  });

  const links: { what: string; files: Record<string, string>; hint: string | undefined }[] = [
    {
      what: "a number that is left out",
      files: { "001_a.sql": "", "002_b.sql": "", "004_d.sql": "insert into c values (1);" },
      hint: "what makes it must come first: before it came 001_a.sql, 002_b.sql; and there is no 003",
    },
    {
      what: "a second number that is left out, and a schema",
      files: { "1_a.sql": "", "3_b.sql": "create table platform.a ();" },
      hint: "what makes it must come first: before it came 1_a.sql; and there is no 2",
    },
    {
      what: "numbers by tens, and a function",
      files: { "010_a.sql": "", "020_b.sql": "", "040_c.sql": "select nowhere();" },
      hint: "No function matches the given name and argument types. You might need to add explicit type casts.\n  what makes it must come first: before it came 010_a.sql, 020_b.sql",
    },
    {
      what: "the first file, and a type",
      files: { "001_a.sql": "create table a (x mood);" },
      hint: "what makes it must come first: it is the first file of its folder",
    },
    {
      what: "a mistake of another kind",
      files: { "001_a.sql": "", "003_c.sql": "select 1 / 0;" },
      hint: undefined,
    },
  ];
  test.each(links)("names the files around a missing link: $what", async ({ files, hint }) => {
    for (const [name, sql] of Object.entries(files)) put(name, sql);
    expect((await errorOf(applyFolder(client, folder))).hint).toBe(hint);
  });

  test("stops at the first mistake", async () => {
    put("001_a.sql", "create table a ();");
    put("002_b.sql", "insert into c values (1);");
    put("003_c.sql", "create table c (x int);");
    const error = await errorOf(applyFolder(client, folder));
    expect(error.at).toEqual({ file: path.join(folder, "002_b.sql"), line: 1, column: 13 });
    expect(error.hint).toBe(
      "what makes it must come first: before it came 001_a.sql; after it come 003_c.sql",
    );
    expect(
      (await client.query("select to_regclass('a')::text as a, to_regclass('c')::text as c")).rows,
    ).toEqual([{ a: "a", c: null }]);
  });
});

/** What the database itself says is there, apart from Supabase's `auth`, which was there before. */
const inForce = `
  select 'policy' as kind, schemaname as schema, tablename as "table", policyname as name from pg_policies
  union all
  select case relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end, nspname, null, relname
  from pg_class join pg_namespace on pg_namespace.oid = relnamespace
  where relkind in ('r', 'p', 'v', 'm', 'f') and nspname !~ '^(pg_|information_schema$|auth$)'`;

interface InForce {
  readonly kind: string;
  readonly schema: string;
  readonly table?: string | null | undefined;
  readonly name: string;
}

const shown = ({ kind, schema, table, name }: InForce): string => [kind, schema, table ?? "", name].join(" ");

test.each(["clawtrol", "fne-lms", "helios", "ogelbase"])(
  "%s: exactly the policies, tables and views of the database have an origin",
  async (system) => {
    const owner = new Client({ ...(await server.createDatabase(system)), ssl: false });
    await owner.connect();
    try {
      const sources = await applyFolder(owner, `policies/${system}`);
      const { rows } = await owner.query<InForce>(inForce);
      const origins = (await readOrigins(sources)).filter(({ kind }) => /policy|table|view/.test(kind));
      expect(origins.map(shown).toSorted()).toEqual(rows.map(shown).toSorted());
    } finally {
      await owner.end();
    }
  },
);

function put(name: string, sql: string | Uint8Array): string {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, sql);
  return file;
}

async function errorOf(promise: Promise<unknown>): Promise<RowgateError> {
  const error: unknown = await promise.catch((cause: unknown) => cause);
  if (error instanceof RowgateError) return error;
  throw new Error("no RowgateError came", { cause: error });
}
