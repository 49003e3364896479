import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { Socket } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { RowgateError } from "../../model/errors.ts";
import { reap } from "./processes.ts";
import type { Order, Report } from "./protocol.ts";

type Supervisor = ChildProcessByStdio<Writable, Readable, Readable>;
type Ready = Extract<Report, { kind: "ready" }>;

export interface Supervised extends Ready {
  stop(): Promise<void>;
}

// The compiled file, also when this one runs from src/ (which lies at the same depth): a child has no TypeScript loader.
const program = fileURLToPath(new URL("../../../dist/stage/postgres/supervisor.js", import.meta.url));

/** Milliseconds: a slow disk takes seconds for initdb, never minutes. */
const startPatience = 120_000;
const stopPatience = 20_000;

/**
 * Starts a supervisor and waits until its server accepts connections.
 * @throws {RowgateError} `embedded/…`, after everything that had been started has ended
 */
export async function startSupervisor(order: Order): Promise<Supervised> {
  const child: Supervisor = spawn(process.execPath, [program], {
    cwd: path.parse(program).root,
    // A session of its own: a Ctrl-C on the terminal reaches every process of the terminal's group.
    detached: true,
    windowsHide: true,
    stdio: ["pipe", "pipe", "pipe"],
    env: supervisorEnvironment(),
  });
  const watched = watch(child);
  // It may be gone before it has read its order; its exit says so.
  child.stdin.on("error", () => undefined).write(`${JSON.stringify(order)}\n`);
  const stop = once(async () => endSupervisor(child, watched));
  const report = await Promise.race([watched.outcome, wait(startPatience, undefined, { ref: false })]);
  if (report?.kind === "ready") {
    release(child);
    // A supervisor that was killed cleans up no more: this process does, at once.
    void watched.exit.then(stop).catch(() => undefined);
    return { ...report, stop };
  }
  await stop();
  throw new RowgateError(report?.error ?? tooSlow);
}

const tooSlow = {
  code: "embedded/start-timeout",
  message: `the embedded Postgres was not ready after ${startPatience / 1000} seconds`,
};

// What Node and the choice of a temporary folder need: the caller's secrets stay with the caller, and so do PGDATA and
// its like, which would change the server.
function supervisorEnvironment(): NodeJS.ProcessEnv {
  const kept = ["PATH", "TMPDIR", "TEMP", "TMP", "SystemRoot", "LD_LIBRARY_PATH"];
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

interface Watched {
  /** What the supervisor said of the start, or that it ended without a word. */
  readonly outcome: Promise<Extract<Report, { kind: "ready" | "failed" }>>;
  /** Its exit code, `null` when it was killed, and what it wrote to stderr. */
  readonly exit: Promise<{ code: number | null; stderr: string }>;
  directory: string | undefined;
}

function watch(child: Supervisor): Watched {
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr = `${stderr}${chunk}`.slice(-4000)));
  const exit = new Promise<{ code: number | null; stderr: string }>((resolve) => {
    child.once("close", (code) => resolve({ code, stderr }));
    child.once("error", (error) => resolve({ code: null, stderr: error.message }));
  });
  const outcome = new Promise<Extract<Report, { kind: "ready" | "failed" }>>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const report = JSON.parse(line) as Report;
      if (report.kind === "directory") watched.directory = report.path;
      else resolve(report);
    });
    void exit.then(({ stderr: details }) =>
      resolve({
        kind: "failed",
        error: {
          code: "embedded/supervisor",
          message: "the process that starts the embedded Postgres ended without a word",
          details,
        },
      }),
    );
  });
  const watched: Watched = { outcome, exit, directory: undefined };
  return watched;
}

/** A server that nobody stops must not keep this process from ending. */
function release(child: Supervisor): void {
  child.unref();
  for (const pipe of child.stdio) if (pipe instanceof Socket) pipe.unref();
}

async function endSupervisor(child: Supervisor, watched: Watched): Promise<void> {
  child.ref();
  child.stdin.end();
  const exit = await Promise.race([watched.exit, wait(stopPatience, undefined, { ref: false })]);
  if (exit === undefined) child.kill("SIGKILL");
  if (exit?.code !== 0 && watched.directory !== undefined) await reapOrSay(watched.directory, exit?.stderr);
}

async function reapOrSay(directory: string, said: string | undefined): Promise<void> {
  try {
    await reap(directory);
  } catch (cause) {
    throw new RowgateError({
      code: "embedded/left-behind",
      message: `the embedded Postgres could not be removed: ${directory}`,
      details: said,
      hint: "remove the folder by hand, once no process uses it",
      cause,
    });
  }
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= action());
}
