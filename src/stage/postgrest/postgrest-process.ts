import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { RowgateError } from "../../model/errors.ts";
import { ask } from "../gateway/ask.ts";
import { postgrestSettings } from "./postgrest-settings.ts";
import type { Order } from "../gateway/protocol.ts";
import type { RunningGateway } from "../gateway/server.ts";

/** Milliseconds. */
const readyPatience = 30_000;
const stopPatience = 5_000;
const pause = 20;

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly admin: string;
  /** What it wrote to stderr, the end of it. */
  said: string;
  hasEnded: boolean;
}

/**
 * Runs a PostgREST until `closed`, and waits until it answers.
 * @throws {RowgateError} `gateway/postgrest`
 */
export async function runPostgrest(
  { binary, config }: Extract<Order, { kind: "postgrest" }>,
  closed: Promise<void>,
): Promise<RunningGateway> {
  const host = config.host ?? "127.0.0.1";
  const ports = { server: config.port || (await freePort(host)), admin: await freePort(host) };
  const env = { ...process.env, ...postgrestSettings(config, ports) };
  const child = spawn(binary, [], { env, stdio: ["ignore", "ignore", "pipe"], windowsHide: true });
  const running: Running = {
    child,
    url: `http://${host}:${ports.server}`,
    admin: `http://${host}:${ports.admin}`,
    said: "",
    hasEnded: false,
  };
  watch(running);
  void closed.then(() => child.kill());
  await until(running, async () => (await ask(`${running.admin}/ready`)).status === 200);
  const version = /postgrest\/(\S+)/.exec((await ask(`${running.url}/`, { method: "OPTIONS" })).server)?.[1];
  return {
    url: running.url,
    info: { kind: "postgrest", version: version ?? "unknown" },
    reload: async () => reload(running),
    stop: async () => stop(running),
  };
}

function watch(running: Running): void {
  const { child } = running;
  child.stderr
    ?.setEncoding("utf8")
    .on("data", (chunk: string) => (running.said = `${running.said}${chunk}`.slice(-4000)));
  child.once("close", () => (running.hasEnded = true));
  child.once("error", (error) => {
    running.said += error.message;
    running.hasEnded = true;
  });
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
    if (running.hasEnded) throw failed("postgrest ended at once", running.said);
    if (await done()) return;
    // It would try again for ever; what is missing will not come.
    if (running.said.includes("Failed to load the schema cache")) break;
  }
  await stop(running);
  throw failed("postgrest did not become ready", running.said);
}

function failed(message: string, details: string): RowgateError {
  const hint = "run it by hand to see more, or use --gateway builtin";
  return new RowgateError({ code: "gateway/postgrest", message, details, hint });
}

async function freePort(host: string): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, host, resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}
