import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyBeside } from "../../src/stage/postgres/copy.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { prove, type ProveOptions } from "../support/prove.ts";

let server: EmbeddedServer;

beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(() => server.stop());

const matrix = `
matrix: case
channels: [direct]
personas:
  ana: { role: authenticated, claims: { sub: 11111111-1111-4111-8111-111111111111 } }
  luis: { role: authenticated, claims: { sub: 22222222-2222-4222-8222-222222222222 } }
relations:
  orders:
    rows: { own: "owner = :sub" }
    expect:
      ana: { select: own, update: { rows: own, columns: { free: [total] } }, delete: own }
      luis: { select: own, update: { rows: own, columns: { free: [total] } }, delete: own }
  notes: { rows: { own: "owner = :sub" }, expect: { ana: { select: own, update: own }, luis: { select: own, update: own } } }
functions:
  locking:
    calls: { mine: { uid: ':sub' } }
    control: { from: orders }
    expect: { ana: allow, luis: allow }
`;

const tables = `
create table orders (id int primary key, owner uuid, total int);
insert into orders values (1, '11111111-1111-4111-8111-111111111111', 10), (2, '22222222-2222-4222-8222-222222222222', 20);
create table notes (id int primary key, owner uuid, body text);
insert into notes select id, owner, 'a note' from orders;
alter table orders enable row level security;
alter table notes enable row level security;
create policy own on orders to authenticated using (owner = auth.uid());
create policy own on notes to authenticated using (owner = auth.uid());
grant select, update, delete on orders to authenticated;
grant select, update on notes to authenticated;
`;

/** Called with every argument that is tried. */
function locking(body: string, volatility = "volatile"): string {
  return `create function locking(uid uuid) returns setof orders language plpgsql ${volatility} security definer as $$
    begin ${body} return query select * from orders where owner = uid and uid = auth.uid(); end $$;`;
}

const proved = (options: Partial<ProveOptions> & { readonly sql: string }) =>
  prove({ server, matrix, withoutRest: true, arguments: "varied", proof: "all-rows", ...options });

describe("a function that is called with other arguments beside the probes", () => {
  test.each([
    ["locks the rows that are probed", "perform from orders for update;"],
    ["locks a table against every reader", "lock table orders, notes in access exclusive mode;"],
    ["holds that lock for long", "lock table orders, notes in access exclusive mode; perform pg_sleep(1);"],
    ["waits for who else calls it", "perform pg_advisory_xact_lock(1);"],
    ["skips rows that are locked", "perform from orders for update skip locked;"],
    ["keeps a lock that no rollback undoes", "perform pg_advisory_lock(1);"],
  ])("%s: the verdicts are the same", async (_, body) => {
    const { run, cells } = await proved({ sql: tables + locking(body) });
    const others = [...cells.values()].filter(({ verdict }) => verdict !== "pass");
    expect(others.map(({ id, verdict }) => `${id}: ${verdict}`)).toEqual([]);
    expect(run.findings.filter(({ kind }) => kind === "rows-changed")).toEqual([]);
  });

  test("tells what it shows although it gives up where a row is locked", async () => {
    const body =
      "perform from orders for update nowait; return query select * from orders where owner = uid;";
    const giving = `begin ${body} exception when others then return; end;`;
    const { cells } = await proved({ sql: tables + locking(giving) });
    const leaks = [...cells.values()].filter(({ verdict }) => verdict === "leak").map(({ id }) => id);
    expect(leaks.toSorted()).toEqual(["ana/public.locking/execute", "luis/public.locking/execute"]);
  });

  test("is called on the copy: the target's sequences stay", async () => {
    const sql = `${tables} create sequence calls; ${locking("if uid is null then perform nextval('calls'); end if;")}`;
    const { run } = await proved({ sql });
    expect(run.findings.filter(({ kind }) => kind === "sequences-advanced")).toEqual([]);
    const on = await proved({ sql, copy: "none" });
    expect(on.run.findings.filter(({ kind }) => kind === "sequences-advanced")).toHaveLength(1);
    expect([...on.cells.values()].map(({ id, verdict }) => [id, verdict]).toSorted()).toEqual(
      (await cellsOf(sql)).toSorted(),
    );
  });
});

async function cellsOf(sql: string): Promise<string[][]> {
  const { cells } = await proved({ sql });
  return [...cells.values()].map(({ id, verdict }) => [id, verdict]);
}

describe("what is tried beside the probes", () => {
  async function leftAfter(
    options: Partial<ProveOptions>,
    message: RegExp | string,
  ): Promise<readonly string[]> {
    const logs = await mkdtemp(path.join(tmpdir(), "rowgate-beside-"));
    try {
      await expect(proved({ sql: tables + locking(""), logs, ...options })).rejects.toThrow(message);
      return (await readdir(logs, { recursive: true })).filter((name) => /cells|run\.json/.test(name));
    } finally {
      await rm(logs, { recursive: true, force: true });
    }
  }

  test("and fails, ends the run: nothing is archived", async () => {
    const copy = { ...server.database, database: "no_such_database" };
    expect(await leftAfter({ copy }, /no_such_database/)).toEqual([]);
  });

  test("ends when the run is interrupted", async () => {
    const interrupting = new AbortController();
    const events = { planned: () => void setTimeout(() => interrupting.abort(new Error("Ctrl-C")), 300) };
    const sql = tables + locking("perform pg_sleep(2);");
    expect(await leftAfter({ sql, events, interrupted: interrupting.signal }, "Ctrl-C")).toEqual([]);
  });
});

test("a copy has the owner, the privileges and the settings of its database, and is removed", async () => {
  const of = await server.createDatabase("copied");
  const client = new Client({ ...server.database, ssl: false });
  await client.connect();
  const facts = async (name: string): Promise<unknown> => {
    const { rows } = await client.query<Record<string, unknown>>(
      `select datdba::regrole::text, array(select a::text from unnest(datacl) a order by 1) as acl,
         array(select (setrole::regrole, setconfig)::text from pg_db_role_setting where setdatabase = d.oid order by 1) as settings
       from pg_database d where datname = $1`,
      [name],
    );
    return rows[0];
  };
  try {
    await client.query(`
      alter database copied owner to service_role;
      revoke temporary on database copied from public;
      grant create on database copied to anon with grant option;
      alter database copied set "app.tenant" = 'it''s';
      alter role authenticated in database copied set statement_timeout = 5000`);
    const own = await facts("copied");
    const copy = await copyBeside(of);
    expect(copy).toBeDefined();
    expect(await facts(copy?.database ?? "")).toEqual(own);
    await copy?.[Symbol.asyncDispose]();
    expect(await facts(copy?.database ?? "")).toBeUndefined();
  } finally {
    await client.end();
  }
});
