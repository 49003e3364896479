import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { ended, failure, readLog, start } from "./program.ts";
import type { Site } from "./program.ts";
import { initdbFlags } from "./settings.ts";

export interface RunningServer {
  readonly process: ChildProcess;
  readonly port: number;
}

/**
 * Makes the data directory; the superuser is `postgres`.
 * @returns the superuser's password, known to this process and its caller alone
 * @throws {RowgateError} `embedded/initdb`
 */
export async function initialise(site: Site): Promise<string> {
  const password = randomBytes(32).toString("base64url");
  const [data, passwordFile] = [path.join(site.directory, "data"), path.join(site.directory, "password")];
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (site.account !== undefined) {
    for (const file of [data, passwordFile]) chownSync(file, site.account.uid, site.account.gid);
  }
  const code = await ended(start(site, "initdb", ["-D", data, ...initdbFlags(passwordFile, site.settings)]));
  if (code !== 0) throw failure(site, "embedded/initdb", "initdb could not make the embedded database");
  await rm(passwordFile);
  return password;
}

/**
 * Starts the server on a port that was free a moment ago, and on another should somebody have taken it meanwhile.
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
  // The server may also fail long after this wait is over, when nobody listens here.
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
