import path from "node:path";
import { loadTarget } from "../config/load.ts";
import { RowgateError } from "../model/errors.ts";
import { readsOnly } from "../model/posture.ts";
import { type Cleared, clearUpAfterRuns, type Untouched } from "../run/scratch-rows.ts";
import type { Environment, ExitCode } from "./environment.ts";

export interface CleanUpOptions {
  readonly target: string;
  readonly config: string | undefined;
  readonly logs: string;
  /** Runs that the user says are over, where their process cannot be asked. */
  readonly run: readonly string[];
}

/** `rowgate clean-up`: removes rows that a killed run has left where nothing is rolled back, by its journal. */
export async function cleanUpCommand(
  { target: name, config, logs, run: over }: CleanUpOptions,
  { cwd, variables, out }: Environment,
): Promise<ExitCode> {
  // Only rows that a journal names are removed, so the guard against production adds nothing.
  const { target } = await loadTarget({ name, file: config, cwd, variables, overrideGuard: true });
  if (readsOnly(target)) {
    throw new RowgateError({
      code: "usage/no-writes",
      message: `The target ${name} takes no writes: rowgate has made no row there, and removes none.`,
    });
  }
  const folder = path.resolve(cwd, logs);
  const { cleared, untouched } = await clearUpAfterRuns(folder, target, over);
  for (const one of cleared) out.write(`${clearedText(one)}\n`);
  for (const one of untouched.filter(({ elsewhere }) => elsewhere))
    out.write(`the run ${one.run} was on another database, ${one.database}: its journal was left alone\n`);
  const unsure = untouched.filter(({ elsewhere }) => !elsewhere);
  if (unsure.length > 0) throw notOver(unsure, logs);
  if (cleared.length === 0) out.write(`no run whose journal is in ${logs} has left a row on ${name}\n`);
  return 0;
}

export function clearedText({ run, removed }: Cleared): string {
  return `the run ${run} was killed: ${removed === 1 ? "1 row that it had left was" : `${removed} rows that it had left were`} removed`;
}

/** Why a run's rows are left to it. */
export function untouchedText({ run, owner }: Untouched): string {
  return `the run ${run} may have rows there: ${reasons[owner.kind](owner as never)}`;
}

const reasons: {
  readonly [Kind in Untouched["owner"]["kind"]]: (
    owner: Extract<Untouched["owner"], { kind: Kind }>,
  ) => string;
} = {
  gone: () => "its process is gone",
  alive: ({ pid }) => `a process with its number (${pid}) is at work`,
  elsewhere: ({ host }) => `it is of the host ${host}, whose processes cannot be asked from here`,
  unknown: () => "nothing says which process it was",
};

function notOver(unsure: readonly Untouched[], logs: string): RowgateError {
  return new RowgateError({
    code: "rows/not-over",
    message: `Journals in ${logs} are of runs that may be at work still: their rows were left to them.`,
    details: unsure.map(untouchedText).join("\n"),
    hint: `where such a run is over, say so: ${unsure.map(({ run }) => `--run ${run}`).join(" ")}`,
  });
}
