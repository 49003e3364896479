import { type SummaryEntry, summarise, systemHeading } from "../report/ending.ts";
import type { ReportOptions } from "../report/archived-run.ts";
import { reporters } from "../report/reporters.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { describeError } from "./errors.ts";
import { createOverall, type Output } from "./output.ts";
import type { ShownProgress } from "./progress.ts";
import type { Outcome } from "./prove.ts";
import { looks, openArchived } from "./report.ts";

/** A report a system, each whole; where there are several, a line each and one over all at the end. */
export function textOutput(
  systems: number,
  how: Pick<ReportOptions, "quiet" | "verbose" | "running">,
  environment: Environment,
  progress: ShownProgress,
): Output {
  const { out, err, cwd } = environment;
  const options = { ...looks(environment), ...how };
  const overall = createOverall();
  const entries: SummaryEntry[] = [];

  async function rendered(outcome: Extract<Outcome, { kind: "proved" }>): Promise<string> {
    const archive = await openArchived(outcome.archive, cwd);
    const render = await reporters.terminal();
    let text = "";
    for await (const piece of render(archive, options)) text += piece;
    overall.proved(archive);
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
      overall.failed();
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
