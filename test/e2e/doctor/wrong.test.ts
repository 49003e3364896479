import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttpServer, request } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer, type Server } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import jwt from "jsonwebtoken";
import { Client } from "pg";
import { describe, expect, it } from "vitest";
import { asSuperuser } from "../../support/as-superuser.ts";
import { exitCodeOf } from "../../../src/doctor/diagnose.ts";
import type { DatabaseAddress } from "../../../src/model/target.ts";
import { renderDoctor } from "../../../src/report/doctor.ts";
import { startEmbedded } from "../../../src/stage/postgres/server.ts";
import { certify, makeAuthority } from "../../support/certificates.ts";
import { freePort } from "../../support/ports.ts";
import { answer, type Mischief, openProxy, type Proxy } from "../rest-proxy.ts";
import {
  ana,
  ecKey,
  examineGiven,
  type Given,
  jwksOf,
  matrixText,
  nobodysId,
  notesSql,
  problemsOf,
  otherJwk,
  rsaKey,
  secret,
  targetOf,
  tlsSettings,
  type TargetParts,
  useWorld,
  world,
} from "./world.ts";

useWorld();

/** Of certificates of an authority that is in order. */
const expired = { from: -20, until: -10 };
const early = { from: 10, until: 20 };

interface Wrong {
  readonly what: string;
  readonly given: () => Promise<Given>;
  /** What is wrong: all of it, check by check. */
  readonly says: readonly (string | RegExp)[];
  /** Words of what to do. */
  readonly hint?: string;
}

async function sound(parts: TargetParts = {}): Promise<Given> {
  return { target: targetOf(world, { gateway: await world.gateway(), ...parts }) };
}

function manyTables(count: number): string {
  return `do $$ begin for n in 1..${count} loop execute format('create table public.many_%s (id int primary key)', n); end loop; end $$;`;
}

/** The direct connection alone. */
function on(database: Partial<DatabaseAddress>): Promise<Given> {
  return Promise.resolve({
    target: targetOf(world, { over: { database: { ...world.database, ...database } } }),
  });
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  world.use(server, (one) => void one.close());
  return (server.address() as AddressInfo).port;
}

/** A real gateway behind a front door that does what it is told. */
async function behind(mischief: Mischief): Promise<Proxy> {
  const proxy = world.use(await openProxy((await world.gateway()).url), (one) => one.stop());
  proxy.misbehave(mischief);
  return proxy;
}

const login: readonly Wrong[] = [
  {
    what: "nobody listens",
    given: async () => on({ port: await freePort() }),
    says: [/^login: no server listens on 127\.0\.0\.1:\d+ \(ECONNREFUSED\)$/],
    hint: "start the server",
  },
  {
    what: "a name that nobody has",
    given: () => on({ host: "no-such-host.invalid", tls: { verify: "chain and host" } }),
    says: [/^login: cannot resolve host no-such-host\.invalid \((?:ENOTFOUND|EAI_AGAIN)\)$/],
  },
  {
    what: "a server that never answers",
    given: async () => ({
      target: targetOf(world, {
        over: {
          database: { ...world.database, port: await portOf(createServer()) },
          limits: {
            statementTimeoutMs: 500,
            lockTimeoutMs: 500,
            idleInTransactionTimeoutMs: 500,
            requestTimeoutMs: 1000,
          },
        },
      }),
    }),
    says: [/^login: 127\.0\.0\.1:\d+ did not answer within 1 s \(timeout\)$/],
  },
  {
    what: "what listens is no Postgres",
    given: async () => on({ port: Number(new URL((await world.gateway()).url).port) }),
    says: [/^login: 127\.0\.0\.1:\d+ closed the connection \(\w+\)$/],
  },
  {
    what: "a wrong password",
    given: () => on({ password: "not the password" }),
    says: ["login: the server rejected the user name or password of postgres (28P01)"],
    hint: "postgres.<project ref>",
  },
  {
    what: "no password",
    given: () => on({ password: "" }),
    says: ["login: the server asks postgres for a password, and the target has none"],
  },
  {
    what: "another database's name",
    given: () => on({ database: "nowhere" }),
    says: ["login: the server has no database nowhere (3D000)"],
  },
  ...[0, 1].map((limit) => ({
    what: `a login that may have ${limit} connections`,
    given: () => onLimited(limit),
    says: [new RegExp(`^login: the server has no connection left for limited_${limit} \\(53300\\)$`)],
    hint: "CONNECTION LIMIT",
  })),
  {
    what: "a login whose connections others hold",
    given: async () => {
      const given = await onLimited(3);
      const limited = { ...given.target.database, ssl: false };
      const others = [new Client(limited), new Client(limited)];
      await Promise.all(others.map((one) => world.use(one, () => one.end()).connect()));
      return given;
    },
    says: ["login: the server has no connection left for limited_3 (53300)"],
  },
  {
    what: "a server whose connections others hold",
    given: async () => {
      const settings = { max_connections: "5", superuser_reserved_connections: "2" };
      const small = world.use(await startEmbedded({ settings }), (server) => server.stop());
      const late = { ...small.database, user: "late", password: "late password" };
      await asSuperuser(small.database, "create role late login bypassrls password 'late password'");
      const others = [1, 2, 3].map(() => new Client({ ...late, ssl: false }));
      await Promise.all(others.map((one) => world.use(one, () => one.end()).connect()));
      return on(late);
    },
    says: ["login: the server has no connection left for late (53300)"],
    hint: "max_connections",
  },
];

/** As somebody who may have no more connections than that. */
async function onLimited(limit: number): Promise<Given> {
  const name = `limited_${limit}`;
  await world.client.query(
    `create role ${name} login bypassrls connection limit ${limit} password 'limited password' in role pg_read_all_data;
     grant anon, authenticated, service_role to ${name} with inherit false`,
  );
  return on({ user: name, password: "limited password" });
}

const localhostTls = { host: "localhost", tls: { verify: "chain and host" } } as const;

const encryption: readonly Wrong[] = [
  {
    what: "a certificate of an unknown authority",
    given: () => on(localhostTls),
    says: [
      /^encryption: the certificate of localhost is self-signed or signed by an unknown authority \([A-Z_]+\)$/,
    ],
    hint: "sslrootcert",
  },
  {
    what: "a certificate for another host",
    given: () => on({ tls: { verify: "chain and host", ca: world.authority.cert } }),
    says: ["encryption: the certificate of 127.0.0.1 is for another host: localhost"],
  },
  ...[
    { what: "that has expired", validity: expired, code: "CERT_HAS_EXPIRED" },
    { what: "that is not valid yet", validity: early, code: "CERT_NOT_YET_VALID" },
  ].map(({ what, validity, code }) => ({
    what: `a certificate ${what}`,
    given: async () => {
      const folder = mkdtempSync(join(tmpdir(), "rowgate-doctor-tls-"));
      const settings = tlsSettings(folder, certify(world.authority, ["localhost"], [], validity));
      const server = world.use(await startEmbedded({ settings }), async (one) => {
        await one.stop();
        rmSync(folder, { recursive: true });
      });
      const tls = { verify: "chain and host", ca: world.authority.cert } as const;
      return on({ ...server.database, host: "localhost", tls });
    },
    says: [`encryption: the certificate of localhost has expired or is not valid yet (${code})`],
    hint: "renew it; if its dates are right, correct this machine's clock",
  })),
  {
    what: "a server without TLS",
    given: async () => {
      const plain = world.use(await startEmbedded(), (server) => server.stop());
      return on({ ...plain.database, tls: { verify: "nothing" } });
    },
    says: [/^encryption: 127\.0\.0\.1:\d+ does not support TLS, and the target requires it$/],
    hint: "sslmode=disable only on",
  },
  {
    what: "rows that cross a network unencrypted",
    given: async () => {
      const open = world.use(await startEmbedded({ settings: { listen_addresses: "*" } }), (server) =>
        server.stop(),
      );
      return on({ ...open.database, host: networkAddress() });
    },
    // initdb lets only this machine's own addresses in.
    says: [
      /^login: the server does not let postgres log in \(28000\): no pg_hba/,
      /^encryption: every row crosses the network to [\d.]+ unencrypted$/,
    ],
    hint: "verify-full",
  },
];

function networkAddress(): string {
  const found = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === "IPv4" && !one.internal);
  if (found === undefined) throw new Error("this machine has no network address besides loopback");
  return found.address;
}

const roles: readonly Wrong[] = [
  {
    what: "a login without full sight, which may become nobody",
    given: async () => {
      await world.client.query("create role plain_login login password 'plain password'");
      return on({ user: "plain_login", password: "plain password" });
    },
    says: [
      /^privileges: plain_login has neither BYPASSRLS nor SUPERUSER/,
      "roles: plain_login may not SET ROLE anon (42501)",
      "roles: plain_login may not SET ROLE authenticated (42501)",
      "roles: plain_login may not SET ROLE service_role (42501)",
      /^matrix: matrices\/notes\.yaml does not fit the target: /,
    ],
    hint: 'GRANT "anon" TO "plain_login"',
  },
  {
    what: "a login past policies, and past no privilege",
    given: async () => {
      await world.client.query(
        "create role past_rls login bypassrls password 'past-rls-password'; grant anon, authenticated, service_role to past_rls with inherit false",
      );
      return { ...(await on({ user: "past_rls", password: "past-rls-password" })), matrix: null };
    },
    says: ["privileges: past_rls has no SELECT on public.notes; BYPASSRLS skips policies, not privileges"],
    hint: "pg_read_all_data",
  },
  {
    what: "a role that does not exist",
    given: async () => ({
      ...(await sound()),
      matrix: matrixText.replace("role: service_role", "role: servicerole"),
    }),
    says: [
      "roles: role servicerole does not exist (service)",
      /^matrix: matrices\/notes\.yaml does not fit the target: The matrix notes does not fit the database/,
    ],
  },
  {
    what: "a role that the gateway may not become",
    given: async () => {
      await world.client.query(
        "create role auditor; grant usage on schema public to auditor; grant select on notes to auditor",
      );
      return {
        ...(await sound()),
        matrix: matrixText
          .replace("role: service_role", "role: auditor")
          .replace("service: allow", "service: deny"),
      };
    },
    says: [
      "roles: the gateway's login authenticator may not SET ROLE auditor, so every request as auditor is refused",
    ],
    hint: 'GRANT "auditor" TO "authenticator"',
  },
  {
    what: "a persona that owns the table",
    given: async () => {
      const database = await world.fresh(`${notesSql} alter table public.notes owner to authenticated;`);
      return sound({
        gateway: await world.gateway({ database: { ...database, ...world.server.authenticator } }),
        over: { database },
      });
    },
    says: [
      "ownership: authenticated has the owner's rights on public.notes; policies apply to an owner only if RLS is forced",
    ],
    hint: "FORCE ROW LEVEL SECURITY",
  },
  {
    what: "safeupdate in the login's own sessions",
    given: async () => {
      await world.client.query(
        "create role careful login superuser password 'careful password'; alter role careful set safeupdate.enabled = on",
      );
      return on({ user: "careful", password: "careful password" });
    },
    says: [
      /^safeupdate: safeupdate is active in sessions of careful: it refuses an UPDATE or DELETE without WHERE \(21000\)/,
    ],
    hint: "ALTER ROLE careful SET safeupdate.enabled = off",
  },
  {
    what: "a login whose sessions are read-only",
    given: async () => {
      await world.client.query(
        "create role reader login superuser password 'reader password'; alter role reader set default_transaction_read_only = on",
      );
      return on({ user: "reader", password: "reader password" });
    },
    says: [/^server: sessions of reader are read-only \(default_transaction_read_only\)/],
    hint: "writes: none",
  },
  {
    what: "a `sub` that auth.users does not know",
    given: async () => ({ ...(await sound()), matrix: matrixText.replace(ana, nobodysId) }),
    says: ["users: auth.users has no row for the `sub` of ana"],
  },
  {
    what: "a matrix that names what is not there",
    given: async () => ({ ...(await sound()), matrix: matrixText.replace("  notes:\n", "  nots:\n") }),
    says: [/^matrix: matrices\/notes\.yaml does not fit the target/],
  },
];

const gateway: readonly Wrong[] = [
  {
    what: "none, though the matrix speaks to one",
    given: () => Promise.resolve({ target: targetOf(world, {}), matrix: matrixText }),
    says: ["gateway: matrices/notes.yaml uses the rest channel, and the target has no PostgREST"],
    hint: "SUPABASE_URL",
  },
  {
    what: "nobody listens",
    given: async () => sound({ url: `http://127.0.0.1:${await freePort()}` }),
    says: [/^gateway: no server listens on http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)$/],
  },
  {
    what: "a web page",
    given: async () => {
      const proxy = await behind((_, response) =>
        answer(response, 200, "<html>", { "content-type": "text/html" }),
      );
      return sound({ url: proxy.url });
    },
    says: [/^gateway: the server at \S+ is not PostgREST: it answered 200 without PostgREST's error code$/],
    hint: "/rest/v1",
  },
  {
    what: "an address that sends one on",
    given: async () => {
      const proxy = await behind((_, response) =>
        answer(response, 301, "", { location: "https://db.test/rest/v1?key=abc" }),
      );
      return sound({ url: proxy.url });
    },
    says: [/^gateway: \S+ redirects to https:\/\/db\.test\/rest\/v1 \(301\)$/],
  },
  {
    what: "an answer that never ends",
    given: async () => {
      const proxy = await behind((_, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const drip = setInterval(() => response.write(" "), 20);
        response.on("close", () => clearInterval(drip));
        return "done";
      });
      return sound({ url: proxy.url });
    },
    says: [/^gateway: \S+ did not answer within 3 s \(timeout\)$/],
  },
  {
    what: "an answer that is longer than any",
    given: async () => {
      const proxy = await behind((_, response) => answer(response, 200, "x".repeat(2 * 1024 * 1024)));
      return sound({ url: proxy.url });
    },
    says: [/^gateway: \S+ could not be queried \(unknown\): the answer is longer than 1048576 bytes$/],
  },
  {
    what: "a front door whose PostgREST is down",
    given: async () => {
      const proxy = await behind((_, response) => answer(response, 503, "no healthy upstream"));
      return sound({ url: proxy.url });
    },
    says: [/^gateway: PostgREST does not answer behind \S+ \(503\)$/],
  },
  {
    what: "a certificate of an unknown authority",
    given: async () => {
      const server = createHttpsServer(certify(makeAuthority(), ["localhost"], ["127.0.0.1"]));
      return sound({ url: `https://127.0.0.1:${await portOf(server)}` });
    },
    says: [/^gateway: the certificate of 127\.0\.0\.1 is self-signed or signed by an unknown authority/],
    hint: "NODE_EXTRA_CA_CERTS",
  },
  ...[
    { what: "that has expired", validity: expired, code: "CERT_HAS_EXPIRED" },
    { what: "that is not valid yet", validity: early, code: "CERT_NOT_YET_VALID" },
  ].map(({ what, validity, code }) => ({
    what: `a certificate ${what}`,
    given: async () => {
      const { authority } = world;
      const server = createHttpsServer(certify(authority, ["localhost"], [], validity));
      const { target, ...given } = await sound({ url: `https://localhost:${await portOf(server)}` });
      return { ...given, target: { ...target, rest: target.rest && { ...target.rest, ca: authority.cert } } };
    },
    says: [
      new RegExp(`^gateway: the certificate of localhost has expired or is not valid yet \\(${code}\\)$`),
    ],
    hint: "renew it; if its dates are right, correct this machine's clock",
  })),
  {
    what: "tokens that cross a network unencrypted",
    given: async () => {
      const inner = new URL((await world.gateway()).url);
      const outer = createHttpServer((incoming, response) => {
        const options = { headers: incoming.headers, method: incoming.method };
        incoming.pipe(
          request(new URL(incoming.url ?? "/", inner), options, (given) => {
            response.writeHead(given.statusCode ?? 500, given.headers);
            given.pipe(response);
          }),
        );
      });
      await new Promise<void>((resolve) => {
        outer.listen(0, resolve);
      });
      world.use(outer, (one) => {
        one.closeAllConnections();
        one.close();
      });
      return sound({ url: `http://${networkAddress()}:${(outer.address() as AddressInfo).port}` });
    },
    says: [/^gateway: tokens and rows cross the network to http:\S+ unencrypted$/],
  },
];

const tokens: readonly Wrong[] = [
  {
    what: "two sides configured with different secrets",
    given: async () =>
      sound({
        over: { signingKey: { algorithm: "HS256", secret: "another-secret-of-more-than-32-characters" } },
      }),
    says: [
      "tokens: the gateway rejects tokens signed with the target's HS256 key (PGRST301): PostgREST verifies with another key",
    ],
    hint: "the two sides were configured with different ones",
  },
  {
    what: "an ES256 key that is none of a JWKS",
    given: async () =>
      sound({ gateway: await world.gateway({ jwt: { jwks: [otherJwk] } }), over: { signingKey: ecKey } }),
    says: [/^tokens: the gateway rejects tokens signed with the target's ES256 key \(PGRST301\)/],
  },
  {
    what: "an RS256 key where a secret is checked with",
    given: async () => sound({ over: { signingKey: rsaKey } }),
    says: [/^tokens: the gateway rejects tokens signed with the target's RS256 key \(PGRST301\)/],
  },
  {
    what: "a key under another kid",
    given: async () =>
      sound({
        gateway: await world.gateway({
          jwt: { jwks: [otherJwk, ...jwksOf({ ...ecKey, keyId: "its-name" })] },
        }),
        over: { signingKey: ecKey },
      }),
    says: ["tokens: the gateway knows this ES256 key under another `kid` than imported-key (PGRST301)"],
    hint: "`kid`",
  },
  {
    what: "a key that the project does not publish",
    given: async () => sound({ url: await asProject([otherJwk]), over: { signingKey: ecKey } }),
    says: [
      /^tokens: \S+\/auth\/v1\/\.well-known\/jwks\.json does not publish the target's ES256 key; it publishes ES256 other-key$/,
    ],
  },
  {
    what: "a publishable key in place of the JWT secret",
    given: async () =>
      sound({
        over: { signingKey: { algorithm: "HS256", secret: "sb_publishable_0123456789abcdefghijkl" } },
      }),
    says: ["tokens: the target's JWT secret is an API key, which cannot sign tokens"],
    hint: "no JWT secrets",
  },
  {
    what: "half of a secret",
    given: async () => sound({ over: { signingKey: { algorithm: "HS256", secret: secret.slice(0, 20) } } }),
    says: [/^tokens: the JWT secret is shorter than 32 bytes/],
  },
  {
    what: "no key, though personas need tokens",
    given: async () => sound({ over: { signingKey: undefined } }),
    says: ["tokens: ana, service need a token, and the target has no key to sign one with"],
  },
  {
    what: "a front door that takes every token for a good one",
    given: async () => {
      const good = jwt.sign({ role: "service_role" }, secret);
      const proxy = await behind(({ headers }) =>
        headers["authorization"] === undefined
          ? undefined
          : { headers: { ...headers, authorization: `Bearer ${good}` } },
      );
      return sound({ url: proxy.url });
    },
    says: [
      /^tokens: the gateway accepted a token with a tampered signature \(200\): any caller can claim any identity$/,
    ],
  },
  {
    what: "a token that was handed in and signed elsewhere",
    given: async () => ({
      ...(await sound()),
      matrix: matrixText.replace("role: service_role", "role: service_role, token: '${SERVICE_TOKEN}'"),
      environment: {
        SERVICE_TOKEN: jwt.sign({ role: "service_role" }, "somebody-else-s-secret-of-32-characters"),
      },
    }),
    says: [/^tokens: the gateway rejects the token of service \(PGRST301\): No suitable key/],
  },
  {
    what: "a token that was to be handed in",
    given: async () => ({
      ...(await sound()),
      matrix: matrixText.replace("role: service_role", "role: service_role, token: '${SERVICE_TOKEN}'"),
    }),
    says: [
      "tokens: no token could be made for service: Persona service takes its token from SERVICE_TOKEN, which is empty.",
    ],
    hint: "export SERVICE_TOKEN",
  },
  {
    what: "an audience that no persona claims",
    given: async () => ({
      ...(await sound({ gateway: await world.gateway({ jwt: { secret, audience: "authenticated" } }) })),
      matrix: matrixText.replace(`sub: ${ana} }`, `sub: ${ana}, aud: somebody-else }`),
    }),
    says: ["tokens: the gateway rejects the token of ana (PGRST303): JWT not in audience"],
    hint: "aud",
  },
  {
    what: "a clock that is an hour behind",
    given: async () => ({ ...(await sound()), clock: () => Date.now() - 3_600_000 }),
    says: [/^clock: this machine's clock is 3[56]\d\d s behind those of the gateway and the database$/],
    hint: "NTP",
  },
  {
    what: "a clock that is an hour ahead",
    given: async () => ({ ...(await sound()), clock: () => Date.now() + 3_600_000 }),
    says: [/^clock: this machine's clock is 3[56]\d\d s ahead of those of the gateway and the database$/],
  },
];

/** As a Supabase project has it: PostgREST and the auth server's keys beside each other. */
async function asProject(keys: readonly unknown[]): Promise<string> {
  const inner = await world.gateway({ jwt: { jwks: [otherJwk] } });
  const proxy = world.use(await openProxy(inner.url), (one) => one.stop());
  proxy.misbehave(({ path }, response) =>
    path.startsWith("/auth/v1/") ? answer(response, 200, JSON.stringify({ keys })) : undefined,
  );
  return `${proxy.url}/rest/v1`;
}

const publishable = "sb_publishable_abcdefghijklmnopqrstuv";

const apiKeys: readonly Wrong[] = [
  {
    what: "a secret key",
    given: async () => sound({ apiKey: "sb_secret_abcdefghijklmnopqrstuvwxyz" }),
    says: [
      "api key: the API key is a secret key: requests without a token bypass every policy, so everything looks open",
    ],
    hint: "publishable",
  },
  {
    what: "the service_role key of old",
    given: async () =>
      sound({ apiKey: jwt.sign({ role: "service_role", ref: "abcdefghijklmnopqrst" }, secret) }),
    says: [/^api key: the API key is a JWT of the role service_role: requests without a token/],
  },
  {
    what: "a key that has expired",
    given: async () =>
      sound({ apiKey: jwt.sign({ role: "anon", exp: Date.UTC(2025, 0, 31) / 1000 }, secret) }),
    says: ["api key: the API key expired on 2025-01-31"],
  },
  {
    what: "none, where the front door wants one",
    given: async () => sound({ url: (await behind(wantsKey)).url }),
    says: ["api key: the gateway requires an API key, and the target has none (401)"],
  },
  {
    what: "one that the front door does not know",
    given: async () =>
      sound({ url: (await behind(wantsKey)).url, apiKey: "sb_publishable_of_somebody_else" }),
    says: ["api key: the gateway rejects the API key (401): Invalid API key"],
  },
];

/** As Supabase's front door answers. */
const wantsKey: Mischief = ({ headers }, response) => {
  const key = headers["apikey"];
  if (key === publishable) return undefined;
  const message = key === undefined ? "No API key found in request" : "Invalid API key";
  return answer(response, 401, JSON.stringify({ message }));
};

const behindIt: readonly Wrong[] = [
  {
    what: "a schema that is not exposed",
    given: async () => sound({ over: { schemas: ["public", "hidden"] } }),
    says: ["schemas: the gateway does not expose the schema hidden (PGRST106)"],
    hint: "db-schemas",
  },
  {
    what: "a schema that is not there",
    given: async () => sound({ over: { schemas: ["public", "nowhere"] } }),
    says: ["schemas: the database has no schema nowhere"],
  },
  {
    what: "a schema cache older than a table",
    given: async () => {
      const database = await world.fresh();
      const running = await world.gateway({ database: { ...database, ...world.server.authenticator } });
      await asSuperuser(database, "create table public.newer (id int primary key)");
      return sound({ gateway: running, over: { database } });
    },
    says: [
      "schema cache: the gateway does not know public.newer, and the database has it (PGRST205): its schema cache is older than the last migration",
    ],
    hint: "NOTIFY pgrst, 'reload schema'",
  },
  {
    what: "a schema cache older than the last of many tables",
    given: async () => {
      const database = await world.fresh(`${notesSql} ${manyTables(300)}`);
      const running = await world.gateway({ database: { ...database, ...world.server.authenticator } });
      await asSuperuser(database, "create table public.zebras (id int primary key)");
      return sound({ gateway: running, over: { database } });
    },
    says: [
      "schema cache: the gateway does not know public.zebras, and the database has it (PGRST205): its schema cache is older than the last migration",
    ],
  },
  {
    what: "a gateway of another database with the same tables",
    given: async () => sound({ over: { database: await world.fresh() } }),
    says: [
      /^same database: the gateway serves another database than the direct connection: a row of public\.notes that it shows is not in doctor_\d+$/,
    ],
    hint: "db-uri",
  },
  {
    what: "a gateway of another database with other tables",
    given: async () => {
      const database = await world.fresh("create table public.elsewhere (id int primary key)");
      return sound({
        gateway: await world.gateway({ database: { ...database, ...world.server.authenticator } }),
      });
    },
    says: [/^schema cache: the gateway knows none of the 1 relations that doctor requested \(PGRST205\)/],
    hint: "compare PostgREST's db-uri",
  },
  {
    what: "a gateway that commits",
    given: async () => sound({ gateway: await world.gateway({ txEnd: "commit" }) }),
    says: [
      "rollback: the gateway ignores Prefer: tx=rollback: a write would stay, so rowgate sends none through it",
    ],
    hint: "never in production",
  },
];

describe.each(Object.entries({ login, encryption, roles, gateway, tokens, apiKeys, behindIt }))(
  "%s: one sentence for what is wrong",
  (_, cases) => {
    it.each(cases)("$what", async ({ given, says, hint }) => {
      const all = await given();
      const diagnoses = await examineGiven(all);
      const said = problemsOf(diagnoses);
      expect(said.map((one, index) => matched(one, says[index]))).toEqual(says);
      const hints = diagnoses.filter(({ status }) => status === "failed").map((one) => one.hint);
      expect(hints.join("\n")).toContain(hint ?? "");
      expect(exitCodeOf(diagnoses)).toBe(1);
      const text = renderDoctor(["staging"], diagnoses, { width: 80, colour: false });
      for (const one of secretsIn(all)) expect(text).not.toContain(one);
      for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    });
  },
);

it("relations that there was no time to ask for are counted, and the newest are asked for first", async () => {
  const database = await world.fresh(
    `${notesSql} ${manyTables(300)} create table public.zebras (id int primary key);`,
  );
  const running = await world.gateway({ database: { ...database, ...world.server.authenticator } });
  const slow = world.use(await openProxy(running.url), (one) => one.stop());
  slow.misbehave(async ({ path }) => {
    if (/^\/many_\d+\?limit=0$/.test(path)) await wait(1_000);
    return undefined;
  });
  const diagnoses = await examineGiven(await sound({ url: slow.url, over: { database } }));
  expect(problemsOf(diagnoses)).toEqual([]);
  expect(diagnoses.find(({ check }) => check === "schema cache")?.sentence).toMatch(
    /^the gateway knows the newest \d+ of 302 relations; there was no time to request more$/,
  );
  expect(slow.arrived).toContain("GET /zebras?limit=0");
});

it("no token is sent to what does not answer as PostgREST", async () => {
  const sent: (string | undefined)[] = [];
  const proxy = await behind(({ headers }, response) => {
    sent.push(headers["authorization"]);
    return answer(response, 200, "<html>", { "content-type": "text/html" });
  });
  await examineGiven(await sound({ url: proxy.url }));
  expect(sent).toEqual([undefined]);
});

/** What was expected, where it is what was said. */
function matched(said: string, expected: string | RegExp | undefined): string | RegExp {
  return expected instanceof RegExp && expected.test(said) ? expected : said;
}

function secretsIn({ target, environment = {} }: Given): readonly string[] {
  const { signingKey, rest, database } = target;
  const key = signingKey?.algorithm === "HS256" ? signingKey.secret : signingKey?.privateKeyPem;
  return [key, rest?.apiKey, database.password, ...Object.values(environment)].flatMap((one) =>
    one === undefined || one === "" ? [] : [one],
  );
}
