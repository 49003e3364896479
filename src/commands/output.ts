import { type EndedRun, exitCodeOfAll } from "../judge/exit-code.ts";
import { exitCodeOf, type ReportOptions } from "../report/archived-run.ts";
import type { ExitCode, Environment } from "./environment.ts";
import type { Outcome } from "./systems.ts";
import { type SummaryEntry, summarise, systemHeading } from "../report/ending.ts";
import { reporters } from "../report/reporters.ts";
import { describeError } from "./errors.ts";
import type { ShownProgress } from "./progress.ts";
import { looks, openArchived } from "./report.ts";
import { messageOf, RowgateError } from "../model/errors.ts";
import { safeJson } from "../report/text.ts";

/** What standard output gets to hold. Everything that a person reads is rendered from the archives alone. */
interface Output {
  /** Called once a system, in their order. Rethrows what failed where nothing else is left to show. */
  readonly show: (outcome: Outcome) => Promise<void>;
  /** @param milliseconds that the whole took */
  readonly finish: (milliseconds: number) => ExitCode;
}

/** A report a system, each whole; where there are several, a line each and one over all at the end. */
export function textOutput(
  systems: number,
  how: Pick<ReportOptions, "quiet" | "verbose" | "running">,
  environment: Environment,
  progress: ShownProgress,
): Output {
  const { out, err, cwd } = environment;
  const options = { ...looks(environment), ...how };
  const ended: EndedRun[] = [];
  const entries: SummaryEntry[] = [];

  async function rendered(outcome: Extract<Outcome, { kind: "proved" }>): Promise<string> {
    const archive = await openArchived(outcome.archive, cwd);
    const render = await reporters.terminal();
    let text = "";
    for await (const piece of render(archive, options)) text += piece;
    const { counts, findings } = archive.run;
    ended.push({ exitCode: exitCodeOf(archive), counts, findings });
    entries.push({ kind: "proved", run: archive.run, doubt: archive.doubt() });
    return systems > 1 && !how.quiet ? `${systemHeading(archive.run.matrix, options)}\n${text}\n` : text;
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
      ended.push({ exitCode: 2 });
      entries.push({ kind: "failed", name: matrix.name, message: messageOf(outcome.error) });
      progress.aside(() => err.write(describeError(outcome.error, cwd)));
    },
    finish: (milliseconds): ExitCode => {
      const code = exitCodeOfAll(ended);
      if (systems > 1) progress.aside(() => out.write(summarise(entries, code, milliseconds, options)));
      return code;
    },
  };
}

/**
 * One document whatever happens. One system: `{"run": …, "cells": […]}`. Several: `{"runs": […], "exitCode": n}`, where
 * each of `runs` is such a document, or `{"matrix": …, "error": …}`, or `{"matrix": …, "notAsked": true}`.
 */
export function jsonOutput(systems: number, verbose: boolean, { out, err, cwd }: Environment): Output {
  const ended: EndedRun[] = [];
  let separator = '{"runs":[\n';

  async function write(outcome: Outcome): Promise<void> {
    if (outcome.kind !== "proved") {
      const { name, file } = outcome.matrix;
      const rest = outcome.kind === "failed" ? { error: facts(outcome.error) } : { notAsked: true };
      out.write(`${safeJson({ matrix: { name, file }, ...rest })}\n`);
      return;
    }
    const archive = await openArchived(outcome.archive, cwd);
    const render = await reporters.json();
    for await (const piece of render(archive, { ...plain, verbose })) out.write(piece);
    const { counts, findings } = archive.run;
    ended.push({ exitCode: exitCodeOf(archive), counts, findings });
  }

  return {
    show: async (outcome) => {
      if (outcome.kind === "failed") {
        if (systems === 1) throw outcome.error;
        ended.push({ exitCode: 2 });
        err.write(describeError(outcome.error, cwd));
      }
      if (systems > 1) out.write(separator);
      separator = ",\n";
      await write(outcome);
    },
    finish: () => {
      if (systems > 1) out.write(`],"exitCode":${exitCodeOfAll(ended)}}\n`);
      return exitCodeOfAll(ended);
    },
  };
}

const plain = { width: 80, colour: false, quiet: false, running: false } as const;

function facts(error: unknown): object {
  if (!(error instanceof RowgateError)) return { code: "unexpected", message: String(error) };
  const { code, message, at, details, hint } = error;
  return { code, message, at, details, hint };
}
