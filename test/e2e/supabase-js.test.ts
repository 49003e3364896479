import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import type { Identity } from "../../src/model/channel.ts";
import type { RestAddress } from "../../src/model/target.ts";
import { mint } from "../../src/persona/identity.ts";
import { Caller } from "../../src/probe/http/caller.ts";
import { Clients } from "../../src/probe/http/clients.ts";
import { HttpClient } from "../../src/probe/http/http-client.ts";
import { Transport } from "../../src/probe/http/transport.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { type RunningGateway, startGateway } from "../../src/stage/gateway/server.ts";
import { notesSql } from "../cli/system.ts";
import { gatewayConfig } from "../support/gateway.ts";

/** A whole project's client, as an application has it, against the builtin gateway at `/rest/v1`. */
const secret = "the-secret-of-a-test-with-at-least-32-characters";
const ana = "10000000-0000-4000-8000-000000000001";
const key = "sb_publishable_of_a_test";

let server: EmbeddedServer;
let gateway: RunningGateway;
beforeAll(async () => {
  server = await startEmbedded();
  const database = await server.createDatabase("notes");
  const client = new Client(database);
  await client.connect();
  await client.query(notesSql);
  await client.end();
  gateway = await startGateway(gatewayConfig(server, database, { secret }));
});
afterAll(async () => {
  await gateway.stop();
  await server.stop();
});

function project(token: string | null, url = gateway.url): SupabaseClient {
  return createClient(url, key, {
    accessToken: () => Promise.resolve(token),
    // Node 20 has no WebSocket of its own, and nothing here listens.
    realtime: { transport: EventTarget as never },
  });
}

test("a signed-in user's client sees its own rows and no others", async () => {
  const token = mint(
    { sub: ana, role: "authenticated", exp: Math.floor(Date.now() / 1000) + 60 },
    { algorithm: "HS256", secret },
  );
  const { data, count, error } = await project(token).from("notes").select("owner", { count: "exact" });
  expect(error).toBeNull();
  expect(data).toEqual([{ owner: ana }]);
  expect(count).toBe(1);
});

test("a token that somebody else signed is refused", async () => {
  const token = mint(
    { sub: ana, role: "authenticated" },
    { algorithm: "HS256", secret: secret.toUpperCase() },
  );
  const { data, error } = await project(token).from("notes").select();
  expect(data).toBeNull();
  expect(error?.code).toBe("PGRST301");
});

const readIds = (of: Caller): Promise<unknown> => of.read({ columns: ["id"] });

describe("a probe's request beside the same request of an app", () => {
  interface Arrived {
    readonly request: string;
    readonly body: string;
    readonly headers: IncomingMessage["headers"];
  }
  const arrived: Arrived[] = [];
  let recorder: Server;
  let origin: string;
  beforeAll(async () => {
    recorder = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      request.on("end", () => {
        arrived.push({ request: `${request.method} ${request.url}`, body, headers: request.headers });
        const headers = { "content-range": "*/0", "preference-applied": "tx=rollback" };
        response.writeHead(200, headers).end("[]");
      });
    });
    await new Promise<void>((resolve) => recorder.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(recorder.address() as AddressInfo).port}`;
  });
  afterAll(() => recorder.close());

  const columns = [
    { name: "id", type: "bigint" },
    { name: "about", type: "jsonb" },
  ];
  const relation = { schema: "public", name: "notes", columns } as never;

  /** What arrives from the channel's own parts. */
  async function probed(
    given: { readonly url?: string; readonly apiKey?: undefined; readonly token?: undefined },
    send: (caller: Caller) => Promise<unknown>,
  ): Promise<Arrived> {
    const { url, apiKey, token } = { url: `${origin}/rest/v1`, apiKey: key, token: "a.b.c", ...given };
    const transport = new Transport({ url, connections: 1, timeoutMs: 5_000, readOnly: false });
    try {
      const clients = new Clients({ url, apiKey } as RestAddress, transport.fetch);
      const identity = { persona: { name: "ana" }, token } as unknown as Identity;
      await send(new Caller(clients.of(identity, "public"), new HttpClient(transport), relation));
      return arrived.at(-1) as Arrived;
    } finally {
      await transport.close();
    }
  }

  /** What Node's fetch adds by itself, and the one header that is ours. */
  const besides = ["accept", "accept-language", "accept-encoding", "sec-fetch-mode", "user-agent"];
  function essence({ request, body, headers }: Arrived): unknown {
    const own = Object.entries(headers).filter(
      ([name]) =>
        !besides.includes(name) && !["connection", "content-length", "cache-control"].includes(name),
    );
    return { request, body, headers: Object.fromEntries(own) };
  }

  const count = "exact";
  it.each<{
    readonly what: string;
    app: (of: SupabaseClient) => PromiseLike<unknown>;
    probe: (of: Caller) => Promise<unknown>;
  }>([
    {
      what: "a read",
      app: (of) => of.from("notes").select("id,about", { count }).eq("id", "7").order("id").limit(3),
      probe: (of) =>
        of.read({
          columns: ["id", "about"],
          filter: { kind: "row", columns: ["id"], key: ["7"] },
          order: ["id"],
          limit: 3,
        }),
    },
    {
      what: "an insert",
      app: (of) =>
        of
          .from("notes")
          .insert({ id: "7", about: { a: [1, null] } }, { count })
          .rollback(),
      probe: (of) => of.insert({ id: "7", about: '{"a": [1, null]}' }),
    },
    {
      what: "an upsert",
      app: (of) => of.from("notes").upsert({ id: "7" }, { count, onConflict: "id" }).rollback(),
      probe: (of) => of.upsert({ id: "7" }, ["id"]),
    },
    {
      what: "an update that shows its rows",
      app: (of) =>
        of.from("notes").update({ about: "x" }, { count }).not("id", "is", null).select("id").rollback(),
      probe: (of) => of.update({ kind: "reads", column: "id", nullable: false }, { about: "x" }, ["id"]),
    },
    {
      what: "a delete",
      app: (of) => of.from("notes").delete({ count }).eq("id", "7").rollback(),
      probe: (of) => of.delete({ kind: "row", columns: ["id"], key: ["7"] }),
    },
  ])("$what", async ({ app, probe }) => {
    await app(project("a.b.c", origin));
    const expected = essence(arrived.at(-1) as Arrived);
    expect(essence(await probed({}, probe))).toEqual(expected);
  });

  it("that repeats what the client has written carries its own persona's token and its own body", async () => {
    const transport = new Transport({
      url: `${origin}/rest/v1`,
      connections: 1,
      timeoutMs: 5_000,
      readOnly: false,
    });
    const clients = new Clients({ url: `${origin}/rest/v1`, apiKey: key } as RestAddress, transport.fetch);
    const http = new HttpClient(transport);
    const seen = async (name: string, token: string | undefined): Promise<readonly unknown[]> => {
      const identity = { persona: { name }, token } as unknown as Identity;
      const caller = new Caller(clients.of(identity, "public"), http, relation);
      const from = arrived.length;
      await readIds(caller);
      await caller.insert({ id: name });
      return arrived.slice(from).map(essence);
    };
    try {
      for (const [name, token] of [
        ["ana", "a.a.a"],
        ["luis", "l.l.l"],
        ["anon", undefined],
        ["ana", "a.a.a"],
      ] as const) {
        const from = arrived.length;
        await project(token ?? null, origin)
          .from("notes")
          .select("id", { count });
        await project(token ?? null, origin)
          .from("notes")
          .insert({ id: name }, { count })
          .rollback();
        const apps = arrived.slice(from).map(essence);
        expect(await seen(name, token)).toEqual(apps);
      }
    } finally {
      await transport.close();
    }
  });

  it("without a token sends the key as one, as an app does before anybody has signed in", async () => {
    await project(null, origin).from("notes").select("id", { count });
    const expected = essence(arrived.at(-1) as Arrived);
    expect(essence(await probed({ token: undefined }, readIds))).toEqual(expected);
  });

  it("goes to a PostgREST that is not at /rest/v1, without the key that it has not", async () => {
    const plain = await probed({ url: origin, apiKey: undefined }, readIds);
    expect(plain.request).toBe("GET /notes?select=id");
    expect(plain.headers).toMatchObject({ authorization: "Bearer a.b.c" });
    expect(plain.headers).not.toHaveProperty("apikey");
    const below = await probed({ url: `${origin}/api/v2`, apiKey: undefined, token: undefined }, readIds);
    expect(below.request).toBe("GET /api/v2/notes?select=id");
    expect(below.headers).not.toHaveProperty("authorization");
  });

  it("keeps what the client would change: spaces beside quotes in a name, numbers in a JSON value", async () => {
    const read = await probed({}, (of) => of.read({ columns: ['a "b" c', "d e"] }));
    expect(new URL(read.request.slice(4), origin).searchParams.get("select")).toBe(
      String.raw`"a \"b\" c","d e"`,
    );
    const written = await probed({}, (of) => of.insert({ id: "7", about: '{"a": 9007199254740993}' }));
    expect(written.body).toBe('{"id":"7","about":{"a":9007199254740993}}');
  });
});
