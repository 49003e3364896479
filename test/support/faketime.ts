import { spawn } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import type { GatewayConfig } from "../../src/stage/gateway/config.ts";
import type { Line } from "../../src/stage/child.ts";
import type { RunningGateway } from "../../src/stage/gateway/server.ts";
import type { GatewaySettings, ReadyGateway } from "../../src/stage/gateway/spawn.ts";

/** A clock that processes see in place of the machine's; what only goes on (CLOCK_MONOTONIC) goes on. */
export interface FakeClock {
  /** For a process that is to see it. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets it, so many seconds ahead of the machine's. Who looks at it next sees that. */
  set(seconds: number): void;
}

/** Of a program with threads; Debian has it in a folder of the architecture. */
function library(): string | undefined {
  const base = "/usr/lib";
  const folders = [base, ...filesIn(base).map((name) => path.join(base, name))];
  return folders
    .map((one) => path.join(one, "faketime"))
    .flatMap((one) => filesIn(one).map((name) => path.join(one, name)))
    .find((file) => path.basename(file) === "libfaketimeMT.so.1");
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Why no process can be given another clock here; `undefined`: it can. */
export function noFaketime(): string | undefined {
  return library() === undefined ? "there is no libfaketime (apt-get install faketime)" : undefined;
}

/** `file` holds what the clock is set to. */
export function fakeClock(file: string, seconds = 0): FakeClock {
  const set = (ahead: number): void =>
    writeFileSync(file, `${ahead < 0 ? "" : "+"}${ahead}\n`, { mode: 0o644 });
  set(seconds);
  return {
    set,
    env: {
      LD_PRELOAD: library() ?? "",
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    },
  };
}

const program = path.resolve(import.meta.dirname, "../../dist/stage/gateway/main.js");

/** The gateway's own process under such a clock. With ROWGATE_POSTGREST_BIN it is that PostgREST, whose child it is. */
export async function spawnGatewayUnder(clock: FakeClock, config: GatewayConfig): Promise<RunningGateway> {
  const binary = process.env["ROWGATE_POSTGREST_BIN"];
  const settings: GatewaySettings =
    binary === undefined ? { kind: "builtin", config } : { kind: "postgrest", binary, config };
  const { PATH = "", LD_LIBRARY_PATH } = process.env;
  const child = spawn(process.execPath, [program], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH, ...(LD_LIBRARY_PATH !== undefined && { LD_LIBRARY_PATH }), ...clock.env },
  });
  const over = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.stdin.write(`${JSON.stringify(settings)}\n`);
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`the gateway ended with ${code}`)));
  });
  const report = JSON.parse(line) as Line<ReadyGateway>;
  if (!("ready" in report)) throw new Error(`the gateway did not start: ${line}`);
  return {
    ...report.ready,
    reload: () => Promise.reject(new Error("not asked for here")),
    stop: async () => {
      child.stdin.end();
      await over;
    },
  };
}
