import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import jwt from "jsonwebtoken";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startEmbedded } from "../../src/target/embedded/server.ts";
import type { EmbeddedServer } from "../../src/target/embedded/server.ts";
import { startGateway } from "../../src/target/gateway/server.ts";
import type { RunningGateway } from "../../src/target/gateway/server.ts";
import { send } from "./gateway-client.ts";
import type { Received } from "./gateway-client.ts";

// What a PostgREST 16.2 answered to 1,382 requests, against what the builtin gateway answers to the same.

type Authorization =
  | null
  | { readonly raw: string }
  | {
      readonly jwt: {
        readonly claims: unknown;
        readonly alg: string;
        readonly secret: "right" | "other";
        readonly header?: Readonly<Record<string, string>>;
      };
    };

interface Recorded {
  readonly id: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly authorization: Authorization;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string | null;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
}

/** Requests that are answered otherwise, and why. One that is answered alike must leave this list. */
const differences: Readonly<Record<string, string>> = {
  "GET / none": "501: the OpenAPI description is of no use to a probe",
  csv: "501: rows as CSV are of no use to a probe",
};

const compared = [
  "content-range",
  "preference-applied",
  "www-authenticate",
  "proxy-status",
  "content-type",
  "content-location",
  "location",
  "allow",
];

const folder = new URL("../fixtures/postgrest-truth/", import.meta.url);
const recorded = gunzipSync(readFileSync(new URL("answers-16.2.jsonl.gz", folder)))
  .toString("utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Recorded);

const secret = "super-secret-jwt-token-with-at-least-32-characters";
const now = Math.floor(Date.now() / 1000);

let server: EmbeddedServer;
let gateway: RunningGateway;

beforeAll(async () => {
  server = await startEmbedded();
  const database = await loadSchema(server);
  gateway = await startGateway({
    database: { ...server.database, ...server.authenticator, database },
    schemas: ["api"],
    anonRole: "anon",
    jwt: { secret },
    txEnd: "rollback-allow-override",
  });
  // Tokens expire by the clock, to the second; the gateway runs in this process and sees it stand still.
  vi.useFakeTimers({ toFake: ["Date"], now: now * 1000 });
});

afterAll(async () => {
  vi.useRealTimers();
  await gateway?.stop();
  await server?.stop();
});

test("there are 1,382 recorded answers, each with an id of its own", () => {
  expect(recorded).toHaveLength(1382);
  expect(new Set(recorded.map(({ id }) => id)).size).toBe(1382);
});

test("every recorded request is answered as PostgREST answered it, save those listed", async () => {
  const found: Record<string, unknown> = {};
  for (const { id, request, response } of recorded) {
    const authorization = authorizationOf(id, request.authorization);
    const headers = authorization === undefined ? {} : { Authorization: authorization };
    const answer = await send(gateway.url, { ...request, headers: { ...request.headers, ...headers } });
    const [expected, actual] = [facts(response), facts(answer)];
    if (JSON.stringify(expected) !== JSON.stringify(actual)) found[id] = { expected, actual };
  }
  const unlisted = Object.entries(found).filter(([id]) => !Object.hasOwn(differences, id));
  expect(Object.fromEntries(unlisted)).toEqual({});
  expect(Object.keys(differences).filter((id) => !Object.hasOwn(found, id))).toEqual([]);
});

function facts({ status, headers, body }: Pick<Received, "status" | "headers" | "body">): unknown {
  const kept = compared.map((name) => [name, headers[name] ?? null] as const);
  return { status, headers: Object.fromEntries(kept), body: rowsOf(body) };
}

/** JSON as its value, so that a member's place does not count; anything else as its text. */
function rowsOf(body: string): unknown {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && "code" in value
      ? Object.fromEntries(Object.entries(value).toSorted())
      : value;
  } catch {
    return body;
  }
}

/** The database of the recording: its roles are the embedded server's own, and a child table stood beside its schema. */
async function loadSchema({ database }: EmbeddedServer): Promise<string> {
  const schema = readFileSync(new URL("schema.sql", folder), "utf8");
  const own = /create role (?:anon|authenticated|service_role|authenticator) [^;]*;/g;
  const client = new Client({ ...database, ssl: false });
  await client.connect();
  await client.query("create database truth");
  await client.end();
  const loader = new Client({ ...database, ssl: false, database: "truth" });
  await loader.connect();
  await loader.query(schema.replaceAll(own, ""));
  await loader.query(`
    create table api.gchild (id int primary key, ng int references api.nogrant);
    insert into api.gchild values (1, 1);
  `);
  await loader.end();
  return "truth";
}

function authorizationOf(id: string, authorization: Authorization): string | undefined {
  if (authorization === null) return undefined;
  if ("jwt" in authorization) return `Bearer ${sign(authorization.jwt)}`;
  const alice = (): string =>
    jwt.sign({ role: "authenticated", sub: "alice" }, secret, { noTimestamp: true });
  return authorization.raw.replace("<alice>", alice).replace("<hand made>", () => handMade[id]?.() ?? "");
}

/** Tokens that no signer makes. */
const handMade: Readonly<Record<string, () => string>> = {
  "jwt tampered sig": () => {
    const token = jwt.sign({ role: "authenticated", sub: "alice" }, secret);
    const [head = "", signature = ""] = [token.slice(0, token.lastIndexOf(".")), token.split(".")[2]];
    return `${head}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
  },
  "jwt bad payload json": () => jwt.sign("{no json", secret),
};

type Jwt = Extract<Authorization, { jwt: unknown }>["jwt"];

/** Signed by hand where `header` lies about the algorithm, which no library would do. */
function sign({ claims, alg, secret: which, header }: Jwt): string {
  const key = which === "right" ? secret : `another-${secret}`;
  const content = [{ alg, typ: "JWT", ...header }, atTime(claims)]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature =
    alg === "none"
      ? ""
      : createHmac(`sha${alg.slice(2)}`, key)
          .update(content)
          .digest("base64url");
  return `${content}.${signature}`;
}

/** `"now-3600"` → a time, in seconds. */
function atTime(claims: unknown): unknown {
  if (typeof claims !== "object" || claims === null || Array.isArray(claims)) return claims;
  const entries = Object.entries(claims as Readonly<Record<string, unknown>>);
  return Object.fromEntries(entries.map(([name, value]) => [name, timeOf(value)]));
}

function timeOf(value: unknown): unknown {
  const shift = typeof value === "string" ? /^now([+-]\d+)$/.exec(value)?.[1] : undefined;
  return shift === undefined ? value : now + Number(shift);
}
