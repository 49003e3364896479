import { readFileSync } from "node:fs";
import path from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { lintFiles, lintSql, readLint } from "../../src/catalog/lints.ts";
import { openSqlParser } from "../../src/catalog/parse.ts";
import { readSql } from "../../src/lib/sql-file.ts";
import { findingSeverity } from "../../src/model/finding.ts";
import type { LintKind } from "../../src/model/lint.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";

interface Row {
  readonly schema: string | null;
  readonly name: string;
  readonly facts: object;
}

interface Story {
  readonly lint: LintKind;
  /** The role that asks, unless it is the superuser. */
  readonly as?: string;
  readonly sql?: string;
  readonly rows: readonly Row[];
  readonly resolve: string;
}

const root = path.resolve(import.meta.dirname, "../..");
const stories = parse(
  readFileSync(path.join(root, "test/cases/lints/stories.yaml"), "utf8"),
) as readonly Story[];
const page = readFileSync(path.join(root, "docs/lints.md"), "utf8");
const files = [...lintFiles];

describe("a lint", () => {
  it.each(files)(
    "%s has its section in docs/lints.md, with the level that its findings have",
    (kind, file) => {
      const number = /\d{4}/.exec(file)?.[0];
      const section = page.split("\n## ").find((text) => text.startsWith(`${number} ${kind}\n`)) ?? "";
      for (const part of ["Level", "Finds", "Why it matters", "How to fix"])
        expect(section).toContain(`- **${part}**: `);
      expect(section).toContain(`- **Level**: ${findingSeverity[kind]}`);
    },
  );

  it("has a file for each section", () => {
    const sections = [...page.matchAll(/^## (\d{4}) (\S+)$/gm)].map(
      ([, number, kind]) => `${number} ${kind}`,
    );
    expect(sections).toEqual(files.map(([kind, file]) => `${/\d{4}/.exec(file)?.[0]} ${kind}`));
  });

  it("has a number of its own, without a gap", () => {
    const numbers = files.map(([, file]) => Number(/\d{4}/.exec(file)?.[0]));
    expect(numbers).toEqual(files.map((_, index) => index + 1));
  });

  it("has a story", () => {
    expect(stories.map(({ lint }) => lint)).toEqual(files.map(([kind]) => kind));
  });

  it.each(files)("%s begins with a comment for people and the parameters that all lints take", (_, file) => {
    const text = readSql(file);
    expect(text).toMatch(/^-- [A-Z]/);
    expect(text).toMatch(/^-- facts: /m);
    expect(text).toMatch(
      /^with (recursive )?input \(schemas, roles, sessions, logins\) as \(select \$1::text\[\], \$2::text\[\], \$3::text\[\], \$4::text\[\]\)/m,
    );
  });
});

/** As the reader gives them, with at least these facts. */
function asRead(rows: readonly Row[]): Row[] {
  return rows.map(({ schema, name, facts }) => ({
    schema: schema ?? "",
    name,
    facts: expect.objectContaining(facts) as object,
  }));
}

function byName(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => `${a.schema}.${a.name}`.localeCompare(`${b.schema}.${b.name}`));
}

const scope = {
  schemas: ["public", "api"],
  roles: ["anon", "authenticated", "lint_login"],
  sessions: ["lint_login"],
  logins: ["lint_login"],
};
const world = `
  create schema api;
  do $$ declare one text; begin
    foreach one in array array['lint_owner', 'lint_login'] loop
      if not exists (select from pg_roles where rolname = one) then execute format('create role %I noinherit', one); end if;
    end loop;
    alter role lint_login login nobypassrls inherit;
    alter role lint_owner bypassrls;
    revoke lint_owner from lint_login;
    alter role authenticated nobypassrls;
  end $$;`;

describe("on a real Postgres", () => {
  let server: EmbeddedServer;
  beforeAll(async () => {
    server = await startEmbedded();
  });
  afterAll(async () => {
    await server.stop();
  });

  async function withDatabase(name: string, work: (client: Client) => Promise<void>): Promise<void> {
    const client = new Client(await server.createDatabase(name));
    await client.connect();
    try {
      await client.query(world);
      await work(client);
    } finally {
      await client.end();
    }
  }

  it("all lints return the same columns, so that they can be read together", async () => {
    await withDatabase("lint_columns", async (client) => {
      const all = files.map(([, file]) => `(${lintSql(file)})`).join("\nunion all\n");
      const { fields } = await client.query(all, [scope.schemas, scope.roles, scope.sessions, scope.logins]);
      const [text, jsonb] = [25, 3802];
      expect(fields.map(({ name, dataTypeID }) => [name, dataTypeID])).toEqual([
        ["kind", text],
        ["schema", text],
        ["name", text],
        ["facts", jsonb],
      ]);
    });
  });

  it.each(stories)("$lint: it is reported, and is not once it is resolved", async (story) => {
    await withDatabase(story.lint.replaceAll("-", "_"), async (client) => {
      const ask = async (): Promise<readonly Row[]> => {
        await client.query(`set session authorization ${story.as ?? "default"}`);
        const rows = await readLint(client, story.lint, scope);
        await client.query("set session authorization default");
        return rows.filter(({ schema, name }) => schema !== "auth" && name !== "auth");
      };
      expect(await ask()).toEqual([]);
      if (story.sql !== undefined) await client.query(story.sql);
      expect(byName(await ask())).toEqual(byName(asRead(story.rows)));
      await client.query(story.resolve);
      expect(await ask()).toEqual([]);
    });
  });
});

describe("the parser", () => {
  it("tells a function of SQL from a string, a column and a comment", async () => {
    const sql = await openSqlParser();
    expect(sql.expression("(owner = (SESSION_USER)::text)")?.readsSessionUser).toBe(true);
    expect(
      sql.expression(`(owner = 'session_user') and "session_user" = 1 /* session_user */`)?.readsSessionUser,
    ).toBe(false);
  });

  it("tells whether a query hides rows", async () => {
    const sql = await openSqlParser();
    expect(sql.query(" SELECT id FROM notes;")?.filters).toBe(false);
    expect(sql.query(" SELECT 'where' AS \"join\" FROM notes;")?.filters).toBe(false);
    expect(sql.query(" SELECT id FROM notes WHERE id > 1;")?.filters).toBe(true);
    expect(sql.query(" SELECT a.id FROM (a JOIN b ON ((a.id = b.id)));")?.filters).toBe(true);
  });

  it("names a column as the text does", async () => {
    const sql = await openSqlParser();
    const text = '(owner = (SELECT m."Who" FROM members m WHERE (m.id = notes.id)))';
    expect(sql.expression(text)?.columns).toEqual([
      { relation: undefined, name: "owner" },
      { relation: "m", name: "Who" },
      { relation: "m", name: "id" },
      { relation: "notes", name: "id" },
    ]);
  });

  it("says so of what it cannot read", async () => {
    expect((await openSqlParser()).expression("owner = = 1")).toBeUndefined();
  });
});
