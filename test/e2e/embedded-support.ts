import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Client } from "pg";
import { findNative } from "../../src/stage/postgres/binaries.ts";

export const root: string = fileURLToPath(new URL("../..", import.meta.url));
export const isRoot: boolean = process.geteuid?.() === 0;
/** An account without rights that every system has, for what root tests on behalf of others. */
export const nobody = { uid: 65534, gid: 65534 };

const rooms: string[] = [];
const launchers = new Set<ChildProcess>();

/** A temporary folder that everybody may enter: what a test leaves in it is found by `left`. */
export function makeRoom(name = "room"): string {
  const room = path.join(mkdtempSync(path.join(tmpdir(), "rowgate-test-")), name);
  mkdirSync(room);
  chmodSync(path.dirname(room), 0o755);
  rooms.push(room);
  return room;
}

/** Ends and removes what failed tests left, so that one failure stays one failure. */
export function clearRooms(): void {
  for (const launcher of launchers) launcher.kill("SIGKILL");
  launchers.clear();
  for (const room of rooms.splice(0)) {
    for (const { pid } of processesIn(room)) endIfThere(pid);
    rmSync(path.dirname(room), { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

function endIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself meanwhile.
  }
}

/** The part of the project that supervises a server, somewhere else. */
export function copyProject(folder: string): string {
  for (const part of ["dist/stage", "dist/model", "dist/lib"]) {
    cpSync(path.join(root, part), path.join(folder, part), { recursive: true });
  }
  writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }');
  // Whatever the umask was when the project was built, the account that root lends to a test must read it.
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    chmodSync(path.join(folder, name), 0o755);
  }
  return folder;
}

export interface Launch {
  /** Where the server's private directory goes. */
  readonly room: string;
  readonly project?: string;
  readonly native?: string;
  readonly as?: { readonly uid: number; readonly gid: number };
  readonly settings?: Readonly<Record<string, string>>;
  readonly env?: NodeJS.ProcessEnv;
  /** Code that runs once the server is ready. */
  readonly afterwards?: string;
}

export interface Launched {
  readonly process: ChildProcess;
  /** What the child printed first: the server, or the error. */
  readonly outcome: Promise<Outcome>;
  readonly exit: Promise<void>;
}

export interface Outcome {
  readonly port: number;
  readonly password: string;
  readonly error?: { readonly code: string; readonly message: string; readonly details?: string };
}

/** A process of its own, at the head of its own process group, that starts a server and then waits (or does `afterwards`). */
export function launch(how: Launch): Launched {
  const program = path.join(how.project ?? root, "dist/stage/postgres/spawn.js");
  const order = {
    superuser: "postgres",
    native: how.native ?? findNative(),
    tempRoots: [how.room],
    settings: how.settings ?? {},
  };
  const code = `
    const { startSupervisor } = await import(${JSON.stringify(pathToFileURL(program).href)});
    const outcome = await startSupervisor(${JSON.stringify(order)})
      .catch(({ code, message, details }) => ({ error: { code, message, details } }));
    process.stdout.write(JSON.stringify(outcome) + "\\n");
    ${how.afterwards ?? "if (!outcome.error) setInterval(() => {}, 1000);"}
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    cwd: how.project ?? how.room,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    // With an initdb of its own, that something may happen to.
    env: { ...process.env, ROWGATE_CLUSTERS: "", ...how.env },
    ...how.as,
  });
  launchers.add(child);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const exit = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const outcome = new Promise<Outcome>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", (line) => resolve(JSON.parse(line) as Outcome));
    void exit.then(() => reject(new Error(`the process ended without an answer: ${stderr}`)));
  });
  outcome.catch(() => undefined);
  return { process: child, outcome, exit };
}

/** Everything that is in a room or runs there. */
export function left(room: string): string[] {
  return [...readdirSync(room), ...processesIn(room).map(({ pid, command }) => `${pid}: ${command}`)];
}

/** What is still there after a minute: nothing, hopefully long before. */
export async function leftInTheEnd(room: string): Promise<string[]> {
  await until(
    () => left(room).length === 0,
    () => "",
  ).catch(() => undefined);
  return left(room);
}

/** @throws when the condition is not met within a minute */
export async function until(condition: () => boolean, otherwise: () => string): Promise<void> {
  const end = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(otherwise());
    await wait(1);
  }
}

export interface RunningProcess {
  readonly pid: number;
  readonly command: string;
}

/** Processes that work in a room or name it on their command line. */
export function processesIn(room: string): RunningProcess[] {
  if (process.platform !== "linux") {
    const lines = execFileSync("ps", ["-A", "-o", "pid=,command="], { encoding: "utf8" }).trim().split("\n");
    const all = lines.map((line) => ({ pid: Number.parseInt(line, 10), command: line }));
    return all.filter(({ pid, command }) => pid !== process.pid && command.includes(`${room}/rowgate-pg`));
  }
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
      const isThere =
        command.includes(`${room}/rowgate-pg`) || readlinkSync(`/proc/${name}/cwd`).startsWith(`${room}/`);
      return isThere ? [{ pid: Number(name), command }] : [];
    } catch {
      return [];
    }
  });
}

/** The private directory's name says whose it is: the one server's that runs in a room. */
export function supervisorIn(room: string): number {
  return Number(/^rowgate-pg-(\d+)-/.exec(readdirSync(room)[0] ?? "")?.[1]);
}

/** The environments of processes, where the system shows them. */
export function environmentsOf(processes: readonly RunningProcess[]): string[] {
  if (process.platform !== "linux") return [];
  return processes.map(({ pid }) => readFileSync(`/proc/${pid}/environ`, "utf8"));
}

/** What a query answers, as rows of text. */
export async function ask(
  address: { port: number; password: string; user?: string; database?: string },
  ...queries: readonly string[]
): Promise<unknown[][]> {
  const { port, password, user = "postgres", database = "postgres" } = address;
  const client = new Client({ host: "127.0.0.1", port, user, password, database, ssl: false });
  await client.connect();
  try {
    let rows: unknown[][] = [];
    for (const text of queries) ({ rows } = await client.query<unknown[]>({ text, rowMode: "array" }));
    return rows;
  } finally {
    await client.end();
  }
}
