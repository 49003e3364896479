import path from "node:path";
import { loadTarget } from "../config/load.ts";
import { RowgateError } from "../model/errors.ts";
import { readsOnly } from "../model/posture.ts";
import { type Cleared, clearUpAfterRuns } from "../run/own-rows.ts";
import type { Environment, ExitCode } from "./environment.ts";

export interface CleanUpOptions {
  readonly target: string;
  readonly config: string | undefined;
  readonly logs: string;
}

/** `rowgate clean-up`: removes rows that a killed run has left where nothing is rolled back, by its journal. */
export async function cleanUpCommand(
  { target: name, config, logs }: CleanUpOptions,
  { cwd, variables, out }: Environment,
): Promise<ExitCode> {
  // What the run was told of the target holds for its rows: only what a journal names is removed.
  const { target } = await loadTarget({ name, file: config, cwd, variables, overrideGuard: true });
  if (readsOnly(target)) {
    throw new RowgateError({
      code: "usage/no-writes",
      message: `The target ${name} takes no writes: rowgate has made no row there, and removes none.`,
    });
  }
  const folder = path.resolve(cwd, logs);
  const cleared = await clearUpAfterRuns(folder, target);
  for (const one of cleared) out.write(`${clearedText(one)}\n`);
  if (cleared.length === 0) out.write(`no run whose journal is in ${logs} has left a row on ${name}\n`);
  return 0;
}

export function clearedText({ run, removed }: Cleared): string {
  return `the run ${run} was killed: ${removed === 1 ? "1 row that it had left was" : `${removed} rows that it had left were`} removed`;
}
