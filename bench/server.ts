import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { DatabaseAddress } from "../dist/model/target.js";
import { unprivilegedAccount } from "../dist/stage/postgres/account.js";
import { makePrivateDirectory } from "../dist/stage/postgres/private-directory.js";
import { startEmbedded } from "../dist/stage/postgres/server.js";
import type { PgTap } from "./debian.ts";

export interface BenchServer {
  /** A superuser; the database is `postgres`. */
  readonly database: DatabaseAddress;
  /** What a person calls it. */
  readonly label: string;
  stop(): Promise<void>;
}

/** The same Postgres that `rowgate run` starts. */
export async function startEmbeddedServer(): Promise<BenchServer> {
  const server = await startEmbedded();
  return { database: server.database, label: "embedded Postgres", stop: () => server.stop() };
}

// What the embedded server is set to as well, as far as older versions know it.
const settings: Readonly<Record<string, string>> = {
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
  jit: "off",
  log_min_messages: "log",
};

/** The distribution's Postgres, in a private temporary directory and on a free port; ended and removed by `stop`. */
export async function startDebianServer({ bin, version }: PgTap): Promise<BenchServer> {
  const account = unprivilegedAccount();
  const directory = makePrivateDirectory(account, []);
  const [data, passwordFile] = [path.join(directory, "data"), path.join(directory, "password")];
  const password = randomBytes(24).toString("base64url");
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (account !== undefined)
    for (const file of [data, passwordFile]) chownSync(file, account.uid, account.gid);
  const log = openSync(path.join(directory, "server.log"), "a", 0o600);
  const run = (name: string, args: readonly string[]) =>
    spawn(path.join(bin, name), args, {
      cwd: data,
      stdio: ["ignore", log, log],
      env: { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" },
      ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
    });
  const failed = (what: string): Error =>
    new Error(`${what}:\n${readFileSync(path.join(directory, "server.log"), "utf8").slice(-2000)}`);

  const flags = ["--username=postgres", "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
  const initdb = run("initdb", ["-D", data, ...flags, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
  if ((await exitOf(initdb)) !== 0) throw failed("initdb failed");
  const port = await freePort();
  const assigned = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const postgres = run("postgres", ["-D", data, "-p", String(port), ...assigned]);
  const ended = exitOf(postgres);
  // Should this process fail on its way, the server must not outlive it.
  const kill = (): void => void postgres.kill("SIGQUIT");
  process.once("exit", kill);
  while (!isReady(data)) {
    if ((await Promise.race([ended.then(() => "ended"), wait(20)])) === "ended")
      throw failed("postgres ended");
  }
  return {
    database: { host: "127.0.0.1", port, user: "postgres", password, database: "postgres" },
    label: `the distribution's Postgres ${version}`,
    stop: async () => {
      process.off("exit", kill);
      postgres.kill("SIGINT");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function exitOf(child: ReturnType<typeof spawn>): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

/** The eighth line of postmaster.pid says when connections are accepted. */
function isReady(data: string): boolean {
  try {
    return readFileSync(path.join(data, "postmaster.pid"), "utf8").split("\n")[7]?.trim() === "ready";
  } catch {
    return false;
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
