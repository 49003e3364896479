import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { existsSync } from "node:fs";
import { Socket } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { RowgateError } from "../../model/errors.ts";
import type { GatewayConfig } from "./config.ts";
import { checkConfig } from "./config.ts";
import { reloadLine } from "./protocol.ts";
import type { Order, Report } from "./protocol.ts";
import type { RunningGateway } from "./server.ts";

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

// The compiled file, also when this one runs from src/ (which lies at the same depth): a child has no TypeScript loader.
const program = fileURLToPath(new URL("../../../dist/stage/gateway/main.js", import.meta.url));

/** Milliseconds. */
const startPatience = 60_000;
const stopPatience = 10_000;

/**
 * Starts the builtin gateway in a process of its own, which ends with this one.
 * @throws {RowgateError} `gateway/…`
 */
export async function spawnGateway(config: GatewayConfig): Promise<RunningGateway> {
  return spawnProcess({ kind: "builtin", config });
}

/** Starts what `order` says and waits until it answers. @throws {RowgateError} `gateway/…` */
export async function spawnProcess(order: Order): Promise<RunningGateway> {
  checkConfig(order.config);
  if (!existsSync(program)) throw notBuilt;
  const child: Child = spawn(process.execPath, [program], {
    cwd: path.parse(program).root,
    // A session of its own: a Ctrl-C on the terminal reaches every process of the terminal's group.
    detached: true,
    windowsHide: true,
    stdio: ["pipe", "pipe", "pipe"],
    env: childEnvironment(),
  });
  const reports = readReports(child);
  // It may be gone before it has read its order; its exit says so.
  child.stdin.on("error", () => undefined).write(`${JSON.stringify(order)}\n`);
  const stop = once(() => endChild(child));
  const report = await reports.next();
  if (report.kind !== "ready") {
    await stop();
    throw new RowgateError(report.kind === "failed" ? report.error : silent);
  }
  release(child);
  const reload = async (): Promise<void> => {
    child.stdin.write(`${reloadLine}\n`);
    const answer = await reports.next();
    if (answer.kind === "failed") throw new RowgateError(answer.error);
  };
  return { url: report.url, info: report.info, reload, stop };
}

const notBuilt = new RowgateError({
  code: "gateway/not-built",
  message: `the gateway's program is missing: ${program}`,
  hint: "run `npm run build`",
});
const silent = {
  code: "gateway/process",
  message: `the gateway did not answer within ${startPatience / 1000} seconds`,
};

// What Node and PostgREST need; the caller's secrets stay with the caller.
function childEnvironment(): NodeJS.ProcessEnv {
  const kept = [
    "PATH",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SystemRoot",
    "LD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "LOCPATH",
  ];
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

interface Reports {
  /** The next one, or what stands for it when the process has ended or says nothing. */
  next(): Promise<Report>;
}

function readReports(child: Child): Reports {
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr = `${stderr}${chunk}`.slice(-4000)));
  const ended = new Promise<Report>((resolve) => {
    const tell = (details: string): void =>
      resolve({
        kind: "failed",
        error: { code: "gateway/ended", message: "the gateway's process ended", details },
      });
    child.once("close", () => tell(stderr));
    child.once("error", (error) => tell(error.message));
  });
  const waiting: ((report: Report) => void)[] = [];
  createInterface({ input: child.stdout }).on("line", (line) =>
    waiting.shift()?.(JSON.parse(line) as Report),
  );
  const late: Report = { kind: "failed", error: silent };
  return {
    next: () => {
      const said = new Promise<Report>((resolve) => waiting.push(resolve));
      return Promise.race([said, ended, wait(startPatience, late, { ref: false })]);
    },
  };
}

/** A gateway that nobody stops must not keep this process from ending. */
function release(child: Child): void {
  child.unref();
  for (const pipe of child.stdio) if (pipe instanceof Socket) pipe.unref();
}

async function endChild(child: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.ref();
  const exit = new Promise<true>((resolve) => child.once("exit", () => resolve(true)));
  child.stdin.end();
  if ((await Promise.race([exit, wait(stopPatience, false, { ref: false })])) === false)
    child.kill("SIGKILL");
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= action());
}
