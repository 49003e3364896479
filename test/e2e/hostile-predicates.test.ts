import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { IssuesError, RowgateError } from "../../src/model/errors.ts";
import { startEmbedded } from "../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { prove, type Proved } from "../support/prove.ts";

// A matrix's predicates are SQL that runs with full sight. Whoever writes them is trusted; what they do by mistake, or by what
// they call, must not get out of the transaction, into another cell's session, or stay.

let server: EmbeddedServer;
let bystander: Client;
beforeAll(async () => {
  server = await startEmbedded();
  bystander = new Client({ ...server.database, ssl: false });
  bystander.on("error", () => undefined);
  await bystander.connect();
});
afterAll(async () => {
  await bystander?.end();
  await server?.stop();
});

const ana = "10000000-0000-4000-8000-000000000001";
const sql = `
  create extension dblink;
  create sequence numbers;
  create table log (what text);
  create table docs (id int primary key, owner uuid not null);
  insert into docs select n, ('10000000-0000-4000-8000-00000000000' || n)::uuid from generate_series(1, 3) n;
  create table shut (id int primary key);
  insert into shut values (1), (2);
  alter table docs enable row level security;
  alter table shut enable row level security;
  grant select, update on docs, shut to authenticated;
  create policy own on docs to authenticated using (owner = auth.uid());
  create policy key on shut to authenticated
    using (current_setting('app.key', true) = 'open' or current_setting('search_path') like 'evil%');
  create schema evil;
  create function bad(n int) returns boolean language plpgsql as $$
    begin
      perform set_config('app.key', 'open', false), set_config('search_path', 'evil', false),
        set_config('row_security', 'off', false), set_config('request.jwt.claims', '{}', false),
        set_config('statement_timeout', '0', false);
      return true;
    end $$;
  create function bad_write(n int) returns boolean language plpgsql as $$
    begin insert into log values ('written'); delete from docs where id = 3; return true; end $$;
  create function bad_commit(n int) returns boolean language plpgsql as $$
    begin insert into log values ('committed'); commit; return true; end $$;
  create function bad_block(n int) returns boolean language plpgsql as $$
    begin execute 'do $x$ begin commit; end $x$'; return true; end $$;
  create function bad_link(n int) returns boolean language plpgsql as $$
    begin perform dblink_exec('dbname=' || current_database(), 'insert into public.log values (1)'); return true; end $$;
`;

/** What a matrix with this predicate came to: a run, or the reasons why there was none. */
type Came = { readonly proved: Proved } | { readonly said: string };

async function run(predicate: string, more = "", options = {}): Promise<Came & { readonly left: unknown }> {
  // JSON is YAML, and quotes whatever a predicate holds.
  const rows = JSON.stringify(predicate);
  const matrix = `matrix: hostile
personas:
  ana: { role: authenticated, claims: { sub: ${ana} } }
  luis: { role: authenticated, claims: { sub: 10000000-0000-4000-8000-000000000002 } }
relations:
  docs:
    rows: { odd: ${rows}, mine: owner = :sub }
    expect: { ana: { select: odd, update: odd }, luis: { select: mine, update: mine } }
  shut: { expect: { '*': deny } }
`;
  let left: unknown;
  const look = async (client: Client): Promise<void> => {
    const { rows: found } = await client.query(
      `select (select count(*)::int from log) as log, (select count(*)::int from docs) as docs,
         (select count(*)::int from shut) as shut, (select is_called from numbers) as numbers,
         (select count(*)::int from pg_largeobject_metadata) as objects,
         (select count(*)::int from pg_locks where locktype = 'advisory') as locks`,
    );
    left = found[0];
  };
  try {
    const proved = await prove({ server, sql: `${sql}\n${more}`, matrix, measure: look, ...options });
    return { proved, left };
  } catch (error) {
    if (!(error instanceof RowgateError)) throw error;
    const issues = error instanceof IssuesError ? error.issues : [];
    const said = [error.message, ...issues.map(({ message }) => message)].join("\n");
    return { said, left };
  }
}

const refused: readonly {
  readonly predicate: string;
  readonly says: string;
  readonly by: "reader" | "preflight";
}[] = [
  { predicate: "true); drop table docs; --", says: "`)`", by: "reader" },
  { predicate: "true; commit; drop table docs", says: "`;`", by: "reader" },
  { predicate: "true) union select 1 from (select 1", says: "`)`", by: "reader" },
  { predicate: "id = 1 /* ", says: "never closes", by: "reader" },
  { predicate: "$x$ is null", says: "never closes", by: "reader" },
  { predicate: 'U&"set\\005fconfig"(1) is null', says: "escapes", by: "reader" },
  {
    predicate: "(with d as (delete from docs returning 1) select count(*) from d) > 0",
    says: "WITH clause",
    by: "preflight",
  },
  { predicate: "(copy docs to program 'id') is null", says: "syntax error", by: "preflight" },
  { predicate: "(delete from docs returning true)", says: "syntax error", by: "preflight" },
  { predicate: "(select id into stolen from docs) > 0", says: "INTO", by: "preflight" },
  {
    predicate: "set_config('app.key', 'open', false) is not null",
    says: "calls set_config",
    by: "preflight",
  },
  {
    predicate: `"set_config"('app.key', 'open', false) is not null`,
    says: "calls set_config",
    by: "preflight",
  },
  {
    predicate: "PG_CATALOG . /* ( */ Set_Config ('app.key', 'open', false) = 'x'",
    says: "calls set_config",
    by: "preflight",
  },
  {
    predicate: "(select count(pg_terminate_backend(pid)) from pg_stat_activity) > 0",
    says: "calls pg_terminate_backend",
    by: "preflight",
  },
  { predicate: "lo_import('/etc/passwd') > 0", says: "calls lo_import", by: "preflight" },
  { predicate: "pg_read_file('/etc/passwd') like 'root%'", says: "calls pg_read_file", by: "preflight" },
  { predicate: "nextval('numbers') > id", says: "calls nextval", by: "preflight" },
  { predicate: "pg_try_advisory_lock(id)", says: "calls pg_try_advisory_lock", by: "preflight" },
  { predicate: "pg_notify('x', 'y') is null", says: "calls pg_notify", by: "preflight" },
  {
    predicate: "query_to_xml('delete from docs', true, true, '') is not null",
    says: "calls query_to_xml",
    by: "preflight",
  },
  {
    predicate: "exists (select from dblink('dbname=x', 'drop table docs') as t(a int))",
    says: "calls dblink",
    by: "preflight",
  },
  {
    predicate: "bad_link(id)",
    says: "calls public.bad_link, which reaches another database (dblink)",
    by: "preflight",
  },
];

/** All lies of a matrix are told in one go: each predicate is one persona's, on a line of its own. */
async function told(by: "reader" | "preflight"): Promise<ReadonlyMap<string, string>> {
  const own = refused.filter((one) => one.by === by);
  const personas = own.map((_, index) => `  p${index}: { role: authenticated, claims: { sub: ${ana} } }\n`);
  const lines = own.map(
    ({ predicate }, index) => `      p${index}: { select: { rows: ${JSON.stringify(predicate)} } }\n`,
  );
  const matrix = `matrix: hostile\npersonas:\n${personas.join("")}relations:\n  docs:\n    expect:\n${lines.join("")}  shut: { expect: { '*': deny } }\n`;
  const first = matrix.split("\n").findIndex((line) => line.startsWith("      p0:")) + 1;
  const error: unknown = await prove({ server, sql, matrix }).catch((thrown: unknown) => thrown);
  if (!(error instanceof IssuesError)) throw new Error(`it ran: ${String(error)}`);
  return new Map(own.map(({ predicate }, index) => [predicate, saidAt(error, first + index)]));
}

function saidAt({ issues }: IssuesError, line: number): string {
  return issues.flatMap(({ at, message }) => (at.line === line ? [message] : [])).join("\n");
}

describe("a predicate that is none, or does something, is refused before anything runs", () => {
  test.each(["reader", "preflight"] as const)("by the %s", async (by) => {
    const said = await told(by);
    for (const { predicate, says } of refused.filter((one) => one.by === by))
      expect([predicate, said.get(predicate)]).toEqual([predicate, expect.stringContaining(says)]);
    // The other sessions are there as before.
    expect((await bystander.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  });
});

const untouched = { log: 0, docs: 3, shut: 2, numbers: false, objects: 0, locks: 0 };

describe("what a predicate calls", () => {
  test("changes no other cell's session, on either channel", async () => {
    const came = await run("bad(id) and owner = :sub");
    if (!("proved" in came)) throw new Error(came.said);
    const failing = [...came.proved.cells.values()].filter(({ verdict }) => verdict !== "pass");
    expect(failing.map(({ id, channels: { direct, rest } }) => [id, direct?.because, rest?.because])).toEqual(
      [],
    );
    expect(came.left).toEqual(untouched);
  });

  test.each(["bad_write(id)", "bad_commit(id)", "bad_block(id)"])(
    "%s: leaves nothing, its own cells do not pass, those of other relations do",
    async (call) => {
      const came = await run(`${call} and owner = :sub`);
      if (!("proved" in came)) throw new Error(came.said);
      const { cells, run: record } = came.proved;
      for (const operation of ["select", "update"])
        expect(cells.get(`ana/public.docs/${operation}`)?.verdict, operation).toBe("error");
      const others = [...cells.values()].filter(({ relation }) => relation === "shut");
      expect(others.length).toBeGreaterThan(10);
      expect(others.filter(({ verdict }) => verdict !== "pass").map(({ id }) => id)).toEqual([]);
      expect(record.exitCode).toBe(2);
      expect(came.left).toEqual(untouched);
    },
  );

  test("in production cannot write at all", async () => {
    const came = await run("bad_write(id) and owner = :sub", "", { posture: "production" });
    if (!("proved" in came)) throw new Error(came.said);
    expect(came.proved.cells.get("ana/public.docs/select")?.verdict).toBe("error");
    expect(came.left).toEqual(untouched);
  });
});

test("a database that reads backslashes as escapes does not read a string of the matrix as statements", async () => {
  const off = `do $$ begin execute format('alter database %I set standard_conforming_strings = off', current_database()); end $$;
    alter role authenticated set standard_conforming_strings = off;
    alter role authenticator set standard_conforming_strings = off;`;
  const came = await run(String.raw`'\''); commit; drop table shut; --' is not null and owner = :sub`, off);
  const reset = new Client({ ...server.database, ssl: false });
  await reset.connect();
  await reset.query("alter role authenticated reset all; alter role authenticator reset all");
  await reset.end();
  if (!("proved" in came)) throw new Error(came.said);
  const failing = [...came.proved.cells.values()].filter(({ verdict }) => verdict !== "pass");
  expect(failing.map(({ id, channels: { direct, rest } }) => [id, direct?.because, rest?.because])).toEqual(
    [],
  );
  expect(came.left).toEqual(untouched);
});
