import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { nextTransaction } from "../../src/probe/sql/probe-rows-left.ts";
import { clearUp } from "../../src/probe/scratch/ledger.ts";
import { ScratchRows } from "../../src/probe/scratch/scratch-rows.ts";
import { Caller } from "../../src/probe/http/caller.ts";
import { Clients } from "../../src/probe/http/clients.ts";
import { jsonBody } from "../../src/probe/http/json-text.ts";
import { HttpClient } from "../../src/probe/http/http-client.ts";
import { Transport } from "../../src/probe/http/transport.ts";
import type { Cell } from "../../src/model/cell.ts";
import { RowgateError } from "../../src/model/errors.ts";
import type { RowJournal, RowName } from "../../src/model/scratch-row.ts";
import { defaultLimits, type Target } from "../../src/model/target.ts";
import { openProxy, type Proxy } from "./rest-proxy.ts";
import { cell, makeWorld, type World } from "./rest-support.ts";

const sql = `
  create table notes (id uuid primary key default gen_random_uuid(), owner text not null, body text);
  create table others (id uuid primary key default gen_random_uuid(), owner text not null);
  insert into notes (owner) values ('alice'), ('bob');
  insert into others (owner) values ('alice'), ('bob');
  grant all on notes, others to authenticated;
`;

let world: World;
let proxy: Proxy;
beforeAll(async () => {
  world = await makeWorld(sql, { gateway: { txEnd: "commit" } });
  proxy = await openProxy(world.gateway.url);
});
afterAll(async () => {
  await proxy.stop();
  await world.stop();
});

/** In memory; `note` may be made to fail, or to look at what is there meanwhile. */
interface Notebook extends RowJournal {
  readonly noted: RowName[];
  discarded: boolean;
}

function notebook(onNote: (row: RowName) => Promise<void> = async () => {}): Notebook {
  const book: Notebook = {
    noted: [],
    discarded: false,
    note: async (rows) => {
      for (const row of rows) await onNote(row);
      book.noted.push(...rows);
    },
    discard: async () => void (book.discarded = true),
  };
  return book;
}

let since: string;
let own: ScratchRows;
let book: Notebook;
beforeEach(async () => {
  since = await nextTransaction(world.client);
  own = await open((book = notebook()));
});
afterEach(async () => {
  await own.close();
  if ((await count("notes")) !== 2) throw new Error("rows were left");
});

const open = (journal: RowJournal): Promise<ScratchRows> =>
  ScratchRows.open({
    address: world.database,
    limits: defaultLimits,
    journal,
    since,
    mayFire: () => false,
  });
const about = (relation = "notes"): Cell => cell(world, "alice", "update", relation, "deny");
const count = async (table: string): Promise<number> =>
  Number((await world.client.query<{ n: string }>(`select count(*) n from ${table}`)).rows[0]?.n);
const inside = "owner = 'alice'";

/** Ends the connection by which rows are made and removed. */
const endSession = (): Promise<unknown> =>
  world.client.query(
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'rowgate' and datname = current_database()",
  );

describe("what is journalled", () => {
  it("is written down before it is made", async () => {
    const seen: number[] = [];
    const late = await open(notebook(async () => void seen.push(await count("notes"))));
    await late.copies(about(), inside);
    expect(seen).toEqual([2, 3]);
    await late.close();
  });

  it("is not made where it cannot be written down", async () => {
    const full = await open(
      notebook(() => Promise.reject(new RowgateError({ code: "archive/disk", message: "full" }))),
    );
    await expect(full.copies(about(), inside)).rejects.toThrow("full");
    expect(await count("notes")).toBe(2);
    await full.close();
  });

  it("is discarded when all of it is gone, and only then", async () => {
    await own.copies(about(), inside);
    expect(book.noted).toHaveLength(2);
    expect((await own.ledger.finish()).map(({ gone }) => gone)).toEqual([true, true]);
    expect(book.discarded).toBe(true);
  });

  it("stays when a write had no answer: it may come after it was looked for", async () => {
    await own.copies(about(), inside);
    own.ledger.noAnswer();
    expect((await own.ledger.finish()).map(({ gone }) => gone)).toEqual([false, false]);
    expect(book.discarded).toBe(false);
  });

  it("does not name a row that the database refused to make", async () => {
    await world.client.query("alter table notes add constraint no check (id::text not like '726f7767%')");
    try {
      expect(await own.copies(about(), inside)).toMatchObject({
        reason: expect.stringContaining("violates check constraint"),
      });
      expect(await own.ledger.finish()).toEqual([]);
    } finally {
      await world.client.query("alter table notes drop constraint no");
    }
  });
});

describe("rows to copy", () => {
  it("are looked for with full sight, and nothing that a predicate does stays or is written", async () => {
    await world.client.query(
      "create function writes() returns boolean language sql as 'insert into others (owner) values (''x'') returning true'",
    );
    await expect(own.copies(about(), "writes()")).rejects.toMatchObject({ code: "25006" });
    await own.copies(about(), "set_config('rowgate.seen', 'x', false) is not null");
    const unlessSet = "1 / (case when current_setting('rowgate.seen', true) = 'x' then 0 else 1 end) = 1";
    await expect(own.copies(about(), unlessSet)).resolves.toHaveProperty("made");
  });

  it("are none that a policy shows to whoever logs in", async () => {
    await world.client.query(`
      create role plain login password 'seen' noinherit; grant authenticated to plain; grant all on notes to plain;
      alter table notes enable row level security; create policy own on notes using (owner = 'alice')`);
    const address = { ...world.database, user: "plain", password: "seen" };
    const options = { address, limits: defaultLimits, journal: book, since, mayFire: () => false };
    const blind = await ScratchRows.open(options);
    try {
      await expect(blind.copies(about(), inside)).rejects.toMatchObject({ code: "42501" });
    } finally {
      await blind.close();
      await world.client.query("alter table notes disable row level security; drop policy own on notes");
    }
  });

  it("are not said to be none when the connection is gone", async () => {
    const lost = await open(notebook(async () => void (await endSession())));
    await expect(lost.copies(about(), inside)).rejects.toThrow(/not queryable|terminat/);
    await lost.close();
  });
});

describe("what is removed", () => {
  it("is what was made for a cell, when the cell is done", async () => {
    await own.copies(about(), inside);
    const other = cell(world, "bob", "update", "notes", "deny");
    const made = await own.copies(other, inside);
    const theirs = "made" in made ? made.made.length : 0;
    expect(await count("notes")).toBe(4 + theirs);
    await own.ledger.remove(about());
    expect(await count("notes")).toBe(2 + theirs);
    await own.ledger.remove(other);
    expect(await count("notes")).toBe(2);
  });

  it("is removed whatever a persona has written into it, and not where somebody had that key before", async () => {
    const made = await own.copies(about(), inside);
    const [first, second] = "made" in made ? made.made : [];
    await world.client.query("update notes set body = 'changed' where id = $1", [first?.row.key["id"]]);
    const later = await nextTransaction(world.client);
    const stranger = { rows: [second?.row as RowName], since: later };
    expect(await clearUp(world.database, defaultLimits, stranger)).toEqual({
      removed: 0,
      left: [{ row: second?.row, because: "it was written before that run" }],
    });
    expect(await clearUp(world.database, defaultLimits, { rows: [first?.row as RowName], since })).toEqual({
      removed: 1,
      left: [],
    });
  });

  it("is not what stands in the way of a removal: that is told, and the journal stays", async () => {
    const made = await own.copies(about(), inside);
    const [first] = "made" in made ? made.made : [];
    await world.client.query("create table stars (note uuid references notes)");
    await world.client.query("insert into stars values ($1)", [first?.row.key["id"]]);
    await own.ledger.remove(about());
    expect(await count("notes")).toBe(3);
    expect((await own.ledger.finish()).map(({ gone }) => gone)).toEqual([false, true]);
    expect(book.discarded).toBe(false);
    await world.client.query("drop table stars");
  });

  it("goes with its table", async () => {
    await world.client.query(
      "create table passing (like notes including all); grant all on passing to public",
    );
    const rows = [{ relation: { schema: "public", name: "passing" }, key: { id: crypto.randomUUID() } }];
    await world.client.query("drop table passing");
    expect(await clearUp(world.database, defaultLimits, { rows, since })).toEqual({ removed: 0, left: [] });
  });

  it("what cannot be removed for another reason is told", async () => {
    const rows = [{ relation: { schema: "public", name: "notes" }, key: { id: "no uuid" } }];
    const { left } = await clearUp(world.database, defaultLimits, { rows, since });
    expect(left).toEqual([{ row: rows[0], because: expect.stringContaining("invalid input syntax") }]);
  });

  it("is removed by another connection when this one is gone", async () => {
    await own.copies(about(), inside);
    await endSession();
    expect((await own.ledger.finish()).map(({ gone }) => gone)).toEqual([true, true]);
    expect(book.discarded).toBe(true);
    expect(await count("notes")).toBe(2);
  });

  it("is not said to be gone when nobody can look", async () => {
    await own.copies(about(), inside);
    const { database } = world.database;
    const elsewhere = await world.server.createDatabase("elsewhere");
    const admin = new (world.client.constructor as new (of: object) => World["client"])({
      ...elsewhere,
      ssl: false,
    });
    await admin.connect();
    await admin.query(`alter database "${database}" allow_connections false`);
    await endSession();
    try {
      expect((await own.ledger.finish()).map(({ gone }) => gone)).toEqual([false, false]);
      expect(book.discarded).toBe(false);
    } finally {
      await admin.query(`alter database "${database}" allow_connections true`);
      await admin.end();
    }
    expect((await own.ledger.finish()).map(({ gone }) => gone)).toEqual([true, true]);
  });
});

const row = (id: string) => ({ kind: "row", columns: ["id"], key: [id] }) as const;

describe("what may be written through a gateway that commits", () => {
  const every = { kind: "none" } as const;

  it("is a scratch row by its whole key, whoever asks for more", async () => {
    const made = await own.copies(about(), inside);
    const key = "made" in made ? (made.made[0]?.row.key["id"] ?? "") : "";
    const { rows } = await world.client.query<{ id: string }>("select id from notes limit 1");
    const theirs = rows[0]?.id ?? "";
    const transport = new Transport({ url: proxy.url, connections: 1, timeoutMs: 5_000, readOnly: false });
    const rest = { url: proxy.url, anonRole: "authenticated" } as unknown as NonNullable<Target["rest"]>;
    const client = new Clients(rest, transport.fetch).withToken(undefined, "public");
    const http = new HttpClient(transport);
    http.commitScratchRows(() => {});
    const callerOf = (relation: string): Caller => {
      const { info, key: columns } = about(relation).relation;
      return new Caller(client, http, info, undefined, {
        columns,
        permits: (names, values) => own.ledger.permits(info, names, values),
      });
    };
    const [notes, others] = [callerOf("notes"), callerOf("others")];
    const before = proxy.arrived.length;
    const rpc = {
      method: "POST",
      arguments: jsonBody({}, () => undefined),
      value: undefined,
      returnsSet: false,
    } as const;
    const unnamed = new Caller(client, http, about().relation.info);
    const tries = [
      () => notes.update(row(theirs), { body: "x" }),
      () => notes.update(every, { body: "x" }),
      () => notes.update({ kind: "reads", column: "id", nullable: false }, { body: "x" }),
      () => notes.update(row(key), { id: theirs }),
      () => notes.update({ kind: "row", columns: ["owner"], key: [key] }, { body: "x" }),
      () => notes.delete(row(theirs)),
      () => notes.delete(every),
      () => notes.insert({ owner: "x" }),
      () => notes.insert({ id: theirs, owner: "x" }),
      () => notes.insert({ id: null, owner: "x" }),
      () => notes.upsert({ id: theirs, owner: "x" }, ["id"]),
      () => others.delete(row(key)),
      () => others.insert({ id: key, owner: "x" }),
      () => unnamed.delete(row(key)),
      () => new Caller(client, http, { ...about().relation.info, name: "f" }, rpc).run(),
    ];
    try {
      for (const send of tries)
        await expect(send(), send.toString()).rejects.toMatchObject({ code: "posture/write-refused" });
      expect(proxy.arrived.length).toBe(before);
      await notes.delete(row(key));
      expect(proxy.arrived.length).toBe(before + 1);
    } finally {
      await transport.close();
    }
  });
});
