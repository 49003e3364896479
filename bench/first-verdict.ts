import { spawn } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { EmbeddedTimings } from "../dist/stage/postgres/spawn.js";
import { seconds, type StageResult } from "./figures.ts";
import type { Options } from "./options.ts";
import { median } from "./sample.ts";
import { timedChild } from "./spawn-child.ts";

const project = fileURLToPath(new URL("..", import.meta.url));

/** `npm start` until it says its first verdict, beside initdb and the start of the server alone. */
export async function benchFirstVerdict(options: Options, folder: string): Promise<StageResult> {
  const rounds: { readonly npmStart: number; readonly cli: number; readonly alone: number }[] = [];
  const logs = path.join(folder, "logs");
  const run = ["matrices/fne-lms.yaml", "--logs", logs];
  for (let round = 0; round < Math.max(5, options.rounds); round++) {
    const { initdb, start } = JSON.parse((await timedChild("child-start.js", "")).output) as EmbeddedTimings;
    rounds.push({
      npmStart: await untilFirstVerdict("npm", ["start", "--", ...run]),
      cli: await untilFirstVerdict(process.execPath, ["dist/cli.js", "run", ...run]),
      alone: initdb + start,
    });
  }
  const alone = median(rounds.map((round) => round.alone));
  const row = (what: string, key: "npmStart" | "cli", atMost: number | undefined) => ({
    what,
    ours: seconds(median(rounds.map((round) => round[key]))),
    theirs: seconds(alone),
    ratio: median(rounds.map((round) => round[key] / round.alone)),
    budget: atMost === undefined ? undefined : ({ bound: "at most", value: atMost } as const),
  });
  return {
    rows: [
      row("npm start to the first verdict, beside initdb and server start alone", "npmStart", 4),
      row("  the same without npm and tsc: node dist/cli.js run", "cli", undefined),
    ],
    notes: [],
    raw: { rounds },
  };
}

/** Milliseconds. The run goes on to its end, and must not fail. */
async function untilFirstVerdict(program: string, args: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(program, args, { cwd: project, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  let first: number | undefined;
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    said += chunk;
    if (first === undefined && said.includes("first verdict")) first = performance.now() - started;
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve(status ?? 1));
  });
  if (code !== 0 || first === undefined) {
    throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${said.slice(-2000)}`);
  }
  return first;
}
