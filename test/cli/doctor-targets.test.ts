import { once } from "node:events";
import { copyFileSync, mkdirSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import path from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliResult, rowgate } from "../support/cli.ts";
import { type Staging, startStaging, writeProject } from "../support/staging.ts";

const root = path.resolve(import.meta.dirname, "../..");
const matrix = "matrices/fne-lms.yaml";

let staging: Staging;
let project: string;
beforeAll(async () => {
  staging = await startStaging({ policies: path.join(root, "policies/fne-lms") });
  project = path.join(staging.folder, "project");
  mkdirSync(path.join(project, "matrices"), { recursive: true });
  copyFileSync(path.join(root, matrix), path.join(project, matrix));
  const target = (name: string, posture: string, ca = "../ca.pem"): string => `
  ${name}:
    posture: ${posture}
    database: { url: '\${DB_URL}', sslmode: verify-full, sslrootcert: ${ca} }
    rest: { url: '${staging.rest}', ca: ../ca.pem }
    jwt: { private_key: '\${JWT_KEY}' }
`;
  await writeProject(project, {
    "rowgate.yaml": `targets:${target("staging", "staging")}`,
    "several.yaml": `production_urls: []\ntargets:${target("staging", "staging")}${target("live", "production")}`,
    "other-ca.yaml": `targets:${target("staging", "staging", "../other.pem")}`,
  });
});
afterAll(async () => {
  await staging.stop();
});

async function doctor(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult> {
  staging.arrived.length = 0;
  const given = { DB_URL: staging.url, JWT_KEY: staging.key, ...env };
  const result = await rowgate(["doctor", ...args], { cwd: project, env: given });
  const said = `${result.out}${result.err}`;
  for (const secret of [staging.database.password, ...Object.values(given)])
    expect(said).not.toContain(secret);
  expect(staging.arrived.filter((one) => !one.startsWith("GET "))).toEqual([]);
  return { ...result, out: result.out.replaceAll(/\s+/g, " ") };
}

describe("a target of rowgate.yaml, with verify-full TLS and an ES256 key", () => {
  test("the only one needs no name; where its settings came from is said", async () => {
    const result = await doctor(["--matrix", matrix]);
    expect(result.err).toBe("");
    expect(result.out).toContain(`staging: ${staging.place}, ${staging.rest}`);
    expect(result.out).toContain("database.host from DB_URL (rowgate.yaml:4:22)");
    expect(result.out).toContain("✓ encryption TLS, the certificate verified for 127.0.0.1");
    expect(result.out).toContain("tokens signed with the target's ES256 key (kid first) are accepted");
    expect(result.out).toContain(`✓ matrix ${matrix} fits: `);
    expect(result.out).toMatch(/ OK checks: 18 ok $/);
    expect(result.code).toBe(0);
  });

  test("without a matrix, the roles that the gateway may become are the personas", async () => {
    const result = await doctor(["staging"]);
    expect(result.out).toContain("✓ role switch the gateway becomes anon, authenticated, service_role");
    expect(result.out).toContain("· matrix none was named (--matrix)");
    expect(result.code).toBe(0);
  });

  test("in production no way to undo a write is asked about", async () => {
    const result = await doctor(["live", "--config", "several.yaml", "--matrix", matrix]);
    expect(result.out).toContain("· rollback rowgate sends no write to this target");
    expect(result.code).toBe(0);
  });

  test("the classic: the two sides have different keys", async () => {
    const result = await doctor(["staging", "--matrix", matrix], { JWT_KEY: staging.otherKey });
    expect(result.out).toContain(
      "✗ tokens the gateway rejects tokens signed with the target's ES256 key (PGRST301): PostgREST verifies with another key",
    );
    expect(result.out).toContain("→ set the secret or private key of this project");
    expect(result.out).toMatch(/ FAILED 1 problem that a run would hit; /);
    expect(result.code).toBe(1);
  });

  test("another authority's certificate", async () => {
    const result = await doctor(["--config", "other-ca.yaml", "--json"]);
    const { checks, exitCode } = JSON.parse(result.out) as {
      exitCode: number;
      checks: { check: string; status: string; problem?: string }[];
    };
    expect(checks.filter(({ status }) => status === "failed")).toMatchObject([
      { check: "encryption", problem: "unknown-authority" },
    ]);
    expect([exitCode, result.code]).toEqual([1, 1]);
  });
});

describe("what is asked for must be there", () => {
  test.each([
    ["several targets and no name", ["--config", "several.yaml"], {}, "names several targets."],
    ["a name that nobody has", ["stagin"], {}, "did you mean `staging`?"],
    ["a variable that is not set", ["staging"], { JWT_KEY: "" }, "JWT_KEY, which is not set"],
    ["what is for targets that rowgate starts", ["staging", "--gateway", "builtin"], {}, "--gateway"],
    ["what is for targets of rowgate.yaml", ["embedded", "--config", "rowgate.yaml"], {}, "--config"],
  ])("%s", async (_, args, env, said) => {
    const result = await rowgate(["doctor", ...args], {
      cwd: project,
      env: { DB_URL: staging.url, JWT_KEY: staging.key, ...env },
    });
    expect(result.code).toBe(2);
    expect(result.out).toBe("");
    expect(result.err).toContain(said);
  });
});

test("without rowgate.yaml, what the environment names is read, and no more", async () => {
  const env = {
    DATABASE_URL: staging.url,
    PGSSLROOTCERT: staging.ca,
    REST_URL: staging.rest,
    NODE_EXTRA_CA_CERTS: staging.ca,
  };
  const result = await rowgate(["doctor"], { cwd: staging.folder, env });
  const out = result.out.replaceAll(/\s+/g, " ");
  expect(out).toContain("environment (production): ");
  expect(out).toContain("database.host from DATABASE_URL");
  expect(out).toContain("✓ encryption TLS, the certificate verified for 127.0.0.1");
  expect(out).toContain("? tokens the target has no key to sign tokens with");
  expect(out).toContain("✓ same database");
  expect(out).toContain("· rollback rowgate sends no write");
  expect(out).not.toContain("✗");
  expect(result.out).not.toContain(staging.database.password);
  expect(result.code).toBe(2);
});

describe("Ctrl-C ends it at once, whomever it waits for, and nothing stays open", () => {
  async function interruptedWhen(
    waiting: Promise<unknown>,
    url = staging.url,
    signal: NodeJS.Signals = "SIGINT",
  ): Promise<CliResult> {
    const result = await rowgate(["doctor", "staging", "--matrix", matrix], {
      cwd: project,
      env: { DB_URL: url, JWT_KEY: staging.key },
      watch: async (child) => {
        await waiting;
        child.kill(signal);
      },
    });
    expect(result.out).toBe("");
    expect(result.err).toBe("\nrowgate: interrupted; unfinished runs were not archived\n");
    return result;
  }

  async function nobodyIsLoggedIn(): Promise<void> {
    const client = new Client({ ...staging.database, ssl: false });
    await client.connect();
    const others = `select from pg_stat_activity where usename = current_user and pid <> pg_backend_pid() and backend_type = 'client backend'`;
    await expect.poll(async () => (await client.query(others)).rowCount, { timeout: 10_000 }).toBe(0);
    await client.end();
  }

  test.each([
    { nth: 1, signal: "SIGINT", code: 130 },
    { nth: 20, signal: "SIGTERM", code: 143 },
  ] as const)("a gateway that answers request $nth never, $signal", async ({ nth, signal, code }) => {
    let come = 0;
    const held = new Promise<void>((resolve) => {
      staging.interfere({
        before: () => {
          come += 1;
          if (come < nth) return undefined;
          resolve();
          return new Promise<void>(() => undefined);
        },
      });
    });
    try {
      const result = await interruptedWhen(held, staging.url, signal);
      expect(result.code).toBe(code);
      await nobodyIsLoggedIn();
    } finally {
      staging.interfere(undefined);
    }
  });

  test("a database that never answers", async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => {
      silent.listen(0, "127.0.0.1", resolve);
    });
    const come = once(silent, "connection") as Promise<[Socket]>;
    const closed = come.then(([socket]) => once(socket.resume(), "close"));
    const { port } = silent.address() as AddressInfo;
    const url = staging.url.replace(/:\d+\//, `:${port}/`);
    expect((await interruptedWhen(come, url)).code).toBe(130);
    await closed;
    silent.close();
  });

  test("a statement that waits for somebody's lock", async () => {
    const client = new Client({ ...staging.database, ssl: false });
    await client.connect();
    await client.query("begin; lock table pg_catalog.pg_auth_members in access exclusive mode");
    const waiting = `select from pg_locks where not granted and relation = 'pg_auth_members'::regclass`;
    const seen = async (): Promise<void> => {
      await expect
        .poll(async () => (await client.query(waiting)).rowCount, { timeout: 20_000 })
        .toBeGreaterThan(0);
    };
    const result = await interruptedWhen(seen());
    expect(result.code).toBe(130);
    await client.query("rollback");
    await client.end();
    await nobodyIsLoggedIn();
  });
});
