import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { DatabaseAddress } from "../../src/model/target.ts";
import { unprivilegedAccount } from "../../src/stage/postgres/account.ts";
import { freePort } from "./ports.ts";

export interface Pooler {
  readonly port: number;
  stop(): Promise<void>;
}

export interface PoolerOptions {
  readonly server: DatabaseAddress;
  readonly mode: "session" | "transaction" | "statement";
  /** It drops what rowgate tells a session at its start, instead of refusing it. */
  readonly drops: boolean;
}

/** Why no pooler can be started here; `undefined`: one can. */
export function noPgbouncer(): string | undefined {
  const found = spawnSync("pgbouncer", ["--version"], { encoding: "utf8" });
  return found.error === undefined ? undefined : "there is no pgbouncer on PATH (apt-get install pgbouncer)";
}

const dropped =
  "extra_float_digits, options, statement_timeout, lock_timeout, idle_in_transaction_session_timeout";

/** A real PgBouncer in front of one server, for one login. */
export async function startPgbouncer({ server, mode, drops }: PoolerOptions): Promise<Pooler> {
  const folder = mkdtempSync(path.join(tmpdir(), "rowgate-pgbouncer-"));
  const port = await freePort();
  const file = (name: string): string => path.join(folder, name);
  writeFileSync(file("users.txt"), `"${server.user}" "${server.password}"\n`);
  writeFileSync(
    file("pgbouncer.ini"),
    `[databases]
* = host=${server.host} port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${file("users.txt")}
pool_mode = ${mode}
logfile = ${file("log")}
${drops ? `ignore_startup_parameters = ${dropped}` : ""}
`,
  );
  const account = unprivilegedAccount();
  for (const one of [folder, file("users.txt"), file("pgbouncer.ini")]) {
    chmodSync(one, one === folder ? 0o700 : 0o600);
    if (account !== undefined) chownSync(one, account.uid, account.gid);
  }
  const child = spawn("pgbouncer", ["-q", file("pgbouncer.ini")], {
    stdio: "ignore",
    ...(account !== undefined && { uid: account.uid, gid: account.gid }),
  });
  const over = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await over;
    rmSync(folder, { recursive: true, force: true });
  };
  while (!(await listens(port))) {
    if (child.exitCode !== null) {
      const log = readFileSync(file("log"), "utf8");
      await stop();
      throw new Error(`pgbouncer did not start: ${log}`);
    }
    await wait(20);
  }
  return { port, stop };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  }).then((is) => {
    socket.destroy();
    return is as boolean;
  });
}
