import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dayPattern } from "../../src/archive/id.ts";
import { parseMatrix } from "../../src/matrix/parse.ts";
import type { RunRecord } from "../../src/model/run.ts";
import { type CliResult, rowgate } from "../support/cli.ts";
import { type Staging, startStaging, writeProject } from "../support/staging.ts";

const root = path.resolve(import.meta.dirname, "../..");
const matrix = "matrices/fne-lms.yaml";
/** What logs every statement that writes, and every change of a schema. */
const logged = { log_statement: "mod", log_line_prefix: "%u %d: ", autovacuum: "off" };

let staging: Staging;
let project: string;
beforeAll(async () => {
  staging = await startStaging({ policies: path.join(root, "policies/fne-lms"), settings: logged });
  project = path.join(staging.folder, "project");
  mkdirSync(path.join(project, "matrices"), { recursive: true });
  copyFileSync(path.join(root, matrix), path.join(project, matrix));
  const [host = "", port = "", name = ""] = staging.place.split(/[:/]/);
  const target = (more: string, rest = staging.rest): string => `
    database: { host: ${host}, port: ${port}, name: ${name}, user: postgres, password: '\${DB_PASSWORD}', sslmode: verify-full, ${more} }
    rest: { url: '${rest}', ca: ../ca.pem }
    jwt: { private_key: '\${JWT_KEY}' }
`;
  await writeProject(project, {
    "rowgate.yaml": `# Servers that somebody else has started.
targets:
  staging:
    posture: staging${target("sslrootcert: ../ca.pem")}
  by-url:
    posture: staging
    database: { url: '\${DB_URL}' }
    rest: { url: '${staging.rest}', ca: ../ca.pem }
    jwt: { private_key: '\${JWT_KEY}' }
  live:
    posture: production${target("sslrootcert: ../ca.pem")}
  audited:
    posture: production${target("sslrootcert: ../ca.pem").replace("user: postgres", "user: auditor")}
`,
  });
});
afterAll(async () => {
  await staging.stop();
});

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> {
  return rowgate(["run", matrix, ...args], {
    cwd: project,
    env: { DB_PASSWORD: staging.database.password, JWT_KEY: staging.key, ...env },
  });
}

/** The one archive of these logs. */
function archiveOf(logs: string): { readonly run: RunRecord; readonly texts: readonly string[] } {
  const folder = path.join(project, logs);
  const [day = ""] = readdirSync(folder).filter((name) => dayPattern.test(name));
  const [id = ""] = readdirSync(path.join(folder, day));
  const files = readdirSync(path.join(folder, day, id)).map((name) => path.join(folder, day, id, name));
  const record = JSON.parse(readFileSync(path.join(folder, day, id, "run.json"), "utf8")) as RunRecord;
  return {
    run: record,
    texts: files.filter((file) => statSync(file).isFile()).map((file) => readFileSync(file, "utf8")),
  };
}

describe("staging, reached by URL only", () => {
  test("the whole matrix passes on both channels, and the archive says how the server was known", async () => {
    const result = await run(["--target", "staging", "--override-production-guard", "--logs", "whole"]);
    expect(result.err).not.toContain("rowgate:");
    expect(result.code, result.out).toBe(0);
    const { run: record, texts } = archiveOf("whole");
    expect(record.target).toMatchObject({
      name: "staging",
      posture: "staging",
      database: staging.place,
      tls: "chain and host",
      rest: { url: staging.rest, gateway: { kind: "remote" } },
      keyId: "first",
    });
    expect(record.target.override).toContain("is that of live, which is production");
    expect(record.findings.map(({ kind }) => kind)).toContain("production-override");
    expect(record.gatewayChecks).toEqual({
      rollbackHonoured: true,
      tamperedTokenRefused: true,
      unknownRoleRefused: true,
      sameDatabase: true,
      identityShown: true,
    });
    // Columns that writes assign: where others work they are tried with --arguments varied only.
    expect(record.counts.byVerdict).toMatchObject({ leak: 0, error: 0, lockout: 0, skipped: 20 });
    expect(record.counts.byChannel.direct.pass).toBeGreaterThan(1000);
    expect(record.counts.byChannel.rest.pass).toBeGreaterThan(800);
    expect(record.inputs.map((one) => one.path)).toEqual([matrix, "rowgate.yaml"]);
    expect(record.fingerprints.length).toBeGreaterThan(5);
    for (const { before, after } of record.fingerprints) expect(after).toEqual(before);
    const d = (JSON.parse(staging.key) as { d: string }).d;
    for (const text of [...texts, result.out, result.err])
      for (const secret of [staging.database.password, d, "PRIVATE KEY"])
        expect(text.includes(secret)).toBe(false);
  });

  test("without the override, a database that production has is refused before anything is sent", async () => {
    const before = staging.arrived.length;
    const result = await run(["--target", "staging", "--logs", "guard"]);
    expect(result.code).toBe(2);
    expect(result.err).toContain("rowgate.yaml:4:14: `staging` has the posture staging, and the database");
    expect(result.err).toContain("--override-production-guard");
    expect(staging.arrived.length).toBe(before);
    expect(existsSync(path.join(project, "guard"))).toBe(false);
  });

  test("rowgate token --target signs with the target's key", async () => {
    const result = await rowgate(["token", "anon", "--target", "staging"], { cwd: project });
    expect(result.code).toBe(2);
    const { personas } = parseMatrix(readFileSync(path.join(root, matrix), "utf8"), matrix, "2026-11-21");
    const persona = personas.find(({ claims }) => claims !== undefined)?.name ?? "";
    const token = await rowgate(["token", persona, "--target", "staging"], {
      cwd: project,
      env: { DB_PASSWORD: "x", JWT_KEY: staging.key },
    });
    expect(token.err).toBe("");
    const header = JSON.parse(Buffer.from(token.out.split(".")[0] ?? "", "base64url").toString()) as object;
    expect(header).toEqual({ typ: "JWT", alg: "ES256", kid: "first" });
  });

  const flags = ["--override-production-guard", "--only", "anon/*/select"];
  test.each([
    ["--policies", ["--policies", "x"]],
    ["--overlay", ["--overlay", "x.sql"]],
    ["--gateway", ["--gateway", "builtin"]],
    ["--keep", ["--keep"]],
  ])("%s is refused: nothing is applied or started there", async (name, more) => {
    const result = await run(["--target", "staging", ...flags, ...more]);
    expect(result.code).toBe(2);
    expect(result.err).toContain(`${name} is for targets that rowgate starts`);
  });
});

describe("what is wrong with the way there is a clear error, exit 2", () => {
  const url = (over: { host?: string; ca?: string; more?: string }): Record<string, string> => {
    const { port, user, password, database: name } = staging.database;
    const ca = encodeURIComponent(over.ca ?? staging.ca);
    return {
      DB_URL: `postgresql://${user}:${password}@${over.host ?? "127.0.0.1"}:${port}/${name}?sslmode=verify-full&sslrootcert=${ca}${over.more ?? ""}`,
    };
  };
  const flags = ["--target", "by-url", "--override-production-guard", "--only", "*/public.courses/*"];

  test("right, for contrast", async () => {
    const result = await run([...flags, "--logs", "right"], url({}));
    expect(result.code, `${result.err}${result.out}`).toBe(0);
  });

  test.each([
    [
      "another authority",
      () => url({ ca: staging.otherCa }),
      ["Cannot log in to", "the certificate of", "unknown authority", "sslrootcert"],
    ],
    [
      "another host name",
      () => url({ host: "localhost" }),
      ["Cannot log in to localhost", "the certificate of localhost is for another host", "verify-full"],
    ],
  ])("the database shows a certificate of %s", async (_name, env, says) => {
    const result = await run([...flags, "--logs", "tls"], env());
    expect(result.code).toBe(2);
    for (const one of says) expect(result.err).toContain(one);
    expect(result.err).not.toContain(staging.database.password);
    expect(existsSync(path.join(project, "tls"))).toBe(false);
  });

  test("tokens signed with another key", async () => {
    const result = await run([...flags, "--logs", "key"], { ...url({}), JWT_KEY: staging.otherKey });
    expect(result.code).toBe(2);
    expect(result.out).toContain("not the one that rowgate signs with");
    const { run: record } = archiveOf("key");
    expect(record.counts.byChannel.rest.pass).toBe(0);
  });

  test("PostgREST shows a certificate of another authority", async () => {
    await writeProject(project, {
      "other/rowgate.yaml": `targets:\n  s:\n    posture: staging\n    database: { url: '\${DB_URL}' }\n    rest: { url: '${staging.rest}', ca: ${staging.otherCa} }\n    jwt: { private_key: '\${JWT_KEY}' }\n`,
    });
    const result = await run(
      [
        "--target",
        "s",
        "--config",
        "other/rowgate.yaml",
        "--only",
        "*/public.courses/*",
        "--logs",
        "resttls",
      ],
      url({}),
    );
    expect(result.code).toBe(2);
    expect(result.out.replaceAll(/\s+/g, " ")).toContain(
      "the certificate of localhost is self-signed or signed by an unknown authority",
    );
    expect(archiveOf("resttls").run.counts.byChannel.rest.pass).toBe(0);
  });

  test("the REST URL and the database URL are different databases with the same tables: nothing passes on rest", async () => {
    const twin = await staging.server.createDatabase("twin");
    const client = new Client({ ...twin, ssl: false });
    await client.connect();
    for (const name of readdirSync(path.join(root, "policies/fne-lms"))
      .filter((one) => one.endsWith(".sql"))
      .toSorted())
      await client.query(readFileSync(path.join(root, "policies/fne-lms", name), "utf8"));
    await client.end();
    const { DB_URL = "" } = url({});
    const result = await run([...flags, "--logs", "twin"], {
      DB_URL: DB_URL.replace(`/${staging.database.database}?`, "/twin?"),
    });
    expect(result.code).toBe(2);
    expect(result.out.replaceAll(/\s+/g, " ")).toContain(
      "the REST URL and the database URL lead to different databases",
    );
    const { run: record } = archiveOf("twin");
    expect(record.gatewayChecks).toMatchObject({ sameDatabase: false });
    expect(record.counts.byChannel.rest.pass).toBe(0);
  });
});

describe("production", () => {
  test("what can be read passes; no write is logged, and only GET and HEAD arrive, though the login could write", async () => {
    const client = new Client({ ...staging.database, ssl: false });
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>("show data_directory");
    const log = path.join(path.dirname(rows[0]?.data_directory ?? ""), "server.log");
    const writes = (): readonly string[] =>
      readFileSync(log, "utf8")
        .split("\n")
        .filter((line) => line.includes(` ${staging.database.database}: LOG:  `));
    // The login can write, and what logs writes sees it.
    await client.query(
      "create table public.shown_to_be_logged (id int); drop table public.shown_to_be_logged",
    );
    const seen = writes().length;
    expect(seen).toBeGreaterThan(0);
    const next = async (): Promise<unknown> =>
      (await client.query("select pg_snapshot_xmax(pg_current_snapshot())::text as next")).rows[0]?.next;
    const before = await next();
    const arrived = staging.arrived.length;

    const result = await run(["--target", "live", "--logs", "live"]);
    expect(result.code, `${result.err}${result.out}`).toBe(0);

    expect(await next()).toBe(before);
    await client.end();
    expect(writes().length).toBe(seen);
    const methods = new Set(staging.arrived.slice(arrived).map((one) => one.split(" ")[0]));
    expect([...methods].filter((one) => one !== "GET" && one !== "HEAD")).toEqual([]);
    expect(staging.arrived.length).toBeGreaterThan(arrived + 100);
    const { run: record } = archiveOf("live");
    expect(record.target).toMatchObject({ posture: "production", tls: "chain and host" });
    expect(record.gatewayChecks?.sameDatabase).toBe(true);
    expect(record.counts.byVerdict.skipped).toBeGreaterThan(500);
    expect(record.counts.byVerdict.pass).toBeGreaterThan(200);
  });

  test("so it does with the login of docs/targets.md, which can read and no more", async () => {
    const page = readFileSync(path.join(root, "docs/targets.md"), "utf8");
    const [, statements = ""] = /```sql\n([\s\S]*?)```/.exec(page) ?? [];
    const client = new Client({ ...staging.database, ssl: false });
    await client.connect();
    try {
      await client.query(statements.replace("'…'", "'auditor-password'"));
      const env = { DB_PASSWORD: "auditor-password" };
      const result = await run(["--target", "audited", "--logs", "audited"], env);
      expect(result.code, `${result.err}${result.out}`).toBe(0);
      expect(archiveOf("audited").run.counts.byChannel.rest.pass).toBeGreaterThan(100);

      await client.query("revoke pg_read_all_stats from auditor");
      const blind = await run(["--target", "audited", "--logs", "blind"], env);
      expect(blind.code).toBe(2);
      expect(blind.out.replaceAll(/\s+/g, " ")).toContain("GRANT pg_read_all_stats TO auditor");
      expect(archiveOf("blind").run.counts.byChannel.rest.pass).toBe(0);
    } finally {
      await client.end();
    }
  });
});
