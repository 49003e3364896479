import type { RunRecord } from "../model/run.ts";
import { type ArchivedRun, exitCodeOf } from "../report/archived-run.ts";
import type { ExitCode } from "./environment.ts";
import type { Outcome } from "./prove.ts";

/** What standard output gets to hold. Everything that a person reads is rendered from the archives alone. */
export interface Output {
  /** Called once a system, in their order. Rethrows what failed where nothing else is left to show. */
  readonly show: (outcome: Outcome) => Promise<void>;
  /** @param milliseconds that the whole took */
  readonly finish: (milliseconds: number) => ExitCode;
}

/** The exit code of several runs: a leak gives 1 even beside errors; an error weighs more than any other failure. */
export interface Overall {
  /** A run whose cells have been read. */
  readonly proved: (archive: ArchivedRun) => void;
  readonly failed: () => void;
  readonly code: () => ExitCode;
}

export function createOverall(): Overall {
  let worst: ExitCode = 0;
  let leaked = false;
  return {
    proved: (archive) => {
      worst = Math.max(worst, exitCodeOf(archive)) as ExitCode;
      leaked ||= hasLeak(archive.run);
    },
    failed: () => void (worst = 2),
    code: () => (leaked ? 1 : worst),
  };
}

function hasLeak({ counts }: RunRecord): boolean {
  return counts.byVerdict.leak > counts.waivedByVerdict.leak;
}
