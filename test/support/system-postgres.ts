import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { DatabaseAddress } from "../../src/model/target.ts";
import { unprivilegedAccount } from "../../src/stage/postgres/account.ts";
import { freePort } from "./ports.ts";

export interface SystemPostgres {
  readonly database: DatabaseAddress;
  stop(): Promise<void>;
}

/** Folders of the servers that Debian's packages have installed, oldest first. */
export function systemPostgres(): readonly string[] {
  try {
    const versions = readdirSync("/usr/lib/postgresql").toSorted((a, b) => Number(a) - Number(b));
    return versions.map((version) => `/usr/lib/postgresql/${version}/bin`);
  } catch {
    return [];
  }
}

/** A server of another version than the embedded one, in a folder of its own. */
export async function startSystemPostgres(bin: string): Promise<SystemPostgres> {
  const folder = mkdtempSync(path.join(tmpdir(), "rowgate-system-pg-"));
  const account = unprivilegedAccount();
  const as = account === undefined ? {} : { uid: account.uid, gid: account.gid };
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  const secret = path.join(folder, "password");
  writeFileSync(secret, "system-password", { mode: 0o644 });
  const data = path.join(folder, "data");
  const flags = ["-D", data, "-U", "postgres", "-A", "scram-sha-256", `--pwfile=${secret}`, "--no-sync"];
  execFileSync(path.join(bin, "initdb"), [...flags, "--locale=C", "-E", "UTF8"], { ...as, cwd: folder });
  const port = await freePort();
  const settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"];
  const child = spawn(
    path.join(bin, "postgres"),
    ["-D", data, "-p", String(port), ...settings.flatMap((one) => ["-c", one])],
    { ...as, cwd: folder, stdio: "ignore" },
  );
  const over = once(child, "exit");
  while (readStatus(data) !== "ready") {
    if (child.exitCode !== null) throw new Error(`${bin}/postgres ended with ${child.exitCode}`);
    await wait(20);
  }
  return {
    database: {
      host: "127.0.0.1",
      port,
      user: "postgres",
      password: "system-password",
      database: "postgres",
    },
    stop: async () => {
      child.kill("SIGQUIT");
      await over;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function readStatus(data: string): string | undefined {
  try {
    return readFileSync(path.join(data, "postmaster.pid"), "utf8").split("\n")[7]?.trim();
  } catch {
    return undefined;
  }
}
