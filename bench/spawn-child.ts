import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { RunFigures, RunOrder } from "./orders.ts";

export interface TimedRun extends RunFigures {
  /** Milliseconds from spawn to exit. */
  readonly wholeMs: number;
}

/** One run in a process of its own. Throws when it fails, or when a cell did not pass: a wrong run has no rate. */
export async function timedRun(order: RunOrder, nodeFlags: readonly string[] = []): Promise<TimedRun> {
  const { output, milliseconds } = await timedChild("child-run.js", JSON.stringify(order), nodeFlags);
  const figures = JSON.parse(output) as RunFigures;
  if (figures.passed !== figures.cells || figures.cells === 0) {
    throw new Error(
      `${figures.cells - figures.passed} of ${figures.cells} generated cells did not pass: ${JSON.stringify(figures.counts.byVerdict)} (${figures.archive})`,
    );
  }
  return { ...figures, wholeMs: milliseconds };
}

/** A compiled program of this folder, with `input` on its standard input. */
export async function timedChild(
  program: string,
  input: string,
  nodeFlags: readonly string[] = [],
): Promise<{ readonly output: string; readonly milliseconds: number }> {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const started = performance.now();
  const child = spawn(process.execPath, [...nodeFlags, file], { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  child.stdin.end(input);
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve(status ?? 1));
  });
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
  return { output, milliseconds: performance.now() - started };
}
