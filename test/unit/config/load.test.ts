import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { chmodSync, mkdirSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { certify, makeAuthority } from "../../support/certificates.ts";
import { defaultLimits } from "../../../src/model/target.ts";
import { openRoom, type Room } from "./room.ts";

const pem = (key: KeyObject): string => String(key.export({ type: "pkcs8", format: "pem" }));

let room: Room;
beforeAll(() => {
  room = openRoom();
  room.put("certs/ca.pem", makeAuthority().cert);
  room.put("certs/rubbish.pem", "nothing of the sort\n");
  room.put("certs/broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
});
afterAll(() => room.clear());

const yaml = (text: string): void => void room.put("rowgate.yaml", text);
const url = "postgresql://auditor@db.example.com/app";

describe("where the database is", () => {
  const cases: readonly (readonly [
    name: string,
    yaml: string,
    variables: Record<string, string>,
    found: object,
  ])[] = [
    [
      "a URL in a variable, with its password",
      "database: { url: '${DB}' }",
      { DB: "postgresql://me:p%40ss@db.example.com:6000/app%20one?sslmode=require" },
      {
        host: "db.example.com",
        port: 6000,
        database: "app one",
        user: "me",
        password: "p@ss",
        tls: { verify: "nothing" },
      },
    ],
    [
      "a URL written out, its password beside it",
      `database: { url: '${url}', password: '\${PW}' }`,
      { PW: "secret" },
      { host: "db.example.com", port: 5432, database: "app", user: "auditor", password: "secret" },
    ],
    [
      "parts",
      "database: { host: db.example.com, port: 6000, name: app, user: me, password: '${PW}', options: -c search_path=x }",
      { PW: "secret" },
      { host: "db.example.com", port: 6000, database: "app", user: "me", options: "-c search_path=x" },
    ],
    [
      "a socket's folder is never encrypted",
      "database: { host: /run/postgresql, name: app, user: me, sslmode: verify-full }",
      {},
      { host: "/run/postgresql", tls: undefined },
    ],
    [
      "SUPABASE_DB_URL",
      "",
      { SUPABASE_DB_URL: "postgres://me@h1/a", DATABASE_URL: "postgres://me@h2/a" },
      { host: "h1" },
    ],
    [
      "DATABASE_URL",
      "",
      { DATABASE_URL: "postgres://me@h2/a", DB_URL: "postgres://me@h3/a" },
      { host: "h2" },
    ],
    [
      "what `supabase status -o env` prints",
      "",
      { DB_URL: "postgres://postgres:postgres@127.0.0.1:54322/postgres" },
      { host: "127.0.0.1", port: 54322, password: "postgres", tls: undefined },
    ],
    [
      "libpq's variables",
      "",
      { PGHOST: "h", PGPORT: "5433", PGUSER: "me", PGDATABASE: "d", PGPASSWORD: "p", PGSSLMODE: "require" },
      { host: "h", port: 5433, user: "me", database: "d", password: "p", tls: { verify: "nothing" } },
    ],
    ["no database named: the user's, as libpq has it", "", { PGHOST: "h", PGUSER: "me" }, { database: "me" }],
    [
      "an IPv6 address",
      "",
      { DATABASE_URL: "postgresql://me@[::1]:5433/d" },
      { host: "::1", port: 5433, tls: undefined },
    ],
    [
      "a socket in a URL",
      "",
      { DATABASE_URL: "postgresql://me@%2Frun%2Fpostgresql/d" },
      { host: "/run/postgresql", tls: undefined },
    ],
    [
      "a host is named: no URL of the environment leads elsewhere",
      "database: { host: db.example.com, user: me, name: app }",
      { DATABASE_URL: "postgresql://me@other/other", PGSERVICE: "other", PGOPTIONS: "-c role=other" },
      { host: "db.example.com", port: 5432, database: "app", options: undefined },
    ],
    [
      "a key of the file counts before its URL, and the URL's password before PGPASSWORD",
      "database: { url: '${DB}', sslmode: disable, options: -c a=b }",
      { DB: "postgresql://me:own@h/d?sslmode=require&options=-c%20c%3Dd", PGPASSWORD: "p", PGOPTIONS: "x" },
      { password: "own", tls: undefined, options: "-c a=b" },
    ],
    [
      "a URL of the environment counts before libpq's variables",
      "",
      { DATABASE_URL: "postgresql://me@h/d", PGHOST: "other", PGPORT: "6000", PGUSER: "other" },
      { host: "h", user: "me", database: "d" },
    ],
    [
      "a parameter of a URL counts before its part, as libpq has it",
      "",
      { DATABASE_URL: "postgresql://me@h:1/d?host=h2&port=2&dbname=d2&user=u2" },
      { host: "h2", port: 2, database: "d2", user: "u2" },
    ],
    [
      "PGPORT does not lead a named database elsewhere, PGPASSWORD opens it",
      `database: { url: '${url}' }`,
      { PGPORT: "6543", PGHOST: "other", PGDATABASE: "other", PGPASSWORD: "p" },
      { host: "db.example.com", port: 5432, database: "app", password: "p" },
    ],
  ];
  test.each(cases)("%s", async (_name, said, variables, found) => {
    yaml(`targets:\n  staging:\n    posture: staging\n${said === "" ? "" : `    ${said}\n`}`);
    expect((await room.load("staging", variables)).target.database).toMatchObject(found);
  });

  test("a service, with what an INI reader would take for a comment", async () => {
    const file = room.put(
      "services.conf",
      '# ours\n[other]\nhost=x\n[audit]\nhost=h\nport=6000\ndbname=d\nuser=me\npassword=a;b"c #d\nsslmode=require\n',
    );
    yaml("targets: { staging: { posture: staging, database: { service: audit } } }");
    const { target, sources } = await room.load("staging", { PGSERVICEFILE: file });
    expect(target.database).toMatchObject({
      host: "h",
      port: 6000,
      database: "d",
      user: "me",
      password: 'a;b"c #d',
    });
    yaml("targets: { staging: { posture: staging } }");
    const named = { PGSERVICE: "audit", PGSERVICEFILE: file, PGPORT: "1", PGPASSWORD: "p" };
    expect((await room.load("staging", named)).target.database).toMatchObject({ host: "h", port: 6000 });
    yaml("targets: { staging: { posture: staging, database: { service: audit } } }");
    expect(sources).toContainEqual({ setting: "database.host", from: `${file}:5` });
    yaml("targets: { staging: { posture: staging, database: { service: audti } } }");
    expect(await room.mistakes("staging", { PGSERVICEFILE: file })).toEqual([
      "1:62 no service `audti` in " + file + "; did you mean `audit`? (services: `other`, `audit`)",
    ]);
  });

  test("services: the first of several lines, of several files, and no line of another section or of none", async () => {
    const own = "host=nowhere\n[x]\nport=1\n#host=z\n[a]\nhost=h\nhost=h2\nuser=me\n[y]\ndbname=other\n";
    room.put("home/.pg_service.conf", own);
    room.put("etc/pg_service.conf", "[a]\nhost=later\n[b]\nhost=etc\nuser=me\n");
    const [home, etc] = [path.join(room.folder, "home"), path.join(room.folder, "etc")];
    const found = { HOME: home, PGSYSCONFDIR: etc, PGPORT: "1", PGDATABASE: "other" };
    const at = async (service: string): Promise<object> => {
      yaml(`targets: { s: { posture: staging, database: { service: ${service} } } }`);
      return (await room.load("s", found)).target.database;
    };
    expect(await at("a")).toMatchObject({ host: "h", port: 5432, database: "me" });
    expect(await at("b")).toMatchObject({ host: "etc" });
  });

  test("what a target says besides, and what it gets when it says nothing", async () => {
    const limits =
      "limits: { statement_timeout: 1001, lock_timeout: 1002, idle_in_transaction_session_timeout: 1003, request_timeout: 1004 }";
    const said = `pre_request: hooks.check, schemas: [api, v2], writes: none, ${limits}`;
    yaml(`targets: { s: { posture: staging, database: { url: '${url}' }, ${said} } }`);
    const { target, schemas } = await room.load("s");
    expect(schemas).toEqual(["api", "v2"]);
    expect(target).toMatchObject({
      writes: "none",
      schemas: ["api", "v2"],
      preRequest: { schema: "hooks", name: "check" },
      limits: {
        statementTimeoutMs: 1001,
        lockTimeoutMs: 1002,
        idleInTransactionTimeoutMs: 1003,
        requestTimeoutMs: 1004,
      },
    });
    yaml(`targets: { s: { posture: production, database: { url: '${url}' }, writes: none } }`);
    expect((await room.load("s")).target).toMatchObject({
      posture: "production",
      schemas: ["public"],
      preRequest: undefined,
      limits: defaultLimits,
    });
  });

  test("each setting's source is told, and nothing of a secret", async () => {
    yaml(
      "targets:\n  staging:\n    posture: staging\n    database: { url: '${DB}' }\n    jwt: { secret: '${KEY}' }\n    rest: { url: https://x.example.com }\n",
    );
    const { sources } = await room.load("staging", {
      DB: "postgresql://me:hidden@h/d",
      KEY: "also-hidden",
      ANON_KEY: "public",
    });
    expect(sources).toEqual(
      expect.arrayContaining([
        { setting: "database.host", from: "DB (rowgate.yaml:4:22)" },
        { setting: "database.password", from: "DB (rowgate.yaml:4:22)" },
        { setting: "jwt.secret", from: "KEY (rowgate.yaml:5:20)" },
        { setting: "rest.url", from: "rowgate.yaml:6:18" },
        { setting: "rest.api_key", from: "ANON_KEY" },
      ]),
    );
    expect(JSON.stringify(sources)).not.toContain("hidden");
  });
});

describe("how the server is known", () => {
  const over: readonly (readonly [said: string, host: string, tls: object | undefined])[] = [
    ["", "db.example.com", { verify: "chain and host", ca: undefined }],
    ["", "localhost", undefined],
    ["", "127.0.0.1", undefined],
    ["sslmode: disable", "db.example.com", undefined],
    ["sslmode: prefer", "db.example.com", { verify: "nothing" }],
    ["sslmode: allow", "localhost", undefined],
    ["sslmode: require", "db.example.com", { verify: "nothing" }],
    [
      "sslmode: require, sslrootcert: certs/ca.pem",
      "db.example.com",
      { verify: "chain", ca: expect.stringContaining("BEGIN") },
    ],
    ["sslmode: verify-ca, sslrootcert: certs/ca.pem", "db.example.com", { verify: "chain" }],
    ["sslmode: verify-full, sslrootcert: certs/ca.pem", "127.0.0.1", { verify: "chain and host" }],
    ["sslrootcert: certs/ca.pem", "127.0.0.1", { verify: "chain and host" }],
    [
      "sslmode: verify-full, sslrootcert: system",
      "db.example.com",
      { verify: "chain and host", ca: undefined },
    ],
  ];
  test.each(over)("%j on %s", async (said, host, tls) => {
    yaml(
      `targets: { s: { posture: staging, database: { host: ${host}, user: me${said === "" ? "" : `, ${said}`} } } }`,
    );
    const { database } = (await room.load("s")).target;
    expect(database).toMatchObject({ tls });
  });

  test("a certificate and a key of one's own, for a server that asks for them", async () => {
    const { cert, key } = certify(makeAuthority(), ["auditor"]);
    room.put("certs/own.crt", cert);
    room.put("certs/own.key", key);
    yaml(
      "targets: { s: { posture: staging, database: { host: db.example.com, user: me, sslcert: certs/own.crt, sslkey: certs/own.key } } }",
    );
    expect((await room.load("s")).target.database.tls).toMatchObject({ cert, key });
  });

  test("PGSSLROOTCERT, and ~/.postgresql/root.crt", async () => {
    const ca = path.join(room.folder, "certs/ca.pem");
    yaml("targets: { s: { posture: staging, database: { host: db.example.com, user: me } } }");
    // Of the environment, from the current folder.
    const named = await room.load("s", { PGSSLROOTCERT: path.relative(process.cwd(), ca) });
    expect(named.target.database.tls).toMatchObject({
      verify: "chain and host",
      ca: expect.stringContaining("BEGIN"),
    });
    mkdirSync(path.join(room.folder, "home/.postgresql"), { recursive: true });
    room.put("home/.postgresql/root.crt", makeAuthority().cert);
    const own = await room.load("s", { HOME: path.join(room.folder, "home"), PGSSLMODE: "require" });
    expect(own.target.database.tls).toMatchObject({ verify: "chain", ca: expect.stringContaining("BEGIN") });
  });
});

describe("PostgREST and its keys", () => {
  const database = `database: { url: '${url}' }`;
  test.each([
    [
      "rest: { url: https://x.example.com/rest/ }",
      {},
      { url: "https://x.example.com/rest", apiKey: undefined },
    ],
    [
      "",
      { SUPABASE_URL: "https://abc.supabase.co/", SUPABASE_PUBLISHABLE_KEY: "sb_publishable_x" },
      { url: "https://abc.supabase.co/rest/v1", apiKey: "sb_publishable_x" },
    ],
    [
      "",
      { API_URL: "http://127.0.0.1:54321", ANON_KEY: "k" },
      { url: "http://127.0.0.1:54321/rest/v1", apiKey: "k" },
    ],
    [
      "",
      { REST_URL: "http://127.0.0.1:54321/rest/v1", API_URL: "http://127.0.0.1:1" },
      { url: "http://127.0.0.1:54321/rest/v1" },
    ],
    [
      "rest: { url: https://x.example.com, ca: certs/ca.pem }",
      {},
      { ca: expect.stringContaining("BEGIN CERTIFICATE") },
    ],
    [
      "rest: { url: http://postgrest.internal:3000, plain_http: true, anon_role: web, login: gate }",
      {},
      { url: "http://postgrest.internal:3000", anonRole: "web", login: "gate" },
    ],
  ])("%j with %j", async (said, variables, found) => {
    yaml(`targets: { s: { posture: staging, ${database}${said === "" ? "" : `, ${said}`} } }`);
    expect((await room.load("s", variables)).target.rest).toMatchObject(found);
  });

  test.each([
    ["https://abc.supabase.co/rest/v1", "https://abc.supabase.co/auth/v1"],
    ["http://127.0.0.1:54321/rest/v1", "http://127.0.0.1:54321/auth/v1"],
    ["https://postgrest.example.com", undefined],
  ])("%s: personas are signed in as by %s", async (rest, issuer) => {
    yaml(`targets: { s: { posture: staging, ${database}, rest: { url: '${rest}' } } }`);
    expect((await room.load("s")).target.issuer).toBe(issuer);
  });

  test("no URL: no PostgREST", async () => {
    yaml(`targets: { s: { posture: staging, ${database} } }`);
    expect((await room.load("s")).target.rest).toBeUndefined();
  });

  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = { ...ec.privateKey.export({ format: "jwk" }), kid: "k1" };
  test.each([
    ["a PEM", "private_key: '${KEY}', key_id: a", pem(ec.privateKey), { algorithm: "ES256", keyId: "a" }],
    [
      "a PEM in one line",
      "private_key: '${KEY}'",
      pem(rsa.privateKey).replaceAll("\n", String.raw`\n`),
      { algorithm: "RS256", keyId: undefined },
    ],
    ["a JWK", "private_key: '${KEY}'", JSON.stringify(jwk), { algorithm: "ES256", keyId: "k1" }],
    [
      "a set of one private JWK",
      "private_key: '${KEY}'",
      JSON.stringify({ keys: [{ ...rsa.publicKey.export({ format: "jwk" }) }, jwk] }),
      { algorithm: "ES256", keyId: "k1" },
    ],
    [
      "a list, as Supabase's CLI writes it",
      "private_key: '${KEY}'",
      JSON.stringify([jwk]),
      { algorithm: "ES256", keyId: "k1" },
    ],
    ["a secret", "secret: '${KEY}'", "shared", { algorithm: "HS256", secret: "shared" }],
  ])("%s", async (_name, said, KEY, found) => {
    yaml(`targets: { s: { posture: staging, ${database}, jwt: { ${said} } } }`);
    expect((await room.load("s", { KEY })).target.signingKey).toMatchObject(found);
  });

  test.each([
    ["private_key: '${KEY}'", "shared", "this is not a private key"],
    [
      "private_key: '${KEY}'",
      JSON.stringify(ec.publicKey.export({ format: "jwk" })),
      "this JWK is a public key",
    ],
    [
      "private_key: '${KEY}'",
      String(ec.publicKey.export({ type: "spki", format: "pem" })),
      "this is a public key",
    ],
    ["private_key: '${KEY}'", '{"kty":"oct","k":"c2VjcmV0"}', "shared secret"],
    ["private_key: '${KEY}'", JSON.stringify([jwk, { ...jwk, kid: "k2" }]), "several private keys"],
    ["private_key: '${KEY}'", '{"kty":', "not a JSON Web Key"],
    ["private_key: '${KEY}'", pem(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey), "neither"],
    ["private_key: '${KEY}', key_id: k2", JSON.stringify(jwk), "the key itself says `kid` k1"],
    ["secret: '${KEY}'", pem(ec.privateKey), "this is a private key, not a secret"],
  ])("%s of %.12s…: told without the key", async (said, KEY, says) => {
    yaml(`targets: { s: { posture: staging, ${database}, jwt: { ${said} } } }`);
    const [mistake, ...others] = await room.mistakes("s", { KEY });
    expect(mistake).toContain(says);
    expect(others).toEqual([]);
    for (const piece of KEY.split("\n").filter((line) => line.length > 20))
      expect(mistake).not.toContain(piece);
  });
});

describe("what is wrong is told with its place, all of it at once", () => {
  test.each([
    [
      "targets:\n  s: { postur: staging }",
      ["2:3 target `s` has no `posture`", "2:8 unknown key `postur` in target `s`; did you mean `posture`?"],
    ],
    [
      "targets:\n  s: { posture: stagin }",
      ["2:17 `posture` of `s` is none of `staging`, `production`; did you mean `staging`?"],
    ],
    ["target:\n  s: {}", ["1:1 unknown key `target` in the configuration; did you mean `targets`?"]],
    [
      "targets:\n  s: { posture: staging, rest: 'http://127.0.0.1:3000' }",
      ["2:32 `rest` of `s` must be a mapping; found text (keys: `url`, `plain_http`"],
    ],
    ["targets:\n  embedded: { posture: staging }", ["2:3 `embedded` is a target that rowgate starts itself"]],
    [
      "targets:\n  s: { posture: staging, database: { port: '5432' } }",
      ["2:44 `database.port` of `s` must be a number; found text"],
    ],
    ["targets:\n  s: { posture: staging, database: { port: 0 } }", ["2:44 `database.port` of `s`"]],
    [
      "targets:\n  s: { posture: staging, database: { name: 12 } }",
      ["2:44 `database.name` of `s` must be text; found a number (quote it)"],
    ],
    [
      "targets:\n  s: { posture: staging, database: { password: hunter2 } }",
      ["2:48 `database.password` of `s`: a secret is only named here"],
    ],
    [
      "targets:\n  s: { posture: staging, database: { url: 'postgresql://me:hunter2@h/d' } }",
      ["2:43 `database.url` of `s`: a secret is only named here"],
    ],
    [
      "targets:\n  s: { posture: staging, database: { host: '${HOST}' } }",
      ["2:44 `database.host` of `s`: only secrets are taken from the environment"],
    ],
    [
      "targets:\n  s: { posture: staging, database: { url: 'postgresql://me@h/d', host: h } }",
      ["2:66 `host` cannot be combined with `url`"],
    ],
    [
      "targets:\n  s: { posture: staging, database: { url: 'postgresql://me@h/d', service: x } }",
      ["2:66 `service` cannot be combined with `url`"],
    ],
    [
      "targets:\n  s: { posture: staging, database: { service: x, host: h } }",
      ["2:50 `host` cannot be combined with `service`"],
    ],
    [
      "targets:\n  s: { posture: staging, database: { sslmode: disable, sslrootcert: x } }",
      ["2:56 `sslrootcert` cannot be combined with `sslmode: disable`"],
    ],
    [
      "targets:\n  s: { posture: production, writes: rollback }",
      ["2:29 `s` is production, which takes no writes"],
    ],
    [
      "targets:\n  s: { posture: staging, jwt: { secret: '${A}', private_key: '${B}' } }",
      ["2:49 `private_key` cannot be combined with `secret`"],
    ],
    [
      "targets:\n  s: { posture: staging, schemas: public }",
      ["2:35 `schemas` of `s` must be a list; found text"],
    ],
    ["targets:\n  s:\n\t posture: staging", ["YAML is indented with spaces"]],
    ["", ["1:1 the file holds no configuration (start with `targets:`)"]],
    ["- targets", ["a configuration is a mapping; found a list"]],
    ["targets: {}\ntargets: {}", ["2:1 `targets` is written twice"]],
  ])("%j", async (text, says) => {
    yaml(text);
    const mistakes = await room.mistakes("s");
    for (const one of says) expect(mistakes.join("\n")).toContain(one);
    expect(mistakes.join("\n")).not.toContain("hunter2");
  });

  const ok = "posture: staging";
  test.each([
    [
      `${ok}, database: { url: '\${DB_URl}' }`,
      { DB_URL: "postgresql://me@h/d" },
      ["`s` takes its database.url from DB_URl, which is not set; did you mean `DB_URL`? (export DB_URl)"],
    ],
    [
      `${ok}, database: { url: '\${A}' }, rest: { url: https://x, api_key: '\${B}' }, jwt: { secret: '\${C}' }`,
      {},
      ["from A,", "from B,", "from C,"],
    ],
    [ok, {}, ["no database is configured for `s`"]],
    [ok, { PGHOST: "h" }, ["no database user is configured for `s`"]],
    [ok, { DATABASE_URL: "mysql://me:hunter2@h/d" }, ["DATABASE_URL: this is not a database URL"]],
    [ok, { DATABASE_URL: "postgresql://me:hun/ter2@h/d" }, ["DATABASE_URL: "]],
    [
      ok,
      { DATABASE_URL: "postgresql://me:hunter2@h1:1,h2:2/d" },
      ["DATABASE_URL: this database URL names several hosts"],
    ],
    [
      ok,
      { DATABASE_URL: "postgresql://me:hunter2@h/d?sslmod=verify-full" },
      ["unknown parameter `sslmod`; did you mean `sslmode`?"],
    ],
    [
      ok,
      { DATABASE_URL: "postgresql://me:hunter2@h/d?sslmode=full" },
      ["DATABASE_URL: sslmode must be one of"],
    ],
    [ok, { DATABASE_URL: "postgresql://me:hunter2%@h/d" }, ["DATABASE_URL: "]],
    [
      `${ok}, database: { host: h, user: me, sslmode: verify-ca }`,
      {},
      ["says `sslmode: verify-ca`, and no authority is named"],
    ],
    [
      `${ok}, database: { host: h, user: me, sslrootcert: nowhere.pem }`,
      {},
      ["cannot read nowhere.pem: ENOENT"],
    ],
    [
      `${ok}, database: { host: h, user: me, sslrootcert: certs/rubbish.pem }`,
      {},
      ["certs/rubbish.pem: it holds no PEM block"],
    ],
    [
      `${ok}, database: { host: h, user: me, sslrootcert: certs/broken.pem }`,
      {},
      ["cannot read certs/broken.pem"],
    ],
    [ok, { PGHOST: "h", PGUSER: "me", PGPORT: "0" }, ["PGPORT: the port must be a number from 1 to 65535"]],
    [ok, { PGHOST: "h", PGUSER: "me", PGPORT: "65536" }, ["PGPORT: the port must be a number"]],
    [ok, { PGHOST: "h", PGUSER: "me", PGPORT: "54.5" }, ["PGPORT: the port must be a number"]],
    [
      `${ok}, database: { url: 'postgresql://me@h/d', options: '\${NAME} x' }`,
      {},
      ["only secrets are taken from the environment"],
    ],
    [
      `${ok}, database: { host: h, user: me }`,
      { REST_URL: "ftp://x.example.com" },
      ["this is not the URL of a PostgREST"],
    ],
    [
      `${ok}, database: { host: h, user: me }`,
      { REST_URL: "https://me:hunter2@x.example.com" },
      ["this URL holds a login, a query or a fragment"],
    ],
    [
      `${ok}, database: { host: h, user: me }, rest: { url: 'https://x.example.com?apikey=hunter2' }`,
      {},
      ["this URL holds a login, a query or a fragment"],
    ],
    [
      `${ok}, database: { host: h, user: me }, rest: { url: http://x.example.com, plain_http: false }`,
      {},
      ["`http://` lets anyone on the network path"],
    ],
    [
      `${ok}, database: { host: h, user: me }, rest: { url: https://x, api_key: '\${K}' }`,
      { K: "hunter2 and a blank" },
      ["a blank or a character that no header may hold"],
    ],
    [
      `${ok}, database: { host: h, user: me }, jwt: { private_key: '\${K}' }`,
      { JWT_SECRET: "hunter2" },
      ["takes its jwt.private_key from K, which is not set"],
    ],
    [
      `${ok}, database: { host: h, user: me, sslmode: require, sslrootcert: system }`,
      {},
      ["`system` goes with `sslmode: verify-full` only"],
    ],
    [
      `${ok}, database: { host: h, user: me }, rest: { url: http://x.example.com }`,
      {},
      ["`http://` lets anyone on the network path"],
    ],
    [
      `${ok}, database: { host: h, user: me }, rest: { url: https://abc.supabase.co }`,
      {},
      ["not at the project's URL itself (`https://abc.supabase.co/rest/v1`)"],
    ],
    [
      `${ok}, database: { host: h, user: me }, rest: { url: https://x, api_key: '\${K}' }`,
      { K: "sb_secret_hunter2" },
      ["this is a secret key"],
    ],
    [
      `${ok}, database: { host: h, user: me }, rest: { url: https://x, api_key: '\${K}' }`,
      { K: `e30.${Buffer.from('{"role":"service_role"}').toString("base64url")}.x` },
      ["this is a secret key"],
    ],
  ])("%s with %j", async (entry, variables, says) => {
    yaml(`targets:\n  s: { ${entry} }`);
    const mistakes = await room.mistakes("s", variables as Record<string, string>);
    expect(mistakes.length).toBeGreaterThan(0);
    for (const one of says) expect(mistakes.join("\n")).toContain(one);
    for (const one of mistakes) expect(one).toMatch(/^2:\d+ /);
    expect(mistakes.join("\n")).not.toContain("hunter2");
  });

  test("a bomb of aliases, a file without end, a binary file", async () => {
    const bomb = [
      "a: &a [x,x,x,x,x,x,x,x,x]",
      ..."bcdefghi"
        .split("")
        .map(
          (name, index) =>
            `${name}: &${name} [${Array.from({ length: 9 }, () => `*${"abcdefgh"[index]}`).join(",")}]`,
        ),
    ];
    yaml(bomb.join("\n"));
    expect((await room.mistakes("s")).join("\n")).toContain("aliases add more than");
    expect(await room.mistakes("s", {}, { file: "/dev/zero" })).toEqual([
      expect.stringContaining("is larger than 1 MiB"),
    ]);
    room.put("binary.yaml", "\u0000\u0001targets: \uFFFD");
    expect((await room.mistakes("s", {}, { file: "binary.yaml" })).join("\n")).toContain("not UTF-8");
    expect(await room.mistakes("s", {}, { file: "nowhere.yaml" })).toEqual([
      expect.stringContaining("Cannot read the configuration nowhere.yaml"),
    ]);
  });

  test("a target that is not there, and no file at all", async () => {
    yaml("targets: { staging: { posture: staging } }");
    expect(await room.mistakes("toString")).toEqual([expect.stringContaining("has no target `toString`")]);
    expect(await room.mistakes("stagin")).toEqual([
      "rowgate.yaml has no target `stagin`; did you mean `staging`? (targets: `embedded`, `container`, `supabase`, `staging`)",
    ]);
    room.put("alone/.git/HEAD", "");
    const [message] = await room.mistakes("staging", {}, { cwd: path.join(room.folder, "alone") });
    expect(message).toContain("there is no rowgate.yaml in");
  });

  test("it is found from below", async () => {
    room.put("deep/er/README", "");
    yaml(`targets: { s: { posture: staging, database: { url: '${url}' } } }`);
    const { input } = await room.load("s", {}, { cwd: path.join(room.folder, "deep/er") });
    expect(input?.path).toBe(path.join("..", "..", "rowgate.yaml"));
  });
});

describe("what looks like production", () => {
  const targets = `targets:
  live: { posture: production, database: { url: '\${LIVE}' }, rest: { url: https://abcdefghijklmnopqrst.supabase.co/rest/v1 } }
  s: { posture: staging, database: { url: '\${DB}' }`;
  const live = { LIVE: "postgresql://auditor@db.example.com/app" };
  test.each([
    [
      "the same host and database",
      "postgresql://postgres@DB.example.com:6543/app",
      "is that of live, which is production",
    ],
    [
      "its project's own host",
      "postgresql://postgres@db.abcdefghijklmnopqrst.supabase.co/postgres",
      "the Supabase project abcdefghijklmnopqrst",
    ],
    [
      "its project behind a pooler",
      "postgresql://postgres.abcdefghijklmnopqrst@aws-0-eu.pooler.supabase.com:5432/postgres",
      "the Supabase project abcdefghijklmnopqrst",
    ],
    [
      "a name that says so",
      "postgresql://postgres@db.prod.example.com/other",
      "the name db.prod.example.com says that it is production",
    ],
    [
      "a name that says so, otherwise",
      "postgresql://postgres@app-production.example.com/other",
      "says that it is production",
    ],
    [
      "a name that says so in capitals",
      "postgresql://postgres@LIVE-db.example.com/x",
      "says that it is production",
    ],
  ])("%s", async (_name, DB, says) => {
    yaml(`${targets} }\n`);
    const [mistake] = await room.mistakes("s", { ...live, DB });
    expect(mistake).toMatch(/^3:17 `s` has the posture staging, and /);
    expect(mistake).toContain(says);
    expect(mistake).toContain("--override-production-guard");
    const { target } = await room.load("s", { ...live, DB }, { overrideGuard: true });
    expect(target.override).toContain(says);
  });

  test.each([
    [
      "the same PostgREST",
      "api.example.com/rest/",
      "https://api.example.com:443/rest",
      "other.example.com/app",
    ],
    ["the same host, written otherwise", "x.example.com", "https://y.example.com", "db.example.com./app"],
  ])("%s", async (_name, theirs, ours, DB) => {
    yaml(`targets:
  live: { posture: production, database: { host: db.example.com, name: app }, rest: { url: 'https://${theirs}' } }
  s: { posture: staging, database: { url: '\${DB}' }, rest: { url: '${ours}' } }`);
    const [mistake, ...others] = await room.mistakes("s", { DB: `postgresql://me@${DB}` });
    expect(mistake).toContain("of live, which is production");
    expect(others).toEqual([]);
  });

  test("two targets that say nothing are not alike", async () => {
    yaml("targets: { live: { posture: production }, s: { posture: staging } }");
    expect(await room.mistakes("s")).toEqual([expect.stringContaining("no database is configured")]);
  });

  test.each([
    ["api.example.com/rest/v1", "rest: { url: https://api.example.com/rest/v1 }", "other.example.com/x"],
    ["api.example.com:8443/**", "rest: { url: https://api.example.com:8443/rest }", "other.example.com/x"],
    ["DB.Example.com", "", "db.example.com/x"],
    ["db.example.com:6543/x", "", "db.example.com:6543/x"],
    ["db.example.com/x", "", "db.example.com:6543/x"],
    ["127.0.0.1:6543/x", "", "127.0.0.1:6543/x"],
    ["127.0.0.1/x", "", "127.0.0.1:6543/x"],
    ["localhost:6543/x", "", "127.0.0.1:6543/x"],
  ])("the pattern %s holds for %s %s", async (pattern, rest, DB) => {
    yaml(
      `production_urls: ['${pattern}']\ntargets: { s: { posture: staging, database: { url: '\${DB}' }, ${rest} } }`,
    );
    expect(await room.mistakes("s", { DB: `postgresql://me@${DB}?sslmode=require` })).toEqual([
      expect.stringContaining("matches production_urls"),
    ]);
  });

  test("its PostgREST", async () => {
    yaml(`${targets}, rest: { url: https://abcdefghijklmnopqrst.supabase.co/rest/v1/ } }\n`);
    expect(
      await room.mistakes("s", { ...live, DB: "postgresql://postgres@other.example.com/app" }),
    ).toHaveLength(1);
  });

  test("patterns of one's own take the place of the names", async () => {
    yaml(`production_urls: ['*.live.example.com', 'shared.example.com/shop']\n${targets} }\n`);
    const at = (DB: string): Promise<readonly string[]> =>
      room.mistakes("s", { ...live, DB: `postgresql://postgres@${DB}` });
    expect((await at("db.live.example.com/x"))[0]).toContain("db.live.example.com matches production_urls");
    expect((await at("shared.example.com/shop"))[0]).toContain(
      "shared.example.com/shop matches production_urls",
    );
    expect(await at("shared.example.com/test")).toEqual([]);
    expect(await at("db.prod.example.com/x")).toEqual([]);
  });

  test("what does not look like it", async () => {
    yaml(`${targets} }\n`);
    for (const DB of [
      "nonprod.example.com/x",
      "preprod.example.com/x",
      "non-prod.example.com/x",
      "pre-production.example.com/x",
      "reproduction.example.com/x",
      "db.example.com/other",
      "127.0.0.1:5433/app",
    ])
      expect(await room.mistakes("s", { ...live, DB: `postgresql://postgres@${DB}` }), DB).toEqual([]);
    // A dot in a login names a project only where a pooler says so.
    const project = "postgresql://postgres.abcdefghijklmnopqrst@other.example.com/app";
    expect(await room.mistakes("s", { ...live, DB: project })).toEqual([]);
    yaml(`${targets} }\n  twin: { posture: staging, database: { url: '\${DB}' } }\n`);
    expect(await room.mistakes("s", { ...live, DB: "postgresql://me@other.example.com/app" })).toEqual([]);
    yaml(`${targets} }\n`);
    // On this machine a port is another server.
    expect(
      await room.mistakes("s", {
        LIVE: "postgresql://me@127.0.0.1:5432/app",
        DB: "postgresql://me@127.0.0.1:5433/app",
      }),
    ).toEqual([]);
    expect(
      await room.mistakes("s", {
        LIVE: "postgresql://me@127.0.0.1:5433/app",
        DB: "postgresql://you@localhost:5433/app",
      }),
    ).toHaveLength(1);
  });

  test("production itself is asked nothing", async () => {
    yaml(`${targets} }\n`);
    const { target } = await room.load("live", {
      LIVE: "postgresql://auditor@db.prod.example.com/app",
      HOME: room.folder,
    });
    expect(target).toMatchObject({ posture: "production", override: undefined });
  });
});

test("a password file that others may read is refused, as libpq refuses it", async () => {
  const file = room.put("pgpass", "db.example.com:5432:app:auditor:from the file\n");
  yaml(`targets: { s: { posture: staging, database: { url: '${url}' } } }`);
  const before = process.env["PGPASSFILE"];
  process.env["PGPASSFILE"] = file;
  try {
    chmodSync(file, 0o600);
    expect((await room.load("s")).target.database.password).toBe("from the file");
    expect((await room.load("s")).sources).toContainEqual({
      setting: "database.password",
      from: "the password file",
    });
    yaml(
      "targets: { s: { posture: staging, database: { host: /run/postgresql, name: app, user: auditor } } }",
    );
    room.put("pgpass", "localhost:5432:app:auditor:of the socket\n");
    expect((await room.load("s")).target.database.password).toBe("of the socket");
    yaml(`targets: { s: { posture: staging, database: { url: '${url}' } } }`);
    chmodSync(file, 0o644);
    expect((await room.mistakes("s"))[0]).toContain("has group or world access");
  } finally {
    if (before === undefined) delete process.env["PGPASSFILE"];
    else process.env["PGPASSFILE"] = before;
  }
});
