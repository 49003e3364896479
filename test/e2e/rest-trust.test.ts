import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import jwt from "jsonwebtoken";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RestChannel } from "../../src/probe/http/http-channel.ts";
import { Clients } from "../../src/probe/http/clients.ts";
import { Transport } from "../../src/probe/http/transport.ts";
import { maxBodyBytes } from "../../src/probe/http/response-handler.ts";
import type { Failure } from "../../src/model/observation.ts";
import type { Posture, RestAddress, SigningKey } from "../../src/model/target.ts";
import { defaultLimits } from "../../src/model/target.ts";
import { verifiedBy } from "../support/gateway.ts";
import type { Mischief, Passing, Proxy } from "./rest-proxy.ts";
import { answer, hangUp, openProxy } from "./rest-proxy.ts";
import type { World } from "./rest-support.ts";
import {
  candidate,
  cell,
  fingerprint,
  makeWorld,
  observe,
  openChannel,
  openGateway,
  people,
  persona,
  reach,
  secret,
} from "./rest-support.ts";

// What the channel believes, and what it does when a gateway does not deserve it.

const schema = readFileSync(new URL("rest-schema.sql", import.meta.url), "utf8");
const [, alice = persona("alice", "authenticated")] = people;
const stranger = persona("stranger", "notgranted", { sub: "alice" });
const guest = persona("guest", "web_guest");
const nobodys = persona("nobodys", "outside", { sub: "alice" });
const late = persona("late", "authenticated", { sub: "alice", exp: 1 });
const circled = persona("circled", "incircles", { sub: "alice" });
const everybody = [...people, stranger, guest, nobodys, late, circled];
const own = { rows: "owner = 'alice'" };

let world: World;
let before: string;

beforeAll(async () => {
  const more = `create role notgranted; create role outside; create role web_guest;
    grant outside, web_guest to authenticator; grant usage on schema public to notgranted, web_guest;
    revoke usage on schema public from public;
    grant all on todos to notgranted, outside;
    create role incircles; grant incircles to authenticator; grant usage on schema public to incircles;
    ${circle("aa_circle", "text")} ${circle("ab_circle", "int")}
    create table aa_broken (id text); alter table aa_broken enable row level security;
    create policy divides on aa_broken using (1 / 0 = 1);
    create table aa_beyond (id text); alter table aa_beyond enable row level security;
    create policy reads on aa_beyond using (exists (select from ungranted));
    grant select on aa_broken, aa_beyond to authenticated;`;
  world = await makeWorld(schema + more, { people: everybody });
  before = await fingerprint(world);
});

afterAll(async () => {
  await world?.stop();
});

/** A table of one column whose policy reads the table itself. Empty, so that it is among the first that are asked for. */
function circle(name: string, type: "int" | "text"): string {
  return `create table ${name} (id ${type}); alter table ${name} enable row level security;
    create policy circle on ${name} using (exists (select from ${name} other where other.id = ${name}.id));
    grant select on ${name} to authenticated, incircles;`;
}

describe("the gateway checks", () => {
  it("shows all that it can", async () => {
    await using opened = await open();
    const { channel } = opened;
    expect(channel.gatewayChecks).toEqual({
      rollbackHonoured: true,
      tamperedTokenRefused: true,
      unknownRoleRefused: true,
      identityShown: undefined,
    });
    const cells = [
      cell(world, "alice", "select", "unpoliced", { rows: "title = 'alice'" }),
      cell(world, "alice", "select", "todos", own),
    ];
    expect(await channel.showIdentity(cells)).toBe(true);
    expect(channel.gatewayChecks.identityShown).toBe(true);
  });

  it.each([
    { name: "no cell", on: [], shown: undefined },
    {
      name: "only cells that all or nobody would reach",
      on: [
        ["posts", "true"],
        ["posts", "false"],
      ],
      shown: undefined,
    },
    {
      name: "only a cell that another identity's rows answer",
      on: [["todos", "owner = 'bob'"]],
      shown: false,
    },
    { name: "a cell that errs", on: [["ungranted", "id = 1"]], shown: undefined },
  ])("shows no identity by $name", async ({ on, shown }) => {
    await using opened = await open();
    const cells = on.map(([table = "", rows = ""]) => cell(world, "alice", "select", table, { rows }));
    expect(await opened.channel.showIdentity(cells)).toBe(shown);
    expect(opened.channel.gatewayChecks.identityShown).toBe(shown);
  });

  const hers = { candidates: [candidate("hers", { id: "91", owner: "alice", title: "t" })] };

  it.each([
    { name: "an INSERT that another `sub` may not send", of: ["insert", "todos", hers], shown: true },
    { name: "a read that shows another `sub` other rows", of: ["select", "todos", {}], shown: true },
    { name: "a read that shows everybody the same rows", of: ["select", "posts", {}], shown: undefined },
    { name: "a read that shows nothing", of: ["select", "unpoliced", {}], shown: undefined },
  ] as const)("shows the identity by $name: $shown", async ({ of: [operation, table, over], shown }) => {
    await using opened = await open();
    const one = cell(world, "alice", operation, table, "allow", over);
    expect(await opened.channel.showIdentity([one])).toBe(shown);
    expect(await fingerprint(world)).toBe(before);
  });

  it("shows no identity through a gateway that drops `sub`", async () => {
    await using opened = await open({ mischief: dropSub });
    const inserts = cell(world, "alice", "insert", "todos", "allow", hers);
    const reads = cell(world, "alice", "select", "todos", "allow");
    expect(await opened.channel.showIdentity([inserts, reads])).toBeUndefined();
    expect(await opened.channel.showIdentity([cell(world, "alice", "select", "todos", own)])).toBe(false);
  });

  it("fails every cell when the gateway verifies with another secret", async () => {
    await using opened = await open({ secret: "another-secret-of-more-than-thirty-two-characters" });
    const { channel } = opened;
    expect(channel.gatewayChecks).toMatchObject({
      tamperedTokenRefused: true,
      unknownRoleRefused: false,
      rollbackHonoured: false,
    });
    expect(await nothingSent(channel)).toEqual(
      Array.from({ length: 3 }, () => expect.stringMatching(/PGRST301.*not the one that rowgate signs with/)),
    );
  });

  it("fails every cell when tampered tokens are let in", async () => {
    await using opened = await open({ mischief: dropTokens(() => true) });
    expect(opened.channel.gatewayChecks).toMatchObject({
      tamperedTokenRefused: false,
      rollbackHonoured: false,
    });
    expect(await nothingSent(opened.channel)).toEqual(
      Array.from({ length: 3 }, () => expect.stringMatching(/tampered signature.*answered/)),
    );
  });

  it("fails every cell when the token's role is ignored", async () => {
    let seen = 0;
    // The first token is the tampered one.
    await using opened = await open({ mischief: dropTokens(() => (seen += 1) > 1) });
    expect(opened.channel.gatewayChecks).toMatchObject({
      tamperedTokenRefused: true,
      unknownRoleRefused: false,
    });
    expect(await nothingSent(opened.channel)).toEqual(
      Array.from({ length: 3 }, () => expect.stringMatching(/role which does not exist/)),
    );
  });

  it("asks for another relation when the gateway has not heard of the first", async () => {
    // Smaller than every other, so it is asked for first; made after the gateway has read its schema.
    await world.client.query(
      "create table brand_new (id int); grant all on brand_new to authenticated, anon",
    );
    await world.client.query("insert into brand_new values (1); analyze brand_new");
    try {
      await using opened = await open();
      expect(opened.proxy.arrived.filter((line) => line.includes("brand_new"))).not.toEqual([]);
      expect(opened.channel.gatewayChecks).toMatchObject({
        unknownRoleRefused: true,
        rollbackHonoured: true,
      });
      expect(await reach(opened.channel, cell(world, "alice", "select", "todos", own))).toMatchObject({
        affected: 2,
      });
    } finally {
      await world.client.query("drop table brand_new");
    }
  });

  it("asks for another relation when the policies of the first fail", async () => {
    await using opened = await open({ people: [alice] });
    for (const failing of ["aa_beyond", "aa_broken", "aa_circle"])
      expect(opened.proxy.arrived.join("\n")).toContain(`GET /${failing}?`);
    expect(await reach(opened.channel, cell(world, "alice", "select", "todos", own))).toMatchObject({
      affected: 2,
    });
    for (const table of ["aa_circle", "ab_circle"]) {
      const seen = await reach(opened.channel, cell(world, "alice", "select", table, "deny"));
      expect(seen.answer.code).toBe("42P17");
    }
  });

  it("lets each cell say that its policy recurses, where every one does", async () => {
    await using opened = await open({ people: [circled] });
    const of = { people: everybody };
    const recursing = await reach(opened.channel, cell(world, "circled", "select", "aa_circle", "deny", of));
    expect(recursing.answer.code).toBe("42P17");
    const ungranted = await reach(opened.channel, cell(world, "circled", "select", "todos", "deny", of));
    expect(ungranted.answer.code).toBe("42501");
  });

  it("fails every cell when nothing answers", async () => {
    await using opened = await open({ mischief: hangUp });
    expect(await nothingSent(opened.channel)).toEqual(
      Array.from({ length: 3 }, () => expect.stringMatching(/closed the connection/)),
    );
  });

  it("does not take a role that the gateway may not become for a denied one", async () => {
    await using opened = await open();
    for (const operation of ["select", "update", "delete", "insert"] as const) {
      const one = cell(world, "stranger", operation, "todos", "deny", { people: everybody });
      const seen = await observe(opened.channel, one);
      expect(seen).toMatchObject({ kind: "failed", failure: { kind: "protocol" } });
      expect(JSON.stringify(seen)).toContain("switches to the role notgranted");
    }
    expect(await reach(opened.channel, cell(world, "alice", "select", "todos", own))).toMatchObject({
      affected: 2,
    });
  });

  it("believes the refusal of a role that holds no USAGE anywhere", async () => {
    await using opened = await open();
    const seen = await reach(
      opened.channel,
      cell(world, "nobodys", "select", "todos", "deny", { people: everybody }),
    );
    expect(seen.answer.code).toBe("42501");
  });

  it("lets an expired token speak for itself", async () => {
    await using opened = await open();
    const seen = await reach(
      opened.channel,
      cell(world, "late", "select", "todos", "deny", { people: everybody }),
    );
    expect(seen.answer.code).toBe("PGRST303");
  });

  it("writes nothing when nobody can read anything, since no success shows the rollback", async () => {
    await using opened = await open({ people: [guest] });
    expect(opened.channel.gatewayChecks).toMatchObject({ rollbackHonoured: false, unknownRoleRefused: true });
    const seen = await observe(
      opened.channel,
      cell(world, "guest", "delete", "posts", "deny", { people: everybody }),
    );
    expect(seen).toMatchObject({ kind: "failed", failure: { kind: "not-sent" } });
  });

  it("sends nothing but GETs", async () => {
    await using opened = await open();
    expect(opened.proxy.arrived.filter((line) => !line.startsWith("GET "))).toEqual([]);
    expect(opened.proxy.arrived).toHaveLength(opened.channel.roundTrips);
  });
});

describe("the transport of a target that takes no writes", () => {
  it.each(["POST", "PATCH", "DELETE"] as const)("lets no %s out, whoever planned it", async (method) => {
    const proxy = await openProxy(world.gateway.url);
    const transport = new Transport({ url: proxy.url, connections: 1, timeoutMs: 5_000, readOnly: true });
    try {
      const rest = { url: proxy.url, apiKey: undefined } as RestAddress;
      const clients = new Clients(rest, transport.fetch);
      const from = clients.withToken(undefined, "public").from("todos");
      const drafts = {
        POST: from.insert({ id: 9 }),
        PATCH: from.update({ title: "x" }),
        DELETE: from.delete(),
      };
      await expect(transport.send({ build: () => drafts[method] })).rejects.toMatchObject({
        code: "posture/write-refused",
      });
      expect((await transport.send({ build: () => from.select("id") })).status).toBe(200);
      expect(proxy.arrived).toEqual(["GET /todos?select=id"]);
    } finally {
      await transport.close();
      await proxy.stop();
    }
  });
});

describe("a gateway that breaks", () => {
  let opened: Opened;
  beforeEach(async () => {
    opened = await open();
    // Else every cell would fail anyway.
    if (!opened.channel.gatewayChecks.rollbackHonoured)
      throw new Error(JSON.stringify(opened.channel.gatewayChecks));
  });

  afterEach(async () => {
    await opened[Symbol.asyncDispose]();
  });

  const locked = '{"code":"55P03","message":"canceling statement due to lock timeout"}';
  const page = "<html>Bad gateway</html>";
  it.each<{ name: string; kind: Failure["kind"]; mischief: Mischief }>([
    { name: "a proxy's page", kind: "protocol", mischief: (_, response) => answer(response, 502, page) },
    {
      name: "a page that says 200",
      kind: "protocol",
      mischief: (_, response) => answer(response, 200, page),
    },
    {
      name: "an error without a code",
      kind: "protocol",
      mischief: (_, response) => answer(response, 401, '{"message":"No API key"}'),
    },
    {
      name: "an error whose code is a word",
      kind: "protocol",
      mischief: (_, response) => answer(response, 403, '{"code":"forbidden","message":"No"}'),
    },
    {
      name: "an error whose code is none",
      kind: "protocol",
      mischief: (_, response) => answer(response, 403, '{"code":42501}'),
    },
    {
      name: "a redirect",
      kind: "protocol",
      mischief: (_, response) => answer(response, 302, "[]", { location: "/", "content-range": "*/0" }),
    },
    { name: "a success without its count", kind: "protocol", mischief: () => ({ strip: ["content-range"] }) },
    {
      name: "rows that are none",
      kind: "protocol",
      mischief: (_, response) => answer(response, 200, '{"id":1}', { "content-range": "0-1/2" }),
    },
    {
      name: "rows without their columns",
      kind: "protocol",
      mischief: (_, response) => answer(response, 200, '[{"key":1},{"key":2}]', { "content-range": "0-1/2" }),
    },
    {
      name: "a connection that ends",
      kind: "connection",
      mischief: hangUp,
    },
    {
      name: "half an answer",
      kind: "connection",
      mischief: (_, response) => {
        response.writeHead(200, { "content-range": "0-1/2", "content-length": "100" });
        response.write('[{"id":1},', () => response.destroy());
        return "done";
      },
    },
    {
      name: "an answer without an end",
      kind: "protocol",
      mischief: (_, response) => {
        response.writeHead(200, { "content-range": "0-1/2" });
        const chunk = Buffer.alloc(1 << 20, " ");
        for (let bytes = 0; bytes <= maxBodyBytes; bytes += chunk.length) response.write(chunk);
        return "done";
      },
    },
  ])("SELECT: $name is no answer", async ({ kind, mischief }) => {
    opened.proxy.misbehave(mischief);
    const seen = await observe(opened.channel, cell(world, "alice", "select", "todos", own));
    expect(seen).toMatchObject({ kind: "failed", failure: { kind } });
  });

  it.each<{ name: string; kind: Failure["kind"]; mischief: Mischief }>([
    { name: "a page that says 204", kind: "protocol", mischief: (_, response) => answer(response, 204, "") },
    { name: "a proxy's page", kind: "protocol", mischief: (_, response) => answer(response, 503, page) },
    {
      name: "a connection that ends",
      kind: "connection",
      mischief: hangUp,
    },
  ])("DELETE: $name is no answer", async ({ kind, mischief }) => {
    opened.proxy.misbehave(mischief);
    const seen = await observe(opened.channel, cell(world, "alice", "delete", "todos", "deny"));
    expect(seen).toMatchObject({ kind: "failed", failure: { kind } });
    expect(opened.proxy.arrived).toHaveLength(1);
  });

  it("waits no longer than the target allows", async () => {
    await using hasty = await open({ timeoutMs: 1_500 });
    hasty.proxy.misbehave(() => "done");
    const seen = await observe(hasty.channel, cell(world, "alice", "select", "todos", own));
    expect(seen).toMatchObject({ kind: "failed", failure: { kind: "timeout" } });
  });

  it("reads once more after a broken connection", async () => {
    opened.proxy.misbehave((passing, response) =>
      passing.nth === 1 ? hangUp(passing, response) : undefined,
    );
    expect(await reach(opened.channel, cell(world, "alice", "select", "todos", own))).toMatchObject({
      affected: 2,
      unexpected: 0,
    });
    // The one that broke, its repetition, and that again as nobody: a cache would answer it.
    expect(opened.proxy.arrived).toHaveLength(3);
  });

  it("tries again what a lock or a deadlock stopped, and takes the last answer for one that stays", async () => {
    opened.proxy.misbehave(({ nth }, response) => (nth < 3 ? answer(response, 500, locked) : undefined));
    const del = cell(world, "alice", "delete", "todos", own);
    expect(await reach(opened.channel, del)).toMatchObject({ affected: 2, unexpected: 0, missing: 0 });
    expect(opened.proxy.arrived).toHaveLength(3);
    opened.proxy.misbehave((_, response) => answer(response, 500, locked));
    expect((await reach(opened.channel, del)).answer.code).toBe("55P03");
    expect(opened.proxy.arrived).toHaveLength(5);
  });

  it("stops writing as soon as one write does not say that it was undone", async () => {
    opened.proxy.misbehave(() => ({ strip: ["preference-applied"] }));
    const first = await observe(opened.channel, cell(world, "alice", "delete", "posts", "deny"));
    expect(first).toMatchObject({ kind: "failed", failure: { kind: "protocol" } });
    expect(JSON.stringify(first)).toContain("may have been committed");
    const arrived = opened.proxy.arrived.length;
    const candidates = [candidate("c", { id: "9", owner: "alice", title: "t" })];
    for (const operation of ["update", "blind_delete", "insert", "upsert"] as const) {
      const seen = await observe(
        opened.channel,
        cell(world, "alice", operation, "todos", "deny", { candidates }),
      );
      expect(seen).toMatchObject({ kind: "failed", failure: { kind: "not-sent" } });
    }
    expect(opened.proxy.arrived).toHaveLength(arrived);
    expect(await reach(opened.channel, cell(world, "alice", "select", "todos", own))).toMatchObject({
      affected: 2,
    });
  });

  it("stops writing when a success lacks its count as well", async () => {
    opened.proxy.misbehave(() => ({ strip: ["preference-applied", "content-range"] }));
    await observe(opened.channel, cell(world, "alice", "delete", "posts", "deny"));
    const seen = await observe(opened.channel, cell(world, "alice", "delete", "todos", "deny"));
    expect(seen).toMatchObject({ kind: "failed", failure: { kind: "not-sent" } });
  });

  it("never shows a token", async () => {
    opened.proxy.misbehave((_, response) => answer(response, 502, page));
    const answers = await opened.channel.probe(
      (["select", "delete", "blind_update"] as const).map((operation) =>
        cell(world, "alice", operation, "todos", "deny"),
      ),
    );
    expect(JSON.stringify(answers)).not.toMatch(/eyJ|Bearer/);
    expect(answers.map(({ probe }) => probe.split(" ")[0])).toEqual(["GET", "DELETE", "PATCH"]);
  });

  it("has left nothing behind", async () => {
    expect(await fingerprint(world)).toBe(before);
  });

  it("fails the cells that come after the gateway has gone", async () => {
    await opened.proxy.stop();
    for (const operation of ["select", "delete"] as const) {
      const seen = await observe(opened.channel, cell(world, "alice", operation, "todos", "deny"));
      expect(seen).toMatchObject({ kind: "failed", failure: { kind: "connection" } });
    }
  });
});

describe("a database that others use", () => {
  it("is not written to as a whole where it is large", async () => {
    await using opened = await open({ posture: "staging" });
    opened.proxy.misbehave(() => undefined);
    const update = await reach(opened.channel, cell(world, "alice", "update", "huge", own));
    expect(update).toMatchObject({
      method: "sample",
      unexpected: 0,
      missing: 0,
      undetermined: 0,
      baseline: { total: 10_001 },
    });
    expect(opened.proxy.arrived.length).toBeGreaterThan(20);
    expect(opened.proxy.arrived.filter((line) => !line.includes("id=eq."))).toEqual([]);
    for (const operation of ["blind_update", "blind_delete"] as const) {
      const seen = await observe(opened.channel, cell(world, "alice", operation, "huge", "deny"));
      expect(seen).toMatchObject({ kind: "skipped" });
    }
    const small = await reach(opened.channel, cell(world, "alice", "blind_delete", "todos", "deny"));
    expect(small).toMatchObject({ affected: 2, unexpected: 2 });
  });
});

describe("keys", () => {
  it("signs with a private key, and sends the API key beside the token", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const privateKeyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const key: SigningKey = { algorithm: "ES256", privateKeyPem, keyId: "k1" };
    const gateway = await openGateway(world.server, world.database, { jwt: verifiedBy(key) });
    const apiKeys = new Set<string | undefined>();
    await using opened = await open({
      key,
      url: gateway.url,
      apiKey: "sb_publishable_x",
      mischief: ({ headers }) => void apiKeys.add(headers["apikey"]),
    });
    expect(opened.channel.gatewayChecks).toMatchObject({
      tamperedTokenRefused: true,
      unknownRoleRefused: true,
      rollbackHonoured: true,
    });
    expect(await reach(opened.channel, cell(world, "alice", "select", "todos", own))).toMatchObject({
      affected: 2,
      unexpected: 0,
    });
    expect([...apiKeys]).toEqual(["sb_publishable_x"]);
    await gateway.stop();
  });
});

describe("others write meanwhile", () => {
  it("holds a difference against two controls, and tells nothing about rows that never hold still", async () => {
    await using opened = await open();
    const one = cell(world, "service", "select", "keyless", { rows: "true" });
    // A row more before each answer: control and answer never agree, and no two controls do.
    opened.proxy.misbehave(async () => {
      await world.client.query("insert into keyless values ('carol', 'late')");
      return undefined;
    });
    expect(await reach(opened.channel, one)).toMatchObject({ unexpected: 0, missing: 0, undetermined: 1 });
    // One row more, once: the second look agrees.
    opened.proxy.misbehave(async ({ nth }) => {
      if (nth === 1) await world.client.query("insert into keyless values ('carol', 'late')");
      return undefined;
    });
    expect(await reach(opened.channel, one)).toMatchObject({ unexpected: 0, missing: 0, undetermined: 0 });
    await world.client.query("delete from keyless where owner = 'carol'");
  });
});

interface Opened extends AsyncDisposable {
  readonly channel: RestChannel;
  readonly proxy: Proxy;
}

async function open(
  options: {
    secret?: string;
    mischief?: Mischief;
    people?: typeof everybody;
    timeoutMs?: number;
    posture?: Posture;
    key?: SigningKey;
    apiKey?: string;
    url?: string;
  } = {},
): Promise<Opened> {
  const proxy = await openProxy(options.url ?? world.gateway.url);
  if (options.mischief !== undefined) proxy.misbehave(options.mischief);
  const channel = await openChannel(world, {
    url: proxy.url,
    people: options.people ?? everybody,
    key: options.key ?? { algorithm: "HS256", secret: options.secret ?? secret },
    apiKey: options.apiKey,
    posture: options.posture ?? "embedded",
    target: { limits: { ...defaultLimits, requestTimeoutMs: options.timeoutMs ?? 20_000 } },
  });
  return {
    channel,
    proxy,
    [Symbol.asyncDispose]: async () => {
      await channel.close();
      await proxy.stop();
    },
  };
}

/** A gateway that takes every other token for none at all. */
function dropSub({ headers }: Passing): ReturnType<Mischief> {
  const token = headers["authorization"]?.slice("Bearer ".length) ?? "";
  try {
    const { sub: _dropped, ...claims } = jwt.verify(token, secret) as jwt.JwtPayload;
    return { headers: { ...headers, authorization: `Bearer ${jwt.sign(claims, secret)}` } };
  } catch {
    return undefined;
  }
}

function dropTokens(when: () => boolean): Mischief {
  return ({ headers }) => {
    const { authorization, ...rest } = headers;
    return authorization !== undefined && when() ? { headers: rest } : undefined;
  };
}

/** What SELECT, UPDATE and INSERT came to, of which none may have been sent. */
async function nothingSent(channel: RestChannel): Promise<readonly string[]> {
  const sent = channel.roundTrips;
  const cells = (["select", "update", "insert"] as const).map((operation) =>
    cell(world, "alice", operation, "todos", "deny"),
  );
  const answers = await channel.probe(cells);
  const told = answers.map(({ observation }) =>
    observation.kind === "failed" ? observation.failure.message : observation.kind,
  );
  return channel.roundTrips === sent ? told : ["something was sent"];
}
