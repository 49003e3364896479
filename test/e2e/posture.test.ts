import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCatalog } from "../../src/catalog/catalog.ts";
import { batchSql } from "../../src/probe/sql/batch.ts";
import { openDirectChannel } from "../../src/probe/sql/channel.ts";
import { firstRequest } from "../../src/probe/sql/first-requests.ts";
import { connect } from "../../src/probe/sql/session.ts";
import { sessionRules } from "../../src/probe/sessions.ts";
import { Caller } from "../../src/probe/http/caller.ts";
import { Clients } from "../../src/probe/http/clients.ts";
import { jsonBody } from "../../src/probe/http/json-text.ts";
import { HttpClient } from "../../src/probe/http/http-client.ts";
import { Transport } from "../../src/probe/http/transport.ts";
import { readSettings } from "../../src/catalog/settings.ts";
import type { ProbeChannel } from "../../src/model/channel.ts";
import { operations } from "../../src/model/matrix.ts";
import { defaultLimits, type Posture, postures, type Target } from "../../src/model/target.ts";
import { postureRules, readsOnly } from "../../src/model/posture.ts";
import { prove } from "../support/prove.ts";
import { openProxy } from "./rest-proxy.ts";
import { cell, openChannel, makeWorld, people, type World } from "./rest-support.ts";

const todosSql = `
  create function me() returns text language sql stable as
    $$ select nullif(current_setting('request.jwt.claims', true), '')::json->>'sub' $$;
  create table todos (id int primary key, owner text not null, title text not null);
  insert into todos values (1, 'alice', 'a1'), (2, 'alice', 'a2'), (3, 'bob', 'b1');
  alter table todos enable row level security;
  create policy own on todos to authenticated using (owner = me()) with check (owner = me());
  grant all on todos to authenticated, service_role;
  create table told (id int primary key);
  insert into told values (1);
  alter table told enable row level security;
  create policy told on told to authenticated using (current_setting('default_transaction_read_only') = 'on');
  grant select on told to authenticated;
`;

let world: World;
beforeAll(async () => {
  // Nothing but what the tests do gets a transaction number.
  world = await makeWorld(todosSql, { server: { settings: { autovacuum: "off" } } });
});
afterAll(async () => {
  await world.stop();
});

function production(over: Partial<Target> = {}): Target {
  return {
    name: "live",
    posture: "production",
    database: world.database,
    rest: {
      url: world.gateway.url,
      apiKey: undefined,
      gateway: world.gateway.info,
      anonRole: "anon",
      login: world.server.authenticator.user,
    },
    signingKey: undefined,
    schemas: world.schemas,
    preRequest: undefined,
    limits: defaultLimits,
    ...over,
  };
}

async function openDirect(target: Target): Promise<ProbeChannel> {
  const roles = [...new Set(people.map(({ role }) => role))];
  const { login } = await readCatalog(world.client, world.schemas, roles);
  const inForce = await readSettings(world.client, roles, undefined);
  const identities = new Map(
    people.map((persona) => [
      persona.name,
      { persona, claims: persona.claims, token: undefined, settings: {} },
    ]),
  );
  const gateway = target.rest !== undefined;
  const sessions = sessionRules({ identities, inForce, gateway, home: login.name });
  return openDirectChannel({ target, sessions, home: login });
}

/** Postgres gives a transaction a number as soon as it writes, whether that is undone or not. */
async function nextTransaction(client: Client): Promise<unknown> {
  return (await client.query("select pg_snapshot_xmax(pg_current_snapshot())::text as next")).rows[0]?.next;
}

const writes = operations.filter((one) => one !== "select" && one !== "execute");

const refused = { code: "posture/write-refused" };
const answeredByCatalogue = [
  { observation: { kind: "statement" }, probe: expect.stringContaining("has_table_privilege") },
];

describe("a write that comes as far as a channel of a production target", () => {
  it.each(writes)(
    "direct: %s is refused by an error of its own, or answered without being sent",
    async (operation) => {
      const before = await nextTransaction(world.client);
      const channel = await openDirect(production());
      try {
        const one = cell(world, "alice", operation, "todos", "deny");
        const sent = channel.roundTrips;
        const asked = await channel.probe([one]).catch((error: unknown) => error);
        expect(asked).toMatchObject(operation === "truncate" ? answeredByCatalogue : refused);
        expect(channel.forbids(one)).toBe(
          operation === "truncate" ? undefined : "no write is sent to production",
        );
        expect(channel.roundTrips).toBe(sent);
      } finally {
        await channel.close();
      }
      expect(await nextTransaction(world.client)).toBe(before);
    },
  );

  it("direct: a connection in a lost one's place is told to be read-only too", async () => {
    const channel = await openDirect(production());
    const one = cell(world, "alice", "select", "told", "allow");
    try {
      expect(await channel.probe([one])).toMatchObject([{ observation: { kind: "rows", affected: 1 } }]);
      await world.client.query(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'rowgate' and pid <> pg_backend_pid() and datname = current_database()",
      );
      // The probe that meets the loss has no answer; the next one opens another connection.
      expect(await channel.probe([one])).toMatchObject([{ observation: { kind: "failed" } }]);
      expect(await channel.probe([one])).toMatchObject([{ observation: { kind: "rows", affected: 1 } }]);
    } finally {
      await channel.close();
    }
  });

  it.each(writes)("rest: %s is refused by an error of its own", async (operation) => {
    const channel = await openChannel(world, { posture: "production" });
    try {
      const sent = channel.roundTrips;
      await expect(channel.probe([cell(world, "alice", operation, "todos", "deny")])).rejects.toMatchObject({
        code: "posture/write-refused",
      });
      expect(channel.roundTrips).toBe(sent);
    } finally {
      await channel.close();
    }
  });

  it.each(writes.filter((one) => one !== "insert"))(
    "direct: no batch is made of a statement that writes: %s",
    async (operation) => {
      const one = cell(world, "alice", operation, "todos", "deny");
      const disguised = { ...one, operation: "select" } as const;
      const inForce = await readSettings(world.client, [], undefined);
      const settings = {
        sessions: sessionRules({ identities: new Map(), inForce, gateway: true, home: "postgres" }),
        preRequest: undefined,
        readOnly: true,
        statementTimeoutMs: 1000,
        keepsPlans: false,
      };
      const request = firstRequest[operation as Exclude<typeof operation, "insert">](one, {
        replica: false,
        logins: false,
      });
      for (const posing of [one, disguised])
        expect(() => batchSql([{ cell: posing, request }], settings)).toThrow(/takes no writes/);
      expect(() => batchSql([{ cell: one, request }], { ...settings, readOnly: false })).not.toThrow();
    },
  );

  it("rest: nothing but GET and HEAD leaves, whoever calls", async () => {
    const proxy = await openProxy(world.gateway.url);
    const transport = new Transport({ url: proxy.url, connections: 1, timeoutMs: 5_000, readOnly: true });
    const target = production();
    try {
      const clients = new Clients(
        { ...target.rest, url: proxy.url } as NonNullable<Target["rest"]>,
        transport.fetch,
      );
      const client = clients.withToken(undefined, "public");
      const todos = { schema: "public", name: "todos", columns: [] };
      const caller = new Caller(client, new HttpClient(transport), todos);
      const rpc = {
        method: "POST",
        arguments: jsonBody({}, () => undefined),
        value: undefined,
        returnsSet: false,
      } as const;
      const calling = new Caller(client, new HttpClient(transport), { ...todos, name: "anything" }, rpc);
      const every = { kind: "none" } as const;
      const tries = [
        () => caller.insert({ id: "9" }),
        () => caller.upsert({ id: "9" }, ["id"]),
        () => caller.update(every, { title: "x" }),
        () => caller.delete(every),
        () => calling.run(),
        () => calling.read({ columns: [] }),
        () => transport.send({ build: () => client.from("todos").delete() }),
      ];
      for (const send of tries) await expect(send()).rejects.toMatchObject({ code: "posture/write-refused" });
      expect(proxy.arrived).toEqual([]);
    } finally {
      await transport.close();
      await proxy.stop();
    }
  });

  it.each([
    "insert into todos default values",
    "update todos set title = 'x'",
    "delete from todos",
    "truncate todos",
    "create table t ()",
    "create temporary sequence s; select nextval('s')",
    "do $$ begin delete from todos; end $$",
    "select * from todos for update",
  ])("the server stops it in a session of ours: %s", async (sql) => {
    const client = await connect({ ...world.database, readOnly: true }, defaultLimits);
    try {
      await expect(client.query(sql)).rejects.toMatchObject({ code: "25006" });
    } finally {
      await client.end();
    }
  });
});

describe("which postures write", () => {
  it("is a table without gaps", () => {
    const may = postures.map((posture): [Posture, boolean] => [posture, !readsOnly({ posture })]);
    expect(Object.fromEntries(may)).toEqual({
      embedded: true,
      container: true,
      staging: true,
      production: false,
    });
    expect(Object.keys(postureRules).toSorted()).toEqual([...postures].toSorted());
  });
});

describe("a whole run", () => {
  const sql = `
    create table docs (id int primary key, owner uuid not null, title text);
    insert into docs values (1, '11111111-1111-4111-8111-111111111111', 'a'), (2, '22222222-2222-4222-8222-222222222222', 'b');
    alter table docs enable row level security;
    grant select, insert, update, delete on docs to authenticated;
    create policy own on docs to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
    create function seen() returns int language sql stable as 'select count(*)::int from docs';
    create function touch() returns int language sql volatile as 'update docs set title = title returning 1';
  `;
  const matrix = `matrix: case
personas:
  ana: { role: authenticated, claims: { sub: 11111111-1111-4111-8111-111111111111 } }
relations:
  docs:
    rows: { mine: owner = :sub }
    expect: { ana: { select: mine, update: mine, delete: mine, insert: allow } }
functions:
  seen: { calls: { now: {} }, expect: { ana: { accept: [now] } } }
  touch: { calls: { now: {} }, expect: { ana: { accept: [now] } } }
`;
  const proving = { sql, matrix, measure: nextTransaction };

  it("in production writes nothing at all, says what it skipped, and proves what it read", async () => {
    const { run, cells, measured } = await prove({ server: world.server, ...proving, posture: "production" });
    expect(measured[1]).toBe(measured[0]);
    for (const operation of ["select", "truncate"])
      expect(cells.get(`ana/public.docs/${operation}`)?.verdict, operation).toBe("pass");
    for (const operation of ["insert", "update", "delete", "blind_update", "blind_delete", "upsert"]) {
      const { channels, verdict } = cells.get(`ana/public.docs/${operation}`) ?? {};
      expect(verdict, operation).toBe("skipped");
      for (const record of Object.values(channels ?? {}))
        expect(record.observation).toEqual({ kind: "skipped", reason: "no write is sent to production" });
    }
    expect(cells.get("ana/public.seen/execute")?.verdict).toBe("pass");
    expect(cells.get("ana/public.touch/execute")?.verdict).toBe("skipped");
    expect(run.exitCode).toBe(0);
    expect(run.fingerprints).toEqual([]);
  });

  it("so does one with `writes: none`, and says why", async () => {
    const { cells, measured } = await prove({
      server: world.server,
      ...proving,
      posture: "staging",
      writes: "none",
    });
    expect(measured[1]).toBe(measured[0]);
    expect(cells.get("ana/public.docs/update")?.channels.direct?.observation).toMatchObject({
      kind: "skipped",
      reason: expect.stringContaining("writes: none"),
    });
  });

  it("elsewhere it writes, and undoes: the measure can see it", async () => {
    const { run, measured } = await prove({ server: world.server, ...proving });
    expect(run.counts.byVerdict.skipped).toBe(0);
    expect(Number(measured[1])).toBeGreaterThan(Number(measured[0]));
  });
});
