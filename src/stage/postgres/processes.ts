import { execFileSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";

// SIGQUIT is Postgres's immediate shutdown: nothing is written for a next start, which there will not be, and the
// postmaster still frees its shared memory. Windows knows no signals; backends end by themselves without a postmaster.
const stopSignal: NodeJS.Signals = process.platform === "win32" ? "SIGTERM" : "SIGQUIT";

/** Milliseconds that an immediate shutdown may take: the postmaster kills its children after five seconds. */
const stopPatience = 8_000;

/**
 * Ends a Postgres program that this process spawned at the head of its own process group, and the rest of that group:
 * initdb leaves the servers that it started to end by themselves.
 */
export async function stopChild(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  const isServer = path.parse(child.spawnfile).name === "postgres";
  if (child.exitCode === null && child.signalCode === null) send(pid, isServer ? stopSignal : "SIGTERM");
  const group = process.platform === "win32" ? pid : -pid;
  const end = performance.now() + stopPatience;
  while (exists(group) && performance.now() < end) await wait(5);
  send(group, "SIGKILL");
}

/** Ends every Postgres that runs in a private directory, then removes the directory. Safe to call twice. */
export async function reap(directory: string): Promise<void> {
  const running = processesIn(directory);
  for (const pid of running) send(pid, stopSignal);
  const end = performance.now() + stopPatience;
  while (running.some((pid) => startTime(pid) !== undefined) && performance.now() < end) await wait(10);
  for (const pid of running) send(pid, "SIGKILL");
  removeDirectory(directory);
}

/** Removes the directory, though an ending backend may still write a file into it. */
export function removeDirectory(directory: string): void {
  // The synchronous form takes half the time, and the caller has nothing else to do.
  rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

function exists(pidOrGroup: number): boolean {
  try {
    return process.kill(pidOrGroup, 0);
  } catch {
    return false;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Already gone.
  }
}

/** When a living process started (Linux: clock ticks since boot; elsewhere 0); `undefined` when there is none. */
export function startTime(pid: number): number | undefined {
  if (process.platform !== "linux") return exists(pid) ? 0 : undefined;
  try {
    // The command's name is in parentheses and may itself hold spaces and parentheses.
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return state === "Z" || state === "X" ? undefined : Number(fields[18]);
  } catch {
    return undefined;
  }
}

/** Postmasters and initdbs whose data directory lies in `directory`, identified by their command line. */
function processesIn(directory: string): number[] {
  const gap = process.platform === "linux" ? "\0" : " ";
  const ours = `${gap}-D${gap}${path.join(directory, "data")}${gap}`;
  const server = new RegExp(`(^|/)(postgres|initdb)${gap}`);
  return commands()
    .filter(({ command }) => server.test(command) && `${command}${gap}`.includes(ours))
    .map(({ pid }) => pid);
}

function commands(): { pid: number; command: string }[] {
  if (process.platform === "win32") return [];
  if (process.platform !== "linux") return listedByPs();
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => ({ pid: Number(pid), command: commandOf(pid) }));
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function listedByPs(): { pid: number; command: string }[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,command="], { encoding: "utf8" }).split("\n");
  return lines.map((line) => {
    const [, pid, command] = /^ *(\d+) (.*)$/.exec(line) ?? [];
    return { pid: Number(pid), command: command ?? "" };
  });
}
