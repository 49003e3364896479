import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { RowgateError } from "../model/errors.ts";
import type { DatabaseAddress } from "../model/target.ts";
import { exitOf, stderrTail } from "./child.ts";
import { ask } from "./gateway/ask.ts";
import { keysOf, type GatewayConfig } from "./gateway/config.ts";
import type { RunningGateway } from "./gateway/server.ts";
import type { GatewaySettings } from "./gateway/spawn.ts";

export type GatewayWish = "auto" | "postgrest" | "builtin";

export type GatewayChoice =
  | { readonly kind: "builtin" }
  | { readonly kind: "postgrest"; readonly binary: string };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A real PostgREST where there is one: named by `ROWGATE_POSTGREST_BIN`, or on PATH. `auto` uses the builtin gateway
 * otherwise.
 * @throws {RowgateError} `gateway/no-postgrest`, `gateway/bad-postgrest`
 */
export function chooseGateway(wish: GatewayWish, environment: Environment): GatewayChoice {
  if (wish === "builtin") return { kind: "builtin" };
  const binary = findPostgrest(environment);
  if (binary !== undefined) return { kind: "postgrest", binary };
  if (wish === "auto") return { kind: "builtin" };
  throw new RowgateError({
    code: "gateway/no-postgrest",
    message: "no postgrest program was found on PATH, and ROWGATE_POSTGREST_BIN is not set",
    hint: "put `postgrest` on PATH, set ROWGATE_POSTGREST_BIN to its path, or use --gateway builtin (docs/gateway.md says where to get it)",
  });
}

function findPostgrest(environment: Environment): string | undefined {
  const named = environment["ROWGATE_POSTGREST_BIN"] ?? "";
  // A path that leads nowhere is a mistake; falling back would hide it.
  if (named !== "") return requireExecutable(named);
  const name = process.platform === "win32" ? "postgrest.exe" : "postgrest";
  const folders = (environment["PATH"] ?? "").split(path.delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => path.resolve(folder, name)).find(isExecutable);
}

function requireExecutable(binary: string): string {
  if (isExecutable(binary)) return path.resolve(binary);
  throw new RowgateError({
    code: "gateway/bad-postgrest",
    message: `ROWGATE_POSTGREST_BIN is not an executable file: ${binary}`,
    hint: "set it to the path of a postgrest program that this user can run, or unset it",
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

interface Ports {
  readonly server: number;
  readonly admin: number;
}

/**
 * PostgREST's settings, as the environment of its process.
 * Source: https://docs.postgrest.org/en/v16/references/configuration.html
 */
export function postgrestSettings(config: GatewayConfig, ports: Ports): Record<string, string> {
  const { database, schemas, anonRole, jwt, txEnd, preRequest, maxRows } = config;
  const host = config.host ?? "127.0.0.1";
  const keys = keysOf(jwt);
  const optional: readonly (readonly [string, string | undefined])[] = [
    ["PGRST_DB_ANON_ROLE", anonRole],
    // As a key set even for a plain secret: PostgREST reads a text that begins with @ from a file.
    ["PGRST_JWT_SECRET", keys.length === 0 ? undefined : JSON.stringify({ keys })],
    ["PGRST_JWT_AUD", jwt.audience],
    ["PGRST_DB_PRE_REQUEST", preRequest && `${preRequest.schema}.${preRequest.name}`],
    ["PGRST_DB_MAX_ROWS", maxRows === undefined ? undefined : String(maxRows)],
  ];
  return {
    PGRST_DB_URI: connectionString(database, config),
    PGRST_DB_SCHEMAS: schemas.join(","),
    PGRST_DB_EXTRA_SEARCH_PATH: (config.extraSearchPath ?? ["public"]).join(","),
    PGRST_DB_TX_END: txEnd,
    PGRST_DB_POOL: String(config.poolSize ?? 10),
    PGRST_SERVER_HOST: host,
    PGRST_SERVER_PORT: String(ports.server),
    PGRST_ADMIN_SERVER_HOST: host,
    PGRST_ADMIN_SERVER_PORT: String(ports.admin),
    PGRST_LOG_LEVEL: "error",
    ...Object.fromEntries(optional.filter((pair): pair is [string, string] => pair[1] !== undefined)),
  };
}

function connectionString(
  address: DatabaseAddress,
  { statementTimeoutMs = 30_000, lockTimeoutMs = 0 }: GatewayConfig,
): string {
  const { host, port, user, password, database: dbname } = address;
  const options = `-c statement_timeout=${statementTimeoutMs} -c lock_timeout=${lockTimeoutMs}`;
  return Object.entries({ host, port, user, password, dbname, sslmode: "disable", options })
    .map(([name, value]) => `${name}='${String(value).replaceAll(/['\\]/g, "\\$&")}'`)
    .join(" ");
}

/** Milliseconds. */
const readyPatience = 30_000;
const stopPatience = 5_000;
const pause = 20;

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly admin: string;
  /** The end of what it has written to stderr. */
  readonly stderr: () => string;
  /** Why it ended. */
  ended: string | undefined;
}

/**
 * Runs a PostgREST until `gone` is aborted, and waits until it answers.
 * @throws {RowgateError} `gateway/postgrest`
 */
export async function runPostgrest(
  { binary, config }: Extract<GatewaySettings, { kind: "postgrest" }>,
  gone: AbortSignal,
): Promise<RunningGateway> {
  const host = config.host ?? "127.0.0.1";
  const ports = { server: config.port || (await freePort(host)), admin: await freePort(host) };
  const running = start(binary, postgrestSettings(config, ports), host, ports);
  gone.addEventListener("abort", () => running.child.kill());
  await until(running, async () => (await ask(`${running.admin}/ready`)).status === 200);
  const version = /postgrest\/(\S+)/.exec((await ask(`${running.url}/`, { method: "OPTIONS" })).server)?.[1];
  return {
    url: running.url,
    info: { kind: "postgrest", version: version ?? "unknown" },
    reload: async () => reload(running),
    stop: async () => stop(running),
  };
}

function start(binary: string, settings: Record<string, string>, host: string, ports: Ports): Running {
  const env = { ...process.env, ...settings };
  const child = spawn(binary, [], { env, stdio: ["ignore", "ignore", "pipe"], windowsHide: true });
  const [url, admin] = [`http://${host}:${ports.server}`, `http://${host}:${ports.admin}`];
  const running: Running = { child, url, admin, stderr: stderrTail(child), ended: undefined };
  void exitOf(child).then(({ stderr }) => (running.ended = stderr));
  return running;
}

/** PostgREST reads its schema cache anew on SIGUSR1, and counts how often it has. */
async function reload(running: Running): Promise<void> {
  const before = await loads(running);
  running.child.kill("SIGUSR1");
  await until(running, async () => (await loads(running)) > before);
}

async function loads({ admin }: Running): Promise<number> {
  const { body } = await ask(`${admin}/metrics`);
  return Number(/^pgrst_schema_cache_loads_total\{status="SUCCESS"\} (\S+)$/m.exec(body)?.[1] ?? 0);
}

async function stop({ child }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exit = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill();
  await Promise.race([exit, wait(stopPatience)]);
  child.kill("SIGKILL");
}

async function until(running: Running, done: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + readyPatience; performance.now() < end; await wait(pause)) {
    if (running.ended !== undefined) throw failed("postgrest ended at once", running.ended);
    if (await done()) return;
    // It would try again for ever; what is missing will not come.
    if (running.stderr().includes("Failed to load the schema cache")) break;
  }
  await stop(running);
  throw failed("postgrest did not become ready", running.stderr());
}

function failed(message: string, details: string): RowgateError {
  const hint = "run it yourself to see more, or use --gateway builtin";
  return new RowgateError({ code: "gateway/postgrest", message, details, hint });
}

async function freePort(host: string): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, host, resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}
