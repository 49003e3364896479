import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { RowgateError } from "../../model/errors.ts";
import type { Account } from "./account.ts";
import { executable } from "./binaries.ts";
import { keepCluster, keptCluster, takeCluster } from "./kept-cluster.ts";

/** Where a cluster lives and who runs it. */
export interface Site {
  readonly directory: string;
  readonly native: string;
  /** The programs are the machine's own, of any version; absent: they are the package's. */
  readonly installed?: boolean;
  readonly account: Account | undefined;
  /** Bootstrap superuser: Postgres lets no one take SUPERUSER from it. */
  readonly superuser: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Where clusters are kept, and the programs as they were installed. */
  readonly kept?: { readonly folder: string; readonly native: string } | undefined;
  /** Everything that was spawned, so that it can be ended at any moment. */
  readonly children: Set<ChildProcess>;
  readonly signal: AbortSignal;
}

interface RunningServer {
  readonly process: ChildProcess;
  readonly port: number;
}

/**
 * Makes the data directory.
 * @returns the superuser's first password
 * @throws {RowgateError} `embedded/initdb`, `embedded/kept-cluster`
 */
export async function initialise(site: Site): Promise<string> {
  const data = path.join(site.directory, "data");
  mkdirSync(data, { mode: 0o700 });
  if (site.account !== undefined) chownSync(data, site.account.uid, site.account.gid);
  const version = site.installed === true ? majorVersion(site) : ownVersion;
  const flags = initdbFlags(site, version);
  const kept = site.kept && keptCluster(site.kept.folder, site.kept.native, flags);
  const taken = kept && takeCluster(kept, data, site.account);
  const password = taken ?? (await makeCluster(site, data, flags));
  if (kept !== undefined && taken === undefined) keepCluster(kept, data, password);
  // initdb's own option for settings is younger than Postgres 15.
  const settings = Object.entries({ ...throwaway, ...(version >= 16 && since16), ...site.settings });
  const lines = settings.map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
  appendFileSync(path.join(data, "postgresql.conf"), `\n${lines.join("")}`);
  return password;
}

async function makeCluster(site: Site, data: string, flags: readonly string[]): Promise<string> {
  const password = randomBytes(32).toString("base64url");
  const passwordFile = path.join(site.directory, "password");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (site.account !== undefined) chownSync(passwordFile, site.account.uid, site.account.gid);
  const code = await ended(start(site, "initdb", ["-D", data, `--pwfile=${passwordFile}`, ...flags]));
  if (code !== 0) throw failure(site, "embedded/initdb", "initdb could not make the embedded database");
  await rm(passwordFile);
  return password;
}

/**
 * Starts the server on a port that was free a moment ago, and on another if that was taken meanwhile.
 * @throws {RowgateError} `embedded/start`
 */
export async function serve(site: Site, pickPort: () => Promise<number> = freePort): Promise<RunningServer> {
  for (let attempt = 1; ; attempt++) {
    const port = await pickPort();
    const child = start(site, "postgres", ["-D", path.join(site.directory, "data"), "-p", String(port)]);
    if (await accepts(site, child)) return { process: child, port };
    if (attempt === 10 || !/could not bind .*(already in use|only one usage)/i.test(readLog(site))) {
      throw failure(site, "embedded/start", "the embedded Postgres did not start");
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Waits as pg_ctl does: the eighth line of postmaster.pid says when connections are accepted. */
async function accepts(site: Site, child: ChildProcess): Promise<boolean> {
  const over = ended(child).then(() => "over" as const);
  // The server may also fail long after this wait is over, when this promise is awaited no more.
  over.catch(() => undefined);
  for (;;) {
    site.signal.throwIfAborted();
    if (serverStatus(site) === "ready") return true;
    if ((await Promise.race([over, wait(5)])) === "over") return false;
  }
}

function serverStatus(site: Site): string | undefined {
  try {
    return readFileSync(path.join(site.directory, "data", "postmaster.pid"), "utf8")
      .split("\n")[7]
      ?.trim();
  } catch {
    return undefined;
  }
}

// A disposable server need not recover from a crash, and 40,000 refused probes need not be logged.
const throwaway: Readonly<Record<string, string>> = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  checkpoint_timeout: "1h",
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "60",
  shared_buffers: "64MB",
  // In the data directory rather than in /dev/shm: a killed server leaves nothing, and containers have 64 MB there.
  dynamic_shared_memory_type: process.platform === "win32" ? "windows" : "mmap",
  jit: "off",
  // LOG ranks above ERROR here: what a start says is kept, what a probe provokes is not.
  log_min_messages: "log",
};

// A random password of 32 bytes gains nothing from being hashed 4096 times at each login.
const since16: Readonly<Record<string, string>> = { scram_iterations: "1" };

/** Of the packaged programs. */
const ownVersion = 17;

/** Sorts by bytes like C, yet knows that É is the upper case of é, the same on every platform; before 17 there is no such provider. */
function localeFlags(version: number): string[] {
  return version >= 17
    ? ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    : [process.platform === "linux" ? "--locale=C.UTF-8" : "--locale=C"];
}

/** The major version of the programs, as `initdb --version` says it. */
function majorVersion({ native }: Site): number {
  const said = execFileSync(executable(native, "initdb"), ["--version"], {
    encoding: "utf8",
    env: serverEnvironment(),
  });
  return Number(/(\d+)/.exec(said)?.[1] ?? 0);
}

/** Options of initdb. */
function initdbFlags({ superuser }: Site, version: number): string[] {
  return [
    `--username=${superuser}`,
    "--auth=scram-sha-256",
    // Of 16 MB of log, which the default makes, a server that lives for seconds fills a few.
    "--wal-segsize=1",
    "--encoding=UTF8",
    ...localeFlags(version),
    "--no-sync",
    "--no-instructions",
  ];
}

/** Runs one of Postgres's programs as the site's account; what it says goes to the site's log. */
function start(site: Site, name: "initdb" | "postgres", args: readonly string[]): ChildProcess {
  site.signal.throwIfAborted();
  const log = openSync(path.join(site.directory, "server.log"), "a", 0o600);
  const { account } = site;
  try {
    const child = spawn(executable(site.native, name), args, {
      cwd: path.join(site.directory, "data"),
      // A separate group, so that initdb can be ended together with the servers that it starts.
      detached: process.platform !== "win32",
      windowsHide: true,
      stdio: ["ignore", log, log],
      env: serverEnvironment(),
      ...(account === undefined ? {} : { uid: account.uid | 0, gid: account.gid | 0 }),
    });
    site.children.add(child);
    return child;
  } finally {
    closeSync(log);
  }
}

function serverEnvironment(): NodeJS.ProcessEnv {
  return {
    // Already without the caller's own: PGDATA or PGOPTIONS would change the server, and secrets could be read there.
    ...process.env,
    // The package brings its libraries along; another one of the same name would win.
    LD_LIBRARY_PATH: undefined,
    LC_ALL: "C",
    // Spares initdb the comparison of every time zone with the machine's own, and makes every machine answer alike.
    TZ: "UTC",
  };
}

/** The exit code; 1 when a signal ended it. */
async function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode ?? 1);
    child.once("exit", (code) => resolve(code ?? 1));
    child.once("error", (cause) => reject(notExecutable(child.spawnfile, cause)));
  });
}

const spawnHints: Readonly<Record<string, string>> = {
  ENOENT:
    "the file is missing, or was built for another C library (the packages need glibc: Alpine has none)",
  EACCES: "the temporary directory may be mounted noexec: set TMPDIR to another one",
  EPERM:
    "root may not change to another user here (a container without CAP_SETUID?): run rowgate as an ordinary user",
};

function notExecutable(file: string, cause: Error): RowgateError {
  return new RowgateError({
    code: "embedded/not-executable",
    message: `${file} could not be run: ${cause.message}`,
    hint: spawnHints[(cause as NodeJS.ErrnoException).code ?? ""],
    cause,
  });
}

/** The log's tail says why. */
function failure(site: Site, code: string, message: string): RowgateError {
  return new RowgateError({
    code,
    message,
    details: readLog(site).trimEnd().split("\n").slice(-20).join("\n"),
  });
}

function readLog(site: Site): string {
  try {
    return readFileSync(path.join(site.directory, "server.log"), "utf8");
  } catch {
    return "";
  }
}
