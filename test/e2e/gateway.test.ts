import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startEmbedded } from "../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import type { GatewayConfig, TxEnd } from "../../src/stage/gateway/config.ts";
import { startGateway } from "../../src/stage/gateway/server.ts";
import type { RunningGateway } from "../../src/stage/gateway/server.ts";
import { send } from "./gateway-client.ts";
import { alice, asOwner, bearer, codeOf, configFor, get, json, service } from "./gateway-support.ts";

// What the recorded answers do not show: what stays in the database, what two requests do to each other, and what somebody
// with bad intentions can send.

const schema = `
  create schema api;
  grant usage on schema api to anon, authenticated, service_role;
  create table api.notes (id int primary key, owner text, body text default 'empty');
  alter table api.notes enable row level security;
  create policy own on api.notes using (owner = current_setting('request.jwt.claims', true)::json->>'sub');
  create table api.parents (id int primary key);
  create table api.children (id int primary key, parent int references api.parents deferrable initially deferred);
  create table api.secrets (id int primary key);
  create function api.whoami() returns json language sql stable as $$
    select json_build_object('role', current_user, 'sub', current_setting('request.jwt.claims', true)::json->>'sub',
      'path', current_setting('request.path', true), 'method', current_setting('request.method', true)) $$;
  create function api.answer(status text) returns text language sql stable as $$
    select set_config('response.status', status, true) $$;
  create function api.sleep() returns void language sql as $$ select pg_sleep(60) $$;
  create domain api.colour as int;
  create function api.colour_json(api.colour) returns json language sql immutable as $$ select to_json('#' || to_hex($1)) $$;
  create cast (api.colour as json) with function api.colour_json(api.colour) as implicit;
  create table api.painted (id int primary key, colour api.colour);
  create domain api."text/html" as text;
  create function api.page() returns api."text/html" language sql stable as $$ select '<p>'::text $$;
  grant all on api.notes, api.parents, api.children, api.painted to anon, authenticated, service_role;
`;
const rows = `
  truncate api.notes, api.parents, api.children, api.secrets, api.painted;
  insert into api.notes values (1, 'alice', 'a'), (2, 'bob', 'b');
  insert into api.parents values (1);
  insert into api.children values (1, 1);
  insert into api.secrets values (1);
  insert into api.painted values (1, 255);
`;

let server: EmbeddedServer;
let gateway: RunningGateway;
const started: RunningGateway[] = [];

beforeAll(async () => {
  server = await startEmbedded();
  await asOwner(server, "postgres", "create database behaviour");
  await asOwner(server, "behaviour", schema);
});

beforeEach(async () => {
  await asOwner(server, "behaviour", rows);
  gateway = await open();
});

afterEach(async () => {
  await Promise.all(started.splice(0).map(async (one) => one.stop()));
});

afterAll(async () => {
  await server?.stop();
});

async function open(over: Partial<GatewayConfig> = {}): Promise<RunningGateway> {
  const one = await startGateway(configFor(server, "behaviour", over));
  started.push(one);
  return one;
}

const bodies = async (): Promise<unknown> =>
  Object.fromEntries(
    (await asOwner(server, "behaviour", "select id, body from api.notes")).map((row) => [
      row["id"],
      row["body"],
    ]),
  );

test("it says that it is not PostgREST, and listens on the loopback address only", async () => {
  const { headers } = await get(gateway.url, "/notes");
  expect(gateway.info.kind).toBe("builtin");
  expect(headers["server"]).toBe("rowgate-builtin-gateway");
  expect(gateway.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
});

test("/rest/v1 is the same place, which the request's path does not show", async () => {
  const [plain, prefixed] = [
    await get(gateway.url, "/notes", alice),
    await get(gateway.url, "/rest/v1/notes", alice),
  ];
  expect([prefixed.status, prefixed.body]).toEqual([plain.status, plain.body]);
  expect(JSON.parse((await get(gateway.url, "/rest/v1/rpc/whoami")).body)).toMatchObject({
    path: "/rpc/whoami",
  });
  expect((await send(gateway.url, { method: "OPTIONS", path: "/rest/v1/" })).headers["allow"]).toBe(
    "OPTIONS,GET,HEAD",
  );
  expect((await send(gateway.url, { method: "OPTIONS", path: "/rest/v1" })).headers["allow"]).toBe(
    "OPTIONS,GET,HEAD",
  );
});

describe("what stays", () => {
  const cases: readonly { txEnd: TxEnd; prefer?: string; stays: boolean; applied: string | undefined }[] = [
    { txEnd: "commit", stays: true, applied: undefined },
    { txEnd: "commit", prefer: "tx=rollback", stays: true, applied: undefined },
    { txEnd: "commit-allow-override", stays: true, applied: undefined },
    { txEnd: "commit-allow-override", prefer: "tx=rollback", stays: false, applied: "tx=rollback" },
    { txEnd: "rollback", stays: false, applied: undefined },
    { txEnd: "rollback", prefer: "tx=commit", stays: false, applied: undefined },
    { txEnd: "rollback-allow-override", stays: false, applied: undefined },
    { txEnd: "rollback-allow-override", prefer: "tx=commit", stays: true, applied: "tx=commit" },
  ];

  test.each(cases)("db-tx-end=$txEnd and Prefer: $prefer", async ({ txEnd, prefer, stays, applied }) => {
    const { url } = await open({ txEnd });
    const headers = { ...alice, ...json, ...(prefer === undefined ? {} : { Prefer: prefer }) };
    const answer = await send(url, {
      method: "PATCH",
      path: "/notes?id=eq.1",
      headers,
      body: '{"body":"new"}',
    });
    expect([answer.status, answer.headers["preference-applied"]]).toEqual([204, applied]);
    expect(await bodies()).toEqual({ 1: stays ? "new" : "a", 2: "b" });
  });

  const refusedAfterwards = [
    {
      name: "an object of no row",
      method: "PATCH",
      path: "/notes?id=eq.9",
      accept: "object",
      code: "PGRST116",
    },
    {
      name: "an object of two rows",
      method: "PATCH",
      path: "/notes",
      as: service,
      accept: "object",
      code: "PGRST116",
    },
    {
      name: "a deferred constraint",
      method: "PATCH",
      path: "/children?id=eq.1",
      body: { parent: 9 },
      code: "23503",
    },
  ];

  test.each(refusedAfterwards)("nothing, of a write that is refused after it ran: $name", async (row) => {
    const { url } = await open({ txEnd: "commit" });
    const headers = {
      ...(row.as ?? alice),
      ...json,
      ...(row.accept === undefined ? {} : { Accept: `application/vnd.pgrst.${row.accept}+json` }),
    };
    const body = JSON.stringify(row.body ?? { body: "new" });
    expect(codeOf(await send(url, { method: row.method, path: row.path, headers, body }))).toBe(row.code);
    expect(await bodies()).toEqual({ 1: "a", 2: "b" });
    expect(await asOwner(server, "behaviour", "select parent from api.children")).toEqual([{ parent: 1 }]);
  });

  test("deferred constraints speak in a transaction that is rolled back, too", async () => {
    const headers = { ...alice, ...json };
    const answer = await send(gateway.url, {
      method: "PATCH",
      path: "/children",
      headers,
      body: '{"parent":9}',
    });
    expect([answer.status, codeOf(answer)]).toEqual([409, "23503"]);
  });
});

describe("two requests", () => {
  test("never mix their identities, however they share connections", async () => {
    const { url } = await open({ poolSize: 3 });
    const who = [
      { headers: {}, role: "anon", sub: null },
      { headers: alice, role: "authenticated", sub: "alice" },
      { headers: bearer({ role: "authenticated", sub: "bob" }), role: "authenticated", sub: "bob" },
      { headers: service, role: "service_role", sub: null },
    ];
    const ask = async (n: number): Promise<void> => {
      const { headers, role, sub } = who[n % who.length] ?? { headers: {}, role: "", sub: "" };
      // Every third request fails, and leaves its transaction to the next one on that connection.
      const path = n % 3 === 0 ? "/secrets" : "/rpc/nope";
      expect(["42501", "PGRST202"]).toContain(codeOf(await get(url, path, headers)));
      expect(JSON.parse((await get(url, "/rpc/whoami", headers)).body)).toMatchObject({ role, sub });
    };
    await Promise.all(Array.from({ length: 400 }, async (_, n) => ask(n)));
  });

  test("are each asked for the USAGE of the schema, though they share a connection and a statement", async () => {
    await asOwner(
      server,
      "behaviour",
      "create role outsider; grant outsider to authenticator with inherit false, set true; grant select on api.parents to outsider",
    );
    const { url } = await open({ poolSize: 1 });
    expect((await get(url, "/parents", alice)).status).toBe(200);
    const answer = await get(url, "/parents", bearer({ role: "outsider" }));
    expect([answer.status, JSON.parse(answer.body)]).toMatchObject([
      403,
      { message: "permission denied for schema api" },
    ]);
    expect((await get(url, "/parents", alice)).status).toBe(200);
  });

  test("go on when the server has closed the connections between them", async () => {
    const { url } = await open({ poolSize: 2 });
    expect((await get(url, "/notes")).status).toBe(200);
    await asOwner(
      server,
      "behaviour",
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rowgate builtin gateway'",
    );
    // The first may meet a connection whose end has not arrived yet; none after it.
    const statuses = [
      (await get(url, "/notes")).status,
      (await get(url, "/notes")).status,
      (await get(url, "/notes")).status,
    ];
    expect([200, 503]).toContain(statuses[0]);
    expect(statuses[2]).toBe(200);
  });
});

test("a connection that the server closes under a statement is a 503, and the gateway lives on", async () => {
  const { url } = await open({ poolSize: 1 });
  const sleep = send(url, { method: "POST", path: "/rpc/sleep", headers: { ...alice, ...json }, body: "{}" });
  const kill =
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rowgate builtin gateway' and wait_event = 'PgSleep'";
  while ((await asOwner(server, "behaviour", kill)).length === 0);
  const answer = await sleep;
  expect([answer.status, codeOf(answer)]).toEqual([503, "57P01"]);
  expect((await get(url, "/notes")).status).toBe(200);
});

test("a statement that takes too long is cancelled", async () => {
  const { url } = await open({ statementTimeoutMs: 200 });
  const answer = await send(url, {
    method: "POST",
    path: "/rpc/sleep",
    headers: { ...alice, ...json },
    body: "{}",
  });
  expect([answer.status, codeOf(answer)]).toEqual([500, "57014"]);
});

test("a table made after the start is known after a reload", async () => {
  await asOwner(server, "behaviour", "create table api.late (id int); grant select on api.late to anon");
  expect(codeOf(await get(gateway.url, "/late"))).toBe("PGRST205");
  await gateway.reload();
  expect((await get(gateway.url, "/late")).status).toBe(200);
  await asOwner(server, "behaviour", "drop table api.late");
});

test.each([
  ["204", 204, undefined],
  ["299", 299, undefined],
  ["100", 500, "PGRST112"],
  ["99999", 500, "PGRST112"],
  ["x", 500, "PGRST112"],
])("a function may set the status to %s: %s", async (text, status, code) => {
  const path = `/rpc/answer?status=${text}`;
  const answer = await get(gateway.url, path, alice);
  expect([answer.status, codeOf(answer)]).toEqual([status, code]);
});

describe("what it does not speak is 501, and says what", () => {
  const cases: readonly { path: string; headers?: Record<string, string>; method?: string; what: RegExp }[] =
    [
      { path: "/", what: /OpenAPI/ },
      { path: "/notes?select=id,parents(id)", what: /embedding/ },
      { path: "/notes?select=...parents(id)", what: /embedding/ },
      { path: "/notes?select=body->x", what: /JSON paths/ },
      { path: "/notes?body->>x=eq.1", what: /JSON paths/ },
      { path: "/notes?order=body->x", what: /JSON paths/ },
      { path: "/notes?select=id::text", what: /casts/ },
      { path: "/notes?select=id.sum()", what: /aggregate/ },
      { path: "/notes?parents.id=eq.1", what: /embedding/ },
      { path: "/notes?order=parents(id)", what: /embedding/ },
      { path: "/notes?body=ilike(any).{a}", what: /\(any\)/ },
      { path: "/notes?body=imatch.a", what: /regular expressions/ },
      { path: "/notes?body=isdistinct.a", what: /isdistinct/ },
      { path: "/notes?body=cs.{a}", what: /arrays and ranges/ },
      { path: "/notes?id=eq.1", method: "PUT", what: /PUT/ },
      { path: "/notes", method: "OPTIONS", what: /OPTIONS/ },
      { path: "/rpc/whoami", method: "OPTIONS", what: /OPTIONS/ },
      { path: "/notes?body=fts.x", what: /full-text/ },
      { path: "/notes?body=not.wfts(english).x", what: /full-text/ },
      { path: "/notes", headers: { Accept: "text/csv" }, what: /media type/ },
      {
        path: "/notes",
        headers: { Accept: "application/vnd.pgrst.object+json;nulls=stripped" },
        what: /media type/,
      },
      { path: "/notes", headers: { Accept: "application/json, */*" }, what: /media type/ },
      { path: "/notes", headers: { Prefer: "count=planned" }, what: /count=planned/ },
      { path: "/notes", headers: { Prefer: "handling=strict" }, what: /handling/ },
      { path: "/notes", headers: { Prefer: "max-affected=1" }, what: /max-affected/ },
      { path: "/notes", headers: { Prefer: "return=headers-only" }, what: /headers-only/ },
      {
        path: "/notes",
        method: "POST",
        headers: { "Content-Type": "text/csv" },
        what: /bodies of type text\/csv/,
      },
      { path: "/notes?id=eq.%FF", what: /UTF-8/ },
      { path: "/painted", what: /data representations/ },
      { path: "/rpc/page", what: /media type/ },
    ];

  test.each(cases)("$method $path $headers", async ({ path, headers = {}, method = "GET", what }) => {
    const answer = await send(gateway.url, {
      method,
      path,
      headers: { ...alice, ...headers },
      body: method === "POST" ? "x" : null,
    });
    expect([answer.status, codeOf(answer)]).toEqual([501, "ROWGATE501"]);
    expect((JSON.parse(answer.body) as { message: string }).message).toMatch(what);
  });

  test("but who asks is checked first", async () => {
    const answer = await get(gateway.url, "/notes?select=parents(id)", { Authorization: "Bearer nonsense" });
    expect(codeOf(answer)).toBe("PGRST301");
  });
});

describe("bad intentions", () => {
  const drop = "x'; drop table api.notes; --";
  const nasty = [
    drop,
    `x"; drop table api.notes; --`,
    `$$; drop table api.notes; $$`,
    `\\'; drop table api.notes; --`,
    `1) or 1=1; drop table api.notes; --`,
    `/*`,
    `\u0000`,
    `%00'`,
    `$1`,
    `{"a\\"}`,
  ];
  const places: Readonly<
    Record<string, (text: string) => { path: string; headers?: Record<string, string> }>
  > = {
    "a filter's value": (text) => ({ path: `/notes?body=eq.${text}` }),
    "a list": (text) => ({ path: `/notes?body=in.(${text},"${text}")` }),
    "a pattern": (text) => ({ path: `/notes?body=ilike.${text}` }),
    "a filter's column": (text) => ({ path: `/notes?${text}=eq.1` }),
    "a quoted column": (text) => ({ path: `/notes?"${text}"=eq.1` }),
    "a condition": (text) => ({ path: `/notes?or=(body.eq.${text},"${text}".is.null)` }),
    "a select": (text) => ({ path: `/notes?select=${text}` }),
    "an alias": (text) => ({ path: `/notes?select="${text}":id` }),
    "a cast": (text) => ({ path: `/notes?select=id::${text}` }),
    "an order": (text) => ({ path: `/notes?order=${text}` }),
    "a limit": (text) => ({ path: `/notes?limit=${text}&offset=${text}` }),
    "a relation": (text) => ({ path: `/${text.replaceAll("/", "")}` }),
    "a function": (text) => ({ path: `/rpc/${text.replaceAll("/", "")}` }),
    "an argument": (text) => ({ path: `/rpc/whoami?${text}=${text}` }),
    "a profile": (text) => ({ path: "/notes", headers: { "Accept-Profile": text } }),
    "a time zone": (text) => ({ path: "/notes", headers: { Prefer: `timezone=${text}` } }),
    "a header that functions can read": (text) => ({
      path: "/rpc/whoami",
      headers: { "X-Any": text, Cookie: `a=${text}` },
    }),
    "a role": (text) => ({ path: "/notes", headers: bearer({ role: text }) }),
    "a claim": (text) => ({
      path: "/notes",
      headers: bearer({ role: "authenticated", sub: text, [text]: text }),
    }),
  };

  test.each(Object.keys(places))("in %s change nothing and show nothing", async (place) => {
    for (const text of nasty) {
      const encoded = place.startsWith("a role") || place === "a claim" ? text : encodeURIComponent(text);
      const { path, headers = {} } = places[place]?.(encoded) ?? { path: "/" };
      const answer = await get(gateway.url, path, { ...alice, ...headers });
      expect(answer.status, `${place}: ${text}`).toBeLessThan(502);
      // Not even bob's row, which a filter that got out of its quotes would show.
      expect(answer.body).not.toContain('"owner":"bob"');
    }
    expect(await bodies()).toEqual({ 1: "a", 2: "b" });
  });

  test.each(["columns", "on_conflict"])("in %s of a POST change nothing", async (parameter) => {
    for (const text of nasty) {
      const path = `/notes?${parameter}=${encodeURIComponent(`"${text}"`)}`;
      const headers = { ...alice, ...json, Prefer: "tx=commit,resolution=merge-duplicates" };
      const body = JSON.stringify({ id: 1, owner: "bob", [text]: text });
      expect(
        (await send(gateway.url, { method: "POST", path, headers, body })).status,
      ).toBeGreaterThanOrEqual(400);
    }
    expect(await bodies()).toEqual({ 1: "a", 2: "b" });
  });

  test("a body that is too large is refused, and the answer arrives", async () => {
    const { url } = await open({ maxBodyBytes: 1000 });
    const headers = { ...alice, ...json };
    const huge = Buffer.alloc(20_000_000, "x");
    expect((await send(url, { method: "POST", path: "/notes", headers, body: huge })).status).toBe(413);
    const answer = await send(url, {
      method: "POST",
      path: "/notes",
      headers,
      body: JSON.stringify("x".repeat(2000)),
    });
    expect([answer.status, codeOf(answer)]).toEqual([413, "ROWGATE413"]);
    expect(
      (await send(url, { method: "POST", path: "/notes", headers, body: "x".repeat(1000) })).status,
    ).toBe(400);
  });

  test.each([
    ["no HTTP", "nonsense\r\n\r\n", 400],
    ["a header without a colon", "GET /notes HTTP/1.1\r\nHost x\r\n\r\n", 400],
    ["headers without end", `GET /notes HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(100_000)}\r\n\r\n`, 431],
    [
      "two lengths",
      "POST /notes HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
      400,
    ],
    [
      "a length and chunks",
      "POST /notes HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      400,
    ],
  ])("%s is refused, and the next request is answered", async (_, text, status) => {
    expect(await rawStatus(gateway.url, text)).toBe(status);
    expect((await get(gateway.url, "/notes")).status).toBe(200);
  });
});

/** Status of the answer to bytes that no client would send. */
async function rawStatus(url: string, text: string): Promise<number> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(Number(data.toString("latin1").split(" ")[1]));
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed without an answer")));
  });
}

describe("it does not start", () => {
  const cases: readonly { name: string; over: Partial<GatewayConfig>; code: string }[] = [
    { name: "without a schema", over: { schemas: [] }, code: "gateway/config" },
    { name: "with a schema that does not exist", over: { schemas: ["api", "nope"] }, code: "gateway/schema" },
    {
      name: "with a secret that PostgREST would refuse",
      over: { jwt: { secret: "short" } },
      code: "gateway/config",
    },
    {
      name: "with a key that is none",
      over: { jwt: { jwks: [{ kty: "RSA", n: "x" }] } },
      code: "gateway/jwk",
    },
    { name: "on an address that others can reach", over: { host: "0.0.0.0" }, code: "gateway/config" },
  ];

  test.each(cases)("$name", async ({ over, code }) => {
    await expect(open(over)).rejects.toMatchObject({ name: "RowgateError", code });
  });

  test("without a database", async () => {
    const config = configFor(server, "no_such_database");
    await expect(startGateway(config)).rejects.toMatchObject({ code: "gateway/catalog" });
  });

  test("on a port that is taken", async () => {
    const port = Number(new URL(gateway.url).port);
    await expect(open({ port })).rejects.toMatchObject({ code: "gateway/listen" });
  });
});
