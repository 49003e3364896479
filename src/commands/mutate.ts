import { now } from "../lib/clock.ts";
import { dayOf } from "../lib/moment.ts";
import type { MutationRecord, OperatorSet } from "../model/mutation.ts";
import { mutate } from "../mutate/mutate.ts";
import { isBelow, mutationText } from "../report/mutation.ts";
import { painter } from "../report/paint.ts";
import { safeJson } from "../report/text.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { loadMatrices } from "./load-matrix.ts";
import { mutationFormats, writeMutationReports } from "./mutate-report.ts";
import { type RunOptions, runOnly } from "./options.ts";
import { fileReports } from "./report.ts";
import { forOneMatrix, needsFolder, withSystems } from "./run.ts";
import type { ReadySystem } from "./systems.ts";

export interface MutateOptions extends Pick<
  RunOptions,
  | "target"
  | "config"
  | "only"
  | "persona"
  | "policies"
  | "overlay"
  | "baseline"
  | "defaultPrivileges"
  | "layout"
  | "standIns"
  | "postgresBin"
  | "quiet"
  | "verbose"
  | "json"
  | "report"
> {
  readonly operators: OperatorSet;
  /** Percent; `undefined`: no score fails. */
  readonly minScore: number | undefined;
  /** Change policies, in transactions that are rolled back, where others work too. */
  readonly onSharedTarget: boolean;
}

/** `rowgate mutate [matrix…]`: 0 where each matrix reaches the score, 1 where one does not, 2 where nothing is known. */
export async function mutateCommand(
  files: readonly string[],
  given: MutateOptions,
  environment: Environment,
): Promise<ExitCode> {
  const options = { ...runOnly, ...given };
  const reports = fileReports(given.report, 1, mutationFormats);
  const matrices = await loadMatrices(files, environment.cwd, dayOf(now()), needsFolder(options));
  if (matrices.length > 1) forOneMatrix(options);
  return await withSystems(matrices, options, environment, async (systems) => {
    const records: MutationRecord[] = [];
    for (const system of systems) {
      const record = await mutateOne(system, given, environment);
      records.push(record);
      if (!given.json) environment.out.write(mutationText(record, looks(given, environment)));
    }
    if (given.json) environment.out.write(`${safeJson(records.length === 1 ? records[0] : records)}\n`);
    await writeMutationReports(reports, records, given.minScore, environment);
    return records.some((record) => isBelow(record, given.minScore)) ? 1 : 0;
  });
}

function looks(
  { quiet, verbose, minScore }: MutateOptions,
  { out, variables }: Environment,
): Parameters<typeof mutationText>[1] {
  const colour = out.isTerminal && variables["NO_COLOR"] === undefined;
  return { paint: painter(colour), quiet, verbose, minScore };
}

async function mutateOne(
  { preflighted, open }: ReadySystem,
  { only, persona, operators, onSharedTarget, quiet, json }: MutateOptions,
  { variables, err, interrupted }: Environment,
): Promise<MutationRecord> {
  const opened = await open();
  try {
    const { matrix } = preflighted;
    const request = {
      matrix,
      target: opened.target,
      environment: variables,
      filters: { only, personas: persona },
      operators,
      onSharedTarget,
      interrupted,
    };
    return await mutate(request, preflighted, {
      planned: (count) => {
        if (!quiet && !json) err.write(`${matrix.name}: ${count} changes to try\n`);
      },
    });
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}
