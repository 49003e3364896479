import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { RunRecord } from "../dist/model/run.js";

export const project: string = fileURLToPath(new URL("..", import.meta.url));
export const systems = ["clawtrol", "fne-lms", "helios", "ogelbase"] as const;

export interface SystemRun {
  readonly wall: number;
  /** Milliseconds of processor: rowgate's, and those of the server that it started. */
  readonly cpu: number;
  readonly run: RunRecord;
}

/**
 * One whole run of a system, as a person starts it. It may end with exit 1: without the proof for all rows, a cell that
 * only a row put in can show is vacuous. Whether verdicts are right is not a benchmark's question.
 */
export async function runSystem(system: string, args: readonly string[], folder: string): Promise<SystemRun> {
  const before = childrenCpu();
  const started = performance.now();
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["dist/cli.js", "run", `matrices/${system}.yaml`, "--json", ...args, "--logs", path.join(folder, "logs")],
    { cwd: project, maxBuffer: 2 ** 30 },
  ).catch((error: { code?: unknown; stdout: string }) => {
    if (error.code === 1) return error;
    throw error as unknown as Error;
  });
  const wall = performance.now() - started;
  const { run } = JSON.parse(stdout) as { run: RunRecord };
  return { wall, cpu: childrenCpu() - before, run };
}

/** Of processes that have ended, and of theirs. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (cutime, cstime) */
export function childrenCpu(): number {
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[13]) + Number(fields[14])) * 10;
}
