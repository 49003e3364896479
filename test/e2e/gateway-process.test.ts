import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startEmbedded } from "../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import type { GatewayConfig } from "../../src/stage/gateway/config.ts";
import type { Line } from "../../src/stage/child.ts";
import type { RunningGateway } from "../../src/stage/gateway/server.ts";
import { spawnGateway, spawnPostgrest } from "../../src/stage/gateway/spawn.ts";
import type { GatewaySettings, ReadyGateway } from "../../src/stage/gateway/spawn.ts";
import { send } from "./gateway-client.ts";
import { alice, asOwner, bearer, codeOf, configFor, get, json, secret } from "./gateway-support.ts";

// Gateways as processes of their own: started, told, ended, and gone when the one who started them is.

const compiled = fileURLToPath(new URL("../../dist/stage/gateway/", import.meta.url));
const fixtures = fileURLToPath(new URL("../fixtures/gateway/", import.meta.url));
const onLinux = process.platform === "linux";

let server: EmbeddedServer;
let config: GatewayConfig;
let folder: string;
let fake: string;
const running: RunningGateway[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  server = await startEmbedded();
  await asOwner(server, "postgres", "create database processes");
  await asOwner(
    server,
    "processes",
    "create schema api; grant usage on schema api to anon, authenticated; create table api.notes (id int); grant select on api.notes to authenticated",
  );
  config = configFor(server, "processes");
  folder = mkdtempSync(path.join(tmpdir(), "rowgate-test-"));
  fake = path.join(folder, "postgrest");
  copyFileSync(path.join(fixtures, "fake-postgrest.mjs"), fake);
  chmodSync(fake, 0o755);
});

afterEach(async () => {
  await Promise.all(running.splice(0).map(async (gateway) => gateway.stop()));
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server?.stop();
});

async function started(gateway: Promise<RunningGateway>): Promise<RunningGateway> {
  running.push(await gateway);
  return gateway;
}

const answers = async (url: string): Promise<boolean> =>
  get(url, "/").then(
    () => true,
    () => false,
  );

/** Until nobody listens there; the test's own timeout is the limit. */
async function silenceAt(url: string): Promise<true> {
  while (await answers(url)) await wait(20);
  return true;
}

describe("the builtin gateway in a process of its own", () => {
  test("answers, reloads and ends", async () => {
    const gateway = await started(spawnGateway(config));
    expect(gateway.info).toMatchObject({ kind: "builtin" });
    expect((await get(gateway.url, "/notes", alice)).status).toBe(200);
    await asOwner(server, "processes", "create table api.late (id int); grant select on api.late to anon");
    expect(codeOf(await get(gateway.url, "/late"))).toBe("PGRST205");
    await gateway.reload();
    expect((await get(gateway.url, "/late")).status).toBe(200);
    await gateway.stop();
    await gateway.stop();
    expect(await answers(gateway.url)).toBe(false);
  });

  const failures: readonly { name: string; over: Partial<GatewayConfig>; code: string }[] = [
    { name: "settings that cannot be", over: { schemas: [] }, code: "gateway/config" },
    { name: "a schema that is not there", over: { schemas: ["nope"] }, code: "gateway/schema" },
    {
      name: "a wrong password",
      over: { database: { host: "127.0.0.1", port: 1, user: "a", password: "b", database: "c" } },
      code: "gateway/catalog",
    },
  ];

  test.each(failures)("says why it does not start: $name", async ({ over, code }) => {
    const failure = spawnGateway({ ...config, ...over });
    await expect(failure).rejects.toMatchObject({ name: "RowgateError", code });
    await expect(failure).rejects.not.toMatchObject({
      message: expect.stringContaining(config.database.password) as string,
    });
  });

  test("says that a reload failed", async () => {
    await asOwner(server, "processes", "create schema brief");
    const gateway = await started(spawnGateway({ ...config, schemas: ["api", "brief"] }));
    await asOwner(server, "processes", "drop schema brief");
    await expect(gateway.reload()).rejects.toMatchObject({ code: "gateway/schema" });
    expect((await get(gateway.url, "/notes", alice)).status).toBe(200);
  });

  test("ends when the process that started it is killed", async () => {
    const { holder, url } = await hold("spawn.js", "spawnGateway", config);
    expect(await answers(url)).toBe(true);
    holder.kill("SIGKILL");
    expect(await silenceAt(url)).toBe(true);
  });

  test("writes one line, and no token or secret, whatever it is asked", async () => {
    const { child, url, said } = await run({ kind: "builtin", config });
    const token = bearer({ role: "nobody", sub: "somebody" });
    const requests = [
      { method: "GET", path: "/notes", headers: alice },
      { method: "GET", path: "/notes", headers: token },
      { method: "GET", path: "/notes", headers: { Authorization: `${alice.Authorization}x` } },
      { method: "POST", path: "/notes", headers: { ...alice, ...json }, body: "{bad" },
      { method: "GET", path: `/notes?select=${encodeURIComponent(alice.Authorization)}` },
    ];
    for (const request of requests) await send(url, request);
    child.stdin?.end();
    await once(child, "close");
    expect(
      said()
        .split("\n")
        .filter((line) => line !== ""),
    ).toHaveLength(1);
    for (const hidden of [secret, config.database.password, alice.Authorization.slice(-40)])
      expect(said()).not.toContain(hidden);
  });

  test.runIf(onLinux)("has no secret in its arguments or environment", async () => {
    const { child } = await run({ kind: "builtin", config });
    for (const file of ["cmdline", "environ"]) {
      const shown = readFileSync(`/proc/${child.pid}/${file}`, "utf8");
      expect(shown).not.toContain(secret);
      expect(shown).not.toContain(config.database.password);
    }
  });
});

describe("a PostgREST under the same roof (a stand-in for it)", () => {
  test("gets every setting by its environment, and none by its arguments", async () => {
    const gateway = await started(
      spawnPostgrest(fake, {
        ...config,
        schemas: ["api", "other"],
        txEnd: "rollback",
        preRequest: { schema: "api", name: "check" },
        maxRows: 100,
        poolSize: 3,
        jwt: { secret, audience: "me" },
      }),
    );
    expect(gateway.info).toEqual({ kind: "postgrest", version: "99.1" });
    const { argv, settings } = await seen(gateway.url);
    expect(argv).toEqual([]);
    expect(settings).toMatchObject({
      PGRST_DB_SCHEMAS: "api,other",
      PGRST_DB_ANON_ROLE: "anon",
      PGRST_DB_TX_END: "rollback",
      PGRST_DB_PRE_REQUEST: "api.check",
      PGRST_DB_MAX_ROWS: "100",
      PGRST_DB_POOL: "3",
      PGRST_JWT_AUD: "me",
      PGRST_SERVER_HOST: "127.0.0.1",
    });
    const { keys } = JSON.parse(settings["PGRST_JWT_SECRET"] ?? "{}") as { keys: { k: string }[] };
    expect(keys.map(({ k }) => Buffer.from(k, "base64url").toString())).toEqual([secret]);
    expect(settings["PGRST_DB_URI"]).toContain(`password='${config.database.password}'`);
  });

  test("is reloaded, and has been when the promise says so", async () => {
    const gateway = await started(spawnPostgrest(fake, config));
    await gateway.reload();
    expect((await seen(gateway.url)).loads).toBe(2);
  });

  test("ends on demand, and with the process that started it", async () => {
    const gateway = await started(spawnPostgrest(fake, config));
    await gateway.stop();
    expect(await answers(gateway.url)).toBe(false);
    const { holder, url } = await hold("spawn.js", "spawnPostgrest", fake, config);
    holder.kill("SIGKILL");
    expect(await silenceAt(url)).toBe(true);
  });

  test("says what it said when it does not start", async () => {
    await expect(spawnPostgrest(fake, { ...config, schemas: ["broken"] })).rejects.toMatchObject({
      code: "gateway/postgrest",
      details: expect.stringContaining("the schema is broken") as string,
    });
    await expect(spawnPostgrest(path.join(folder, "nothing"), config)).rejects.toMatchObject({
      code: "gateway/postgrest",
      details: expect.stringContaining("ENOENT") as string,
    });
  });
});

test.runIf(onLinux)("no process of a gateway is left", async () => {
  const left = (): string[] =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && commandOf(name).includes(folder))
      .map(commandOf);
  // One that was just told to end may need a moment; the test's own timeout is the limit.
  while (left().length > 0) await wait(20);
  expect(left()).toEqual([]);
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

interface Seen {
  readonly argv: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
  readonly loads: number;
}

async function seen(url: string): Promise<Seen> {
  return JSON.parse((await get(url, "/")).body) as Seen;
}

/** Another process that starts a gateway and does nothing else. */
async function hold(
  module: string,
  name: string,
  ...args: unknown[]
): Promise<{ holder: ChildProcess; url: string }> {
  const texts = args.map((argument) => JSON.stringify(argument));
  const holder = spawn(
    process.execPath,
    [path.join(fixtures, "holder.mjs"), path.join(compiled, module), name, ...texts],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  children.push(holder);
  const [url] = (await once(createInterface({ input: holder.stdout }), "line")) as [string];
  return { holder, url };
}

/** The gateway's program itself, with all that it writes. */
async function run(
  settings: GatewaySettings,
): Promise<{ child: ChildProcess; url: string; said: () => string }> {
  const child = spawn(process.execPath, [path.join(compiled, "main.js")], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  children.push(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stdin.write(`${JSON.stringify(settings)}\n`);
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const report = JSON.parse(line) as Line<ReadyGateway>;
  return { child, url: "ready" in report ? report.ready.url : "", said: () => said };
}
