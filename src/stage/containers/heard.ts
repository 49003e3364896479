import type { ChildProcessByStdio } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { RowgateErrorFacts } from "../../model/errors.ts";
import type { Report } from "./protocol.ts";

export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

export const silent: RowgateErrorFacts = {
  code: "container/supervisor",
  message: "the process that looks after the containers ended without a word",
};

type Start = Extract<Report, { kind: "ready" | "failed" }>;
type Answer = Extract<Report, { id: number }> | Extract<Report, { kind: "failed" }>;

export interface Heard {
  readonly start: Promise<Start>;
  answer(id: number): Promise<Answer>;
  /** Its exit code, `null` when it was killed, and what it wrote to stderr. */
  readonly exit: Promise<{ readonly code: number | null; readonly stderr: string }>;
}

/** Everything that a supervisor says, from the first line on. */
export function listen(child: Child, say: (text: string) => void): Heard {
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr = `${stderr}${chunk}`.slice(-4000)));
  const exit = new Promise<{ code: number | null; stderr: string }>((resolve) => {
    child.once("close", (code) => resolve({ code, stderr }));
    child.once("error", (error) => resolve({ code: null, stderr: error.message }));
  });
  const over = exit.then((end) => ({ kind: "failed", error: { ...silent, details: end.stderr } }) as const);
  const waiting = new Map<number, (answer: Answer) => void>();
  const start = new Promise<Start>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const report = JSON.parse(line) as Report;
      if (report.kind === "progress") say(report.text);
      else if ("id" in report) waiting.get(report.id)?.(report);
      else resolve(report);
    });
  });
  return {
    start: Promise.race([start, over]),
    answer: (id) => Promise.race([new Promise<Answer>((resolve) => waiting.set(id, resolve)), over]),
    exit,
  };
}
