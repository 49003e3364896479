import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import jwt from "jsonwebtoken";
import { Client } from "pg";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import type { GatewayConfig } from "../../src/stage/gateway/config.ts";
import { send } from "./gateway-client.ts";
import type { Received, Sent } from "./gateway-client.ts";

/** A request and what PostgREST answered, as the files in test/fixtures/postgrest-truth hold them. */
export interface Recorded {
  readonly id: string;
  /** Which settings it was asked under. */
  readonly settings: string;
  readonly sent: Sent;
  readonly expected: Pick<Received, "status" | "headers" | "body">;
}

export interface Recording {
  readonly recorded: readonly Recorded[];
  readonly settings: Readonly<Record<string, Omit<GatewayConfig, "database">>>;
  /** SQL of its database. */
  readonly schema: string;
}

const folder = new URL("../fixtures/postgrest-truth/", import.meta.url);
const secret = "super-secret-jwt-token-with-at-least-32-characters";

/** What 1,382 requests were answered with; tokens are signed anew, `now` in seconds. */
export function readTruth(now: number): Recording {
  const recorded = lines<TruthLine>("answers-16.2.jsonl.gz").map(({ id, request, response }) => {
    const authorization = authorizationOf(id, request.authorization, now);
    const headers = authorization === undefined ? {} : { Authorization: authorization };
    const sent = { ...request, headers: { ...request.headers, ...headers } };
    return { id, settings: "plain", sent, expected: response };
  });
  const plain = {
    schemas: ["api"],
    anonRole: "anon",
    jwt: { secret },
    txEnd: "rollback-allow-override",
  } as const;
  // The server has these roles already; the recording's database had a child table besides its schema.
  const own = /create role (?:anon|authenticated|service_role|authenticator) [^;]*;/g;
  const child =
    "create table api.gchild (id int primary key, ng int references api.nogrant); insert into api.gchild values (1, 1);";
  return { recorded, settings: { plain }, schema: `${text("schema.sql").replaceAll(own, "")}\n${child}` };
}

/** What 6,392 further requests were answered with, under eleven settings. */
export function readMore(): Recording {
  const recorded = lines<MoreLine>("more-16.2.jsonl.gz").map(({ request, response }, index) => {
    const { settings, ...sent } = request;
    return { id: `${index + 1} ${sent.method} ${sent.path}`, settings, sent, expected: response };
  });
  return {
    recorded,
    settings: JSON.parse(text("more-settings.json")) as Recording["settings"],
    schema: text("more.sql"),
  };
}

/** A new database with a recording's schema and nothing else. */
export async function loadDatabase(
  { database }: EmbeddedServer,
  name: string,
  schema: string,
): Promise<string> {
  await run({ ...database }, `create database ${name}`);
  await run({ ...database, database: name }, schema);
  return name;
}

async function run(address: EmbeddedServer["database"], sql: string): Promise<void> {
  const client = new Client({ ...address, ssl: false });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

export interface Replayed extends Recorded {
  readonly answer: Received;
}

/** Sends each request in turn: an answer may depend on those before. */
export async function replay(url: string, recorded: readonly Recorded[]): Promise<Replayed[]> {
  const replayed: Replayed[] = [];
  for (const one of recorded) replayed.push({ ...one, answer: await send(url, one.sent) });
  return replayed;
}

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
const alsoCompared = [
  "content-profile",
  "vary",
  "retry-after",
  "access-control-allow-origin",
  "x-a",
  "x-pre",
  "x-trig",
  "x-y",
];

/** Answers that differ in status, headers or body, with both sides. `more`: headers that only the second file holds. */
export function differing(replayed: readonly Replayed[], more = false): Map<string, unknown> {
  const names = more ? [...compared, ...alsoCompared] : compared;
  const pairs = replayed.map(
    ({ id, expected, answer }) => [id, facts(expected, names), facts(answer, names)] as const,
  );
  return new Map(
    pairs
      .filter(([, expected, actual]) => JSON.stringify(expected) !== JSON.stringify(actual))
      .map(([id, expected, actual]) => [id, { expected, actual }]),
  );
}

function facts({ status, headers, body }: Recorded["expected"], names: readonly string[]): unknown {
  return { status, headers: names.map((name) => [name, headers[name] ?? null]), body: bodyFacts(body) };
}

/**
 * JSON as its value, the order of members aside. Out of a verdict's reach: hints for unknown names, and how a syntax error
 * in the query is worded (PGRST100).
 */
function bodyFacts(body: string): unknown {
  const value = parsed(body);
  if (typeof value !== "object" || value === null || !("code" in value)) return sorted(value);
  const { code, ...rest } = value as Readonly<Record<string, unknown>>;
  if (code === "PGRST100") return { code };
  return sorted(code === "PGRST202" || code === "PGRST205" ? { code, ...rest, hint: null } : value);
}

/** Long numbers stay text: as JavaScript's numbers, different ones would be equal. */
function parsed(body: string): unknown {
  try {
    return JSON.parse(body.replaceAll(/(?<=[[:,]\s*)-?\d{16,}(?=\s*[\],}])/g, '"$&"'));
  } catch {
    return body;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}

function text(name: string): string {
  return readFileSync(new URL(name, folder), "utf8");
}

function lines<Line>(name: string): Line[] {
  const all = gunzipSync(readFileSync(new URL(name, folder))).toString("utf8");
  return all
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

interface MoreLine {
  readonly request: Sent & { readonly settings: string };
  readonly response: Recorded["expected"];
}

interface TruthLine {
  readonly id: string;
  readonly request: Sent & { readonly authorization: Authorization };
  readonly response: Recorded["expected"];
}

type Authorization = null | { readonly raw: string } | { readonly jwt: Signed };

interface Signed {
  readonly claims: unknown;
  readonly alg: string;
  readonly secret: "right" | "other";
  readonly header?: Readonly<Record<string, string>>;
}

function authorizationOf(id: string, authorization: Authorization, now: number): string | undefined {
  if (authorization === null) return undefined;
  if ("jwt" in authorization) return `Bearer ${sign(authorization.jwt, now)}`;
  const alice = (): string =>
    jwt.sign({ role: "authenticated", sub: "alice" }, secret, { noTimestamp: true });
  return authorization.raw.replace("<alice>", alice).replace("<hand made>", () => handMade[id]?.() ?? "");
}

/** Tokens that no signer makes. */
const handMade: Readonly<Record<string, () => string>> = {
  "jwt tampered sig": () => {
    const token = jwt.sign({ role: "authenticated", sub: "alice" }, secret);
    const [head, signature] = [token.slice(0, token.lastIndexOf(".")), token.split(".")[2] ?? ""];
    return `${head}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`;
  },
  "jwt bad payload json": () => jwt.sign("{no json", secret),
};

/** Signed by hand, since `header` may lie about the algorithm, which no library would do. */
function sign({ claims, alg, secret: which, header }: Signed, now: number): string {
  const key = which === "right" ? secret : `another-${secret}`;
  const content = [{ alg, typ: "JWT", ...header }, atTime(claims, now)]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  if (alg === "none") return `${content}.`;
  return `${content}.${createHmac(`sha${alg.slice(2)}`, key)
    .update(content)
    .digest("base64url")}`;
}

/** `"now-3600"` → a time, in seconds. */
function atTime(claims: unknown, now: number): unknown {
  if (typeof claims !== "object" || claims === null || Array.isArray(claims)) return claims;
  const timed = Object.entries(claims).map(([name, value]: [string, unknown]) => {
    const shift = typeof value === "string" ? /^now([+-]\d+)$/.exec(value)?.[1] : undefined;
    return [name, shift === undefined ? value : now + Number(shift)];
  });
  return Object.fromEntries(timed) as unknown;
}
