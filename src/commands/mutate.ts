import { availableParallelism } from "node:os";
import { now } from "../lib/clock.ts";
import { dayOf } from "../lib/moment.ts";
import type { MutantResult, MutationRecord, OperatorSet } from "../model/mutation.ts";
import type { Target } from "../model/target.ts";
import { mutate } from "../mutate/mutate.ts";
import { connect, disconnect } from "../probe/sql/session.ts";
import { isBelow, mutationText } from "../report/mutation.ts";
import { painter } from "../report/paint.ts";
import { safeJson } from "../report/text.ts";
import { copyDatabase } from "../stage/postgres/copy.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { loadMatrices } from "./load-matrix.ts";
import { mutationFormats, writeMutationReports } from "./mutate-report.ts";
import { runOnly, type RunOptions } from "./options.ts";
import { fileReports } from "./report.ts";
import { forOneMatrix, needsFolder, withSystems } from "./run.ts";
import { packageVersion, type ReadySystem } from "./systems.ts";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Reuse } from "../mutate/reuse.ts";

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
  /** Try every change, whatever is known of earlier runs. */
  readonly anew: boolean;
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
  { only, persona, operators, onSharedTarget, anew, quiet, json }: MutateOptions,
  { cwd, variables, err, interrupted }: Environment,
): Promise<MutationRecord> {
  const opened = await open();
  const { target } = opened;
  const isCopied = target.posture === "embedded";
  try {
    // A gateway says what sessions hold; none is asked, and a database that is in use cannot be copied.
    if (isCopied) await opened[Symbol.asyncDispose]();
    const { matrix } = preflighted;
    const request = {
      matrix,
      target,
      environment: variables,
      filters: { only, personas: persona },
      operators,
      onSharedTarget,
      copies: isCopied ? () => copiesOf(target) : undefined,
      // Elsewhere others write rows, and to read all of them takes long.
      reuse: isCopied && !anew ? await readReuse(matrix.name, cwd) : undefined,
      interrupted,
    };
    return await mutate(request, preflighted, {
      planned: (count) => {
        if (!quiet && !json) err.write(`${matrix.name}: ${count} changes to try\n`);
      },
    });
  } finally {
    if (!isCopied) await opened[Symbol.asyncDispose]();
  }
}

const databasesAtMost = 4;

/** A database for each further processor; they go with the server. */
async function copiesOf(target: Target): Promise<readonly Target[]> {
  const { database, limits } = target;
  const count = Math.min(availableParallelism(), databasesAtMost) - 1;
  const admin = await connect({ ...database, database: "postgres" }, limits);
  try {
    const names = Array.from(
      { length: count },
      (_, at) => `${database.database.slice(0, 40)}_mutate_${at + 1}`,
    );
    for (const name of names) await copyDatabase(admin, database.database, name);
    return names.map((name) => ({ ...target, database: { ...database, database: name } }));
  } finally {
    await disconnect(admin);
  }
}

/** Of several states of a matrix and its database; the oldest go first. */
const resultsAtMost = 20_000;

/** What earlier runs of `rowgate mutate` found of a matrix, beside its archives; a file that cannot be read counts as none. */
async function readReuse(matrix: string, cwd: string): Promise<Reuse> {
  const file = path.resolve(cwd, "logs", "mutation", `${matrix.replaceAll(/[^\w.-]/g, "_")}.json`);
  return {
    known: new Map(await readResults(file)),
    version: await packageVersion(),
    keep: async (results) => {
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(`${file}.new`, JSON.stringify([...results].slice(-resultsAtMost)));
      await rename(`${file}.new`, file);
    },
  };
}

type Entries = readonly (readonly [key: string, result: MutantResult])[];

async function readResults(file: string): Promise<Entries> {
  try {
    const read: unknown = JSON.parse(await readFile(file, "utf8"));
    return Array.isArray(read) ? (read as Entries) : [];
  } catch {
    return [];
  }
}
