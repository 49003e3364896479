/**
 * A process of its own that starts a Postgres, outlives rowgate for the moment that it takes to end it, and leaves nothing.
 * Its stdin is the thread that it hangs by: the system closes it however rowgate ends, by SIGKILL too.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { unprivilegedAccount } from "./account.ts";
import { copyNative, requirePrograms, runsInPlace } from "./binaries.ts";
import { initialise, serve } from "./cluster.ts";
import { makePrivateDirectory, staleDirectories } from "./private-directory.ts";
import { reap, removeDirectory, stopChild } from "./processes.ts";
import type { Order, Report } from "./protocol.ts";
import { errorFacts, tell } from "../child.ts";

const unforeseen = { code: "embedded/supervisor", message: "the embedded Postgres could not be started" };

const ending = new AbortController();
const children = new Set<ChildProcess>();
let directory: string | undefined;

const end = (): void => ending.abort();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
// Nobody listens any more: the closed stdin says the same.
process.stdout.on("error", end);
process.on("uncaughtException", fail);
ending.signal.addEventListener("abort", () => void stopChildren());

try {
  const order = await readOrder();
  if (order !== undefined) await supervise(order);
} catch (error) {
  fail(error);
} finally {
  process.exitCode = await cleanUp();
  process.exit();
}

async function readOrder(): Promise<Order | undefined> {
  const lines = createInterface({ input: process.stdin });
  lines.on("close", end);
  return new Promise((resolve) => {
    lines.once("line", (line) => resolve(JSON.parse(line) as Order));
    lines.once("close", () => resolve(undefined));
  });
}

async function supervise(order: Order): Promise<void> {
  const times = [performance.now()];
  const lap = (): unknown => times.push(performance.now());
  requirePrograms(order.native);
  const account = unprivilegedAccount();
  directory = makePrivateDirectory(account, order.tempRoots);
  tell<Report>({ kind: "directory", path: directory });
  void Promise.allSettled(staleDirectories(order.tempRoots).map(reap));

  const native =
    account === undefined && runsInPlace(order.native) ? order.native : path.join(directory, "native");
  if (native !== order.native) copyNative(order.native, native);
  lap();
  const site = { directory, native, account, settings: order.settings, children, signal: ending.signal };
  const password = await initialise(site);
  lap();
  const server = await serve(site);
  lap();
  const [prepare = 0, initdb = 0, start = 0] = times.slice(1).map((time, i) => time - (times[i] ?? 0));
  tell<Report>({ kind: "ready", port: server.port, password, timings: { prepare, initdb, start } });
  await Promise.race([once(server.process, "exit"), once(ending.signal, "abort")]);
}

async function stopChildren(): Promise<void> {
  await Promise.all([...children].map(stopChild));
}

async function cleanUp(): Promise<number> {
  try {
    await stopChildren();
    if (directory !== undefined) removeDirectory(directory);
    return 0;
  } catch (error) {
    process.stderr.write(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

function fail(error: unknown): void {
  if (!ending.signal.aborted) tell<Report>({ kind: "failed", error: errorFacts(error, unforeseen) });
  end();
}
