import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import { RowgateError } from "../../model/errors.ts";
import type { Account } from "./account.ts";
import { executable } from "./binaries.ts";

/** Where a cluster lives and who runs it. */
export interface Site {
  readonly directory: string;
  readonly native: string;
  readonly account: Account | undefined;
  readonly settings: Readonly<Record<string, string>>;
  /** Everything that was spawned, so that it can be ended at any moment. */
  readonly children: Set<ChildProcess>;
  readonly signal: AbortSignal;
}

/** Runs one of Postgres's programs as the site's account; what it says goes to the site's log. */
export function start(site: Site, name: "initdb" | "postgres", args: readonly string[]): ChildProcess {
  site.signal.throwIfAborted();
  const log = openSync(path.join(site.directory, "server.log"), "a", 0o600);
  const { account } = site;
  try {
    const child = spawn(executable(site.native, name), args, {
      cwd: path.join(site.directory, "data"),
      // A group of its own, so that initdb can be ended together with the servers that it starts.
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
export async function ended(child: ChildProcess): Promise<number> {
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
export function failure(site: Site, code: string, message: string): RowgateError {
  return new RowgateError({
    code,
    message,
    details: readLog(site).trimEnd().split("\n").slice(-20).join("\n"),
  });
}

export function readLog(site: Site): string {
  try {
    return readFileSync(path.join(site.directory, "server.log"), "utf8");
  } catch {
    return "";
  }
}
