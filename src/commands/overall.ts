import type { RunRecord } from "../model/run.ts";
import type { ExitCode } from "./environment.ts";

/** Folds exit codes: a leak gives 1 even beside errors; an error weighs more than any other failure. */
export interface Overall {
  readonly add: (code: ExitCode, run?: RunRecord) => void;
  readonly code: () => ExitCode;
}

export function createOverall(): Overall {
  let worst: ExitCode = 0;
  let leaked = false;
  return {
    add: (code, run) => {
      worst = Math.max(worst, code) as ExitCode;
      leaked ||= run !== undefined && run.counts.byVerdict.leak > run.counts.waivedByVerdict.leak;
    },
    code: () => (leaked ? 1 : worst),
  };
}
