import { describe, expect, it } from "vitest";
import { diagnose, exitCodeOf } from "../../../src/doctor/diagnose.ts";
import type { ApiKeyFacts, Examination, PersonaFacts } from "../../../src/doctor/facts.ts";
import { connectionCode } from "../../../src/messages/connection.ts";
import { type MessageCode, messages } from "../../../src/messages/messages.ts";
import type { Catalog } from "../../../src/model/catalog.ts";
import { type CheckName, checkNames } from "../../../src/model/diagnosis.ts";
import {
  gatewayUnreached,
  reply,
  role,
  silent,
  sound,
  table,
  unreached,
  withCatalog,
  withDatabase,
  withGateway,
  withRoles,
  withSession,
  withTarget,
  withTokens,
} from "./sound.ts";

const login = (code: string): Examination => ({ ...sound, database: unreached(code) });
const apiKey = (key: ApiKeyFacts, url = "https://api.example.com"): Examination =>
  withTarget({
    rest: { url, anonRole: "anon", login: "authenticator", isBuiltin: false, apiKey: key },
  });
const legacy = { kind: "legacy", role: "anon", project: undefined, expires: undefined } as const;
const noKey = {
  url: "https://api.example.com",
  anonRole: "anon",
  login: "authenticator",
  isBuiltin: false,
  apiKey: undefined,
};
const persona = (over: Partial<PersonaFacts>): Examination => ({
  ...sound,
  personas: sound.personas.map((one) => (one.name === "ana" ? { ...one, ...over } : one)),
});
const jwks = {
  url: "https://api.example.com/jwks",
  keys: [{ keyId: "other", algorithm: "ES256" }],
  ours: undefined,
};
const signing = { algorithm: "HS256", keyId: undefined, isApiKey: false, isShort: false } as const;
const known = {
  kind: "known",
  direct: true,
  shared: false,
  statementMode: false,
  setLocalHolds: true,
} as const;

const owning = role("authenticated", { inherits: ["owner"] });
const superuserSees = {
  database: withDatabase({
    catalog: {
      ...reachedCatalog(withRoles(role("app", { canLogin: true }))),
      login: role("postgres", { superuser: true }),
    },
  }).database,
};

function reachedCatalog({ database }: Examination): Catalog {
  return database.kind === "connected" ? database.catalog : never();
}

/** Facts that lead to each message: a message without any does not compile. */
const provoked: Readonly<Record<MessageCode, Examination>> = {
  "unknown-host": login("ENOTFOUND"),
  "connection-refused": login("ECONNREFUSED"),
  "no-answer": login("timeout"),
  "connection-closed": login("closed"),
  "wrong-password": login("28P01"),
  "no-password": login("no-password"),
  "login-refused": login("28000"),
  "no-such-database": login("3D000"),
  "too-many-connections": login("53300"),
  "not-ready": login("57P03"),
  "startup-refused": login("08P01"),
  "connection-failed": { ...sound, database: unreached("ECONNRESET", true) },
  "no-tls": login("no-tls"),
  "unknown-authority": login("SELF_SIGNED_CERT_IN_CHAIN"),
  "wrong-certificate-host": login("ERR_TLS_CERT_ALTNAME_INVALID"),
  "certificate-out-of-date": login("CERT_HAS_EXPIRED"),
  "tls-failed": login("ERR_SSL_WRONG_VERSION_NUMBER"),
  unencrypted: withTarget({ tls: undefined }),
  "unknown-version": withSession({ version: "12.22", versionNum: 120_022 }),
  "read-replica": withSession({ inRecovery: true }),
  "read-only-session": withSession({ readOnly: true }),
  "transaction-pooler": withDatabase({ pooling: { ...known, shared: true } }),
  "statement-pooler": withDatabase({ pooling: { ...known, shared: true, statementMode: true } }),
  "set-local-lost": withDatabase({ pooling: { ...known, setLocalHolds: false } }),
  "limits-dropped": withSession({
    limits: { statement_timeout: 0, lock_timeout: 2000, idle_in_transaction_session_timeout: 60_000 },
  }),
  "not-read-only": login("not-read-only"),
  "no-privileged-connection": withCatalog({ login: role("postgres") }),
  "may-not-read": withDatabase({ unreadable: ["public.notes"] }),
  "no-such-role": persona({ role: "authenticate" }),
  "login-may-not-become": withDatabase({
    becomes: new Map([["anon", { code: "42501", message: "said" }]]),
  }),
  "gateway-may-not-become": withRoles(role("authenticator", { canLogin: true, mayBecome: ["anon"] })),
  "gateway-cannot-log-in": withRoles(role("authenticator", { mayBecome: ["anon", "authenticated"] })),
  "persona-login": persona({ login: "authenticated" }),
  "owner-bypasses-rls": withRoles(role("authenticated", { inherits: ["authenticated", "owner"] })),
  "safeupdate-here": withSession({ safeupdate: true }),
  "no-user": withDatabase({ users: { kind: "read", isEmpty: false, missing: ["ana's"] } }),
  "matrix-unfit": {
    ...sound,
    matrices: [
      { kind: "unfit", file: "m.yaml", message: "said", hint: undefined, mistakes: ["m.yaml:1:1: no"] },
    ],
  },
  "no-gateway": { ...withTarget({ rest: undefined }), gateway: undefined },
  "gateway-unencrypted": apiKey({ kind: "publishable" }, "http://api.example.com"),
  "gateway-redirects": silent({ status: 308, location: "https://elsewhere.example.com" }),
  "not-postgrest": silent({ status: 404 }),
  "gateway-down": silent({ status: 540 }),
  "gateway-without-database": silent({ status: 503, code: "PGRST002" }),
  "schema-not-exposed": withGateway({ schemas: new Map([["public", reply("PGRST106")]]) }),
  "no-such-schema": withDatabase({ schemas: [] }),
  "stale-schema-cache": withGateway({ cache: { asked: 2, existing: 2, unknown: ["public.newer"] } }),
  "nothing-known": withGateway({ cache: { asked: 1, existing: 1, unknown: ["public.notes"] } }),
  "another-database": withGateway({
    sameness: { seen: "unseen", row: { relation: "public.notes", isHere: false } },
  }),
  "rollback-not-honoured": withGateway({
    checks: { distrust: undefined, unswitched: new Map(), anonymous: undefined, rollback: "not honoured" },
  }),
  "key-wanted": {
    ...silent({ status: 401 }),
    target: { ...sound.target, rest: noKey },
  },
  "key-refused": silent({ status: 401 }),
  "secret-key": apiKey({ kind: "secret" }),
  "key-expired": apiKey({ ...legacy, expires: 0 }),
  "key-of-another-project": apiKey(
    { ...legacy, project: "abcdefghijklmnopqrst" },
    "https://zyxwvutsrqponmlkjihg.supabase.co/rest/v1",
  ),
  "signs-with-api-key": withTarget({ signing: { ...signing, isApiKey: true } }),
  "short-secret": withTarget({ signing: { ...signing, isShort: true } }),
  "signatures-not-checked": withTokens({ tampered: reply("22023") }),
  "secrets-differ": withTokens({ ours: reply("PGRST301"), withoutKeyId: reply("PGRST301") }),
  "unknown-key-id": withTokens({ ours: reply("PGRST301"), withoutKeyId: reply("22023") }),
  "key-not-published": withTokens({ ours: reply("PGRST301"), jwks }),
  "other-key-id": withTokens({ ours: reply("PGRST301"), jwks: { ...jwks, ours: { keyId: "other" } } }),
  "gateway-without-secret": withTokens({ tampered: reply("PGRST300"), ours: reply("PGRST300") }),
  "token-refused": withGateway({ personas: new Map([["ana", reply("PGRST303")]]) }),
  "no-key": withTarget({ signing: undefined }),
  "cannot-sign": persona({ unready: { message: "said", hint: "do this" } }),
  "own-clock": {
    ...withSession({ clockAhead: 3_600_000 }),
    gateway: { ...(withGateway({ first: reply("PGRST205", { clockAhead: 3_600_400 }) }).gateway ?? never()) },
  },
  "gateway-clock": withGateway({ first: reply("PGRST205", { clockAhead: -60_000 }) }),
  "database-clock": withSession({ clockAhead: 60_000 }),
  "times-refused": withTokens({ dated: reply("PGRST303") }),
  distrusted: withGateway({
    checks: { distrust: "said", unswitched: new Map(), anonymous: undefined, rollback: undefined },
  }),
  "another-anonymous-role": withGateway({
    checks: {
      distrust: undefined,
      unswitched: new Map(),
      anonymous: { kind: "another", role: "web_anon" },
      rollback: "honoured",
    },
  }),
  "no-anonymous-role": withGateway({
    checks: {
      distrust: undefined,
      unswitched: new Map(),
      anonymous: { kind: "disabled" },
      rollback: "honoured",
    },
  }),
  "role-not-switched": withGateway({
    checks: {
      distrust: undefined,
      unswitched: new Map([["ana", "said"]]),
      anonymous: undefined,
      rollback: "honoured",
    },
  }),
  "pooler-unknown": withDatabase({ pooling: { kind: "unknown", message: "said" } }),
  "users-unread": withDatabase({ users: { kind: "unreadable", message: "said" } }),
  "no-signing-key": { ...withTarget({ signing: undefined }), matrices: [] },
  "nothing-to-request": withGateway({ cache: { asked: 0, existing: 0, unknown: [] } }),
  "same-database-unknown": withGateway({
    sameness: { seen: "blind", row: { relation: "public.notes", isHere: true } },
  }),
  "rollback-unknown": withGateway({
    checks: { distrust: undefined, unswitched: new Map(), anonymous: undefined, rollback: "not shown" },
  }),
  "no-date": {
    ...sound,
    gateway: {
      ...(withTokens({ dated: undefined }).gateway ?? never()),
      first: reply("PGRST205", { clockAhead: undefined }),
    } as Examination["gateway"],
  },
};

function never(): never {
  throw new Error("there is a gateway");
}

describe("every message is reported for some facts, with all its facts", () => {
  it.each(Object.entries(provoked))("%s", (code, examination) => {
    const { check: expected, status: level = "failed" } = messages[code as MessageCode];
    const diagnoses = diagnose(examination);
    const found = diagnoses.filter(({ problem }) => problem === code);
    expect(found).toHaveLength(1);
    const [{ sentence, hint, check, status } = {}] = found;
    expect(check).toBe(expected);
    expect(status).toBe(level);
    expect(`${sentence} ${hint}`).not.toMatch(/[{}]|undefined|null|NaN|\[object/);
    expect(exitCodeOf(diagnoses)).toBe(level === "unknown" ? 2 : 1);
  });
});

describe("a failed connection to the gateway has the same messages as one to the database", () => {
  it.each([
    ["ENOTFOUND", "unknown-host"],
    ["ECONNREFUSED", "connection-refused"],
    ["timeout", "no-answer"],
    ["UND_ERR_SOCKET", "connection-closed"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "unknown-authority"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "wrong-certificate-host"],
    ["CERT_NOT_YET_VALID", "certificate-out-of-date"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "tls-failed"],
    ["UND_ERR_HEADERS_OVERFLOW", "connection-failed"],
  ])("%s: %s", (code, problem) => {
    const found = diagnose(gatewayUnreached(code)).filter(({ check }) => check === "gateway");
    expect(found).toMatchObject([{ status: "failed", problem }]);
    expect(`${found[0]?.sentence} ${found[0]?.hint}`).not.toMatch(/[{}]|undefined|null/);
    expect(connectionCode({ code, message: "" })).toBe(problem);
  });
});

describe("for a sound target every check is ok", () => {
  it("check by check", () => {
    const diagnoses = diagnose(sound);
    expect(diagnoses.map(({ check }) => check)).toEqual(checkNames);
    expect(diagnoses.filter(({ status }) => status !== "ok")).toEqual([]);
    expect(exitCodeOf(diagnoses)).toBe(0);
  });
});

describe("server versions", () => {
  it.each([
    ["9.6.24", 90_624, "failed"],
    ["12.22", 120_022, "failed"],
    ["13.0", 130_000, "ok"],
    ["15.20 (Debian 15.20-0+deb12u1)", 150_020, "ok"],
    ["18.4", 180_004, "ok"],
    ["19beta1", 190_000, "failed"],
  ])("%s", (version, versionNum, status) => {
    const found = diagnose(withSession({ version, versionNum })).filter(({ check }) => check === "server");
    expect(found).toMatchObject([{ status }]);
    expect(found[0]?.sentence).toContain(version);
  });
});

describe("what is unknown is never shown as ok", () => {
  const needsDatabase: readonly CheckName[] = [
    "server",
    "sessions",
    "privileges",
    "roles",
    "ownership",
    "safeupdate",
    "role switch",
    "schema cache",
    "same database",
    "rollback",
    "users",
    "matrix",
  ];
  it("without a database", () => {
    const gateway = withGateway({
      cache: { asked: 0, existing: 0, unknown: [] },
      sameness: { seen: "unsent", row: undefined },
      checks: undefined,
    });
    const diagnoses = diagnose({ ...gateway, database: unreached("ECONNREFUSED") });
    const found = diagnoses.filter(({ check }) => needsDatabase.includes(check));
    expect(found).toHaveLength(needsDatabase.length);
    expect(found.filter(({ status }) => status !== "unknown")).toEqual([]);
  });

  const needsGateway: readonly CheckName[] = [
    "api key",
    "tokens",
    "clock",
    "role switch",
    "schemas",
    "schema cache",
    "same database",
    "rollback",
  ];
  it.each([
    ["no way there", gatewayUnreached("ECONNREFUSED")],
    ["a web page", silent({ status: 200 })],
    ["no database behind it", silent({ status: 503, code: "PGRST000" })],
  ])("without a gateway: %s", (_, examination) => {
    const found = diagnose(examination).filter(({ check }) => needsGateway.includes(check));
    expect(found).toHaveLength(needsGateway.length);
    expect(found.filter(({ status }) => status !== "unknown")).toEqual([]);
  });
});

describe("what has to wait, and what is told though it is in between", () => {
  it.each<[string, Examination, CheckName, string]>([
    ["TLS before Postgres has said a word", login("ECONNREFUSED"), "encryption", "waits"],
    [
      "the last connection, after another was given",
      { ...sound, database: unreached("53300", true) },
      "login",
      "too-many-connections",
    ],
    [
      "a key whose role no policy applies to, by the catalogue",
      {
        ...apiKey({ ...legacy, role: "batch" }),
        database: withRoles(role("batch", { bypassRls: true })).database,
      },
      "api key",
      "secret-key",
    ],
    [
      "a key whose role no policy applies to, by its name",
      { ...apiKey({ ...legacy, role: "service_role" }), database: unreached("ECONNREFUSED") },
      "api key",
      "secret-key",
    ],
    [
      "a key that was taken for a token, and refused",
      withGateway({ first: reply("PGRST301") }),
      "api key",
      "key-refused",
    ],
    [
      "a tampered token that was shown rows",
      withTokens({ tampered: reply(undefined) }),
      "tokens",
      "signatures-not-checked",
    ],
    [
      "a tampered token that a front door refused",
      withTokens({ tampered: reply(undefined, { status: 403, rows: false }) }),
      "tokens",
      "waits",
    ],
    [
      "the anonymous role of the gateway is not there",
      { ...sound, target: { ...sound.target, rest: { ...noKey, anonRole: "nobody" } } },
      "roles",
      "no-such-role",
    ],
    [
      "the login of the gateway is not there",
      { ...sound, target: { ...sound.target, rest: { ...noKey, login: "nobody" } } },
      "roles",
      "no-such-role",
    ],
    [
      "a role that the gateway does not become since it may not",
      {
        ...withGateway({
          checks: {
            distrust: undefined,
            unswitched: new Map([["ana", "said"]]),
            anonymous: undefined,
            rollback: "honoured",
          },
        }),
        database: withRoles(role("authenticator", { canLogin: true, mayBecome: ["anon"] })).database,
      },
      "role switch",
      "waits",
    ],
    [
      "a cache that was not asked",
      withGateway({ cache: { asked: 0, existing: 2, unknown: [] } }),
      "schema cache",
      "waits",
    ],
    [
      "a matrix that nothing is wrong with but that nobody sees all rows",
      {
        ...withCatalog({ login: role("postgres") }),
        matrices: [{ kind: "unfit", file: "m.yaml", message: "said", hint: undefined, mistakes: [] }],
      },
      "matrix",
      "waits",
    ],
  ])("%s", (_, examination, check, problemName) => {
    expect(diagnose(examination).filter((one) => one.check === check)).toMatchObject([
      { problem: problemName },
    ]);
  });

  it("how a write is undone is not asked where none is sent", () => {
    const found = diagnose(withTarget({ readOnly: true })).filter(({ check }) => check === "rollback");
    expect(found).toMatchObject([{ status: "skipped" }]);
  });

  it("an auth.users without a row says nothing of personas", () => {
    const users = { kind: "read", isEmpty: true, missing: ["ana's"] } as const;
    const found = diagnose(withDatabase({ users })).filter(({ check }) => check === "users");
    expect(found).toMatchObject([{ status: "skipped" }]);
  });
});

describe("what is no fault", () => {
  it.each<[string, Examination, CheckName]>([
    [
      "a replica where nothing is written",
      { ...withSession({ inRecovery: true, readOnly: true }), target: { ...sound.target, readOnly: true } },
      "server",
    ],
    ["safeupdate for the gateway's login", withSession({ safeupdateOf: ["authenticator"] }), "safeupdate"],
    ["TLS to a socket's folder", withTarget({ host: "/var/run/postgresql", tls: undefined }), "encryption"],
    ["no TLS on loopback", withTarget({ host: "127.0.0.1", tls: undefined }), "encryption"],
    [
      "an owner under FORCE",
      withCatalog({ roles: [owning], relations: [{ ...table, forceRls: true }] }),
      "ownership",
    ],
    [
      "an owner where there is no RLS",
      withCatalog({ roles: [owning], relations: [{ ...table, rls: false }] }),
      "ownership",
    ],
    ["an owner to whom no policy applies anyway", withRoles({ ...owning, bypassRls: true }), "ownership"],
    [
      "safeupdate where nothing is written",
      { ...withSession({ safeupdate: true }), target: { ...sound.target, readOnly: true } },
      "safeupdate",
    ],
    [
      "a session that cannot write where nothing is written",
      { ...withSession({ readOnly: true }), target: { ...sound.target, readOnly: true } },
      "server",
    ],
    ["TLS, and a wrong password", login("28P01"), "encryption"],
    ["a front door that wants a key: see there", silent({ status: 401 }), "gateway"],
    ["http on loopback", apiKey({ kind: "publishable" }, "http://127.0.0.1:3000"), "gateway"],
    [
      "a project's key behind a name of one's own",
      apiKey({ ...legacy, project: "abcdefghijklmnopqrst" }),
      "api key",
    ],
    [
      "a clock that seems off by no more than the way took",
      withSession({ clockAhead: 32_000, clockUncertainty: 5000 }),
      "clock",
    ],
    [
      "times that are not why a token is refused",
      withTokens({ ours: reply("PGRST303"), dated: reply("PGRST303") }),
      "clock",
    ],
    ["a key that is not published, and accepted", withTokens({ jwks }), "tokens"],
    [
      "a persona that logs in by itself, where a superuser looks",
      { ...persona({ login: "app" }), ...superuserSees },
      "roles",
    ],
    ["a service key's role that policies apply to", apiKey({ ...legacy, role: "authenticated" }), "api key"],
    [
      "a front door that forbids the tampered token itself",
      withTokens({ tampered: reply("PGRST301", { status: 403 }) }),
      "tokens",
    ],
  ])("%s", (_, examination, check) => {
    expect(diagnose(examination).filter((one) => one.check === check)).toMatchObject([{ status: "ok" }]);
  });
});
