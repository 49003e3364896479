import path from "node:path";
import { readCells, readRun } from "../archive/read.ts";
import { type SummaryEntry, summarise, systemHeading } from "../report/summary.ts";
import { createTerminalReport, type TerminalOptions } from "../report/terminal.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { describeError } from "./errors.ts";
import type { Output } from "./output.ts";
import { createOverall } from "./overall.ts";
import type { ShownProgress } from "./progress.ts";
import type { Outcome } from "./prove.ts";

/** A report a system, each whole; where there are several, a line each and one over all at the end. */
export function textOutput(
  systems: number,
  quiet: boolean,
  environment: Environment,
  progress: ShownProgress,
): Output {
  const { out, err, cwd } = environment;
  const options = { ...looks(environment), quiet };
  const overall = createOverall();
  const entries: SummaryEntry[] = [];

  async function rendered(outcome: Extract<Outcome, { kind: "proved" }>): Promise<string> {
    const report = createTerminalReport(options);
    const record = await readRun(outcome.archive);
    for await (const cell of readCells(outcome.archive)) report.add(cell);
    const text = report.finish(record, path.relative(cwd, outcome.archive) || ".");
    const doubt = report.doubt(record);
    overall.add(doubt === undefined ? record.exitCode : 2, record);
    entries.push({ kind: "proved", run: record, doubt });
    return systems > 1 && !quiet ? `${systemHeading(record.matrix, options)}\n${text}\n` : text;
  }

  return {
    show: async (outcome) => {
      const { matrix } = outcome;
      if (outcome.kind === "proved") {
        const text = await rendered(outcome);
        progress.aside(() => out.write(text));
        return;
      }
      if (outcome.kind === "not-asked") {
        entries.push({ kind: "not-asked", name: matrix.name });
        return;
      }
      if (systems === 1) throw outcome.error;
      overall.add(2);
      entries.push({ kind: "failed", name: matrix.name, message: messageOf(outcome.error) });
      progress.aside(() => err.write(describeError(outcome.error, cwd)));
    },
    finish: (milliseconds): ExitCode => {
      const code = overall.code();
      if (systems > 1) progress.aside(() => out.write(summarise(entries, code, milliseconds, options)));
      return code;
    },
  };
}

function looks({ out, variables }: Environment): Pick<TerminalOptions, "width" | "colour"> {
  return {
    width: out.isTerminal ? out.columns : 80,
    colour: out.isTerminal && (variables["NO_COLOR"] ?? "") === "",
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
