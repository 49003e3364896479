import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Environment } from "../commands/environment.ts";
import { describeError } from "../commands/errors.ts";
import { loadMatrices } from "../commands/load-matrix.ts";
import type { RunOptions } from "../commands/options.ts";
import { openArchived } from "../commands/report.ts";
import { commandOf, needsFolder, withSystems } from "../commands/run.ts";
import { proveAll, type ReadySystem, readProvenance } from "../commands/systems.ts";
import { now } from "../lib/clock.ts";
import { dayOf } from "../lib/moment.ts";
import { channels } from "../model/cell.ts";
import { RowgateError } from "../model/errors.ts";
import { failsRun } from "../model/finding.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import { channelsOf } from "../plan/channels.ts";
import { filterOf } from "../plan/filters.ts";
import { cellsOf } from "../plan/plan.ts";
import { type ArchivedRun, exitCodeOf } from "../report/archived-run.ts";
import { whatHappened } from "../report/cases.ts";
import { lastLines } from "../report/ending.ts";
import { cellBlock } from "../report/failure-text.ts";
import { findingSections } from "../report/findings-text.ts";
import type { Paint } from "../report/paint.ts";
import { isFailing } from "../report/words.ts";
import { isWaived } from "../model/waived.ts";

type Given = Pick<
  RunOptions,
  | "target"
  | "config"
  | "policies"
  | "overlay"
  | "only"
  | "persona"
  | "channel"
  | "gateway"
  | "proof"
  | "failOn"
  | "logs"
>;

/** As the options of `rowgate run` with these names. */
export interface MatrixSuiteOptions extends Partial<Given> {
  /** What paths are taken from; the folder in which vitest runs. */
  readonly cwd?: string;
}

/** What becomes of the tests of a suite. */
interface Proved {
  readonly archive: ArchivedRun;
  /** Cells that did not pass. */
  readonly notPassed: ReadonlyMap<string, CellRecord>;
  readonly passed: ReadonlySet<string>;
}

/**
 * Declares one test for each cell of a matrix. The tests of a suite are one run: it happens before the first of them, probes the cells
 * whose tests are to run (`-t`, `.only`), in the same batches as `rowgate run`, and is archived in the same way.
 *
 * Await it at the top of a test file: which cells there are is known once the matrix was held against its database.
 */
export async function matrixSuite(file: string, given: MatrixSuiteOptions = {}): Promise<void> {
  const { cwd = process.cwd(), ...rest } = given;
  const options: RunOptions = { ...defaults, ...rest };
  const environment = quiet(cwd);
  const ids = await inWords(cwd, () =>
    withSystem(file, options, environment, async ([system]) =>
      system === undefined ? [] : idsOf(system, options),
    ),
  );
  describe(file, () => {
    let proved: Proved | undefined;
    // vitest reads the first parameter as a pattern of fixtures: it must be one, and none is needed.
    // oxlint-disable-next-line no-empty-pattern
    beforeAll(async ({}, { tasks }) => {
      const known = new Set(ids);
      const asked = tasks.flatMap(({ mode, name }) => (mode === "run" && known.has(name) ? [name] : []));
      const only =
        asked.length === ids.length || asked.length > mostPatterns ? options.only : asked.map(literal);
      proved = await inWords(cwd, () => prove(file, { ...options, only }, environment));
    }, 0);
    for (const id of ids)
      test(id, (context) => {
        if (proved === undefined || proved.passed.has(id)) return expect(proved?.passed).toContain(id);
        const cell = proved.notPassed.get(id);
        if (cell === undefined) throw new Error(`${id} was not probed`);
        const reason = reasonToSkip(cell);
        if (reason !== undefined) context.skip(reason);
        throw failure(cell, proved.archive.run, cwd);
      });
    test(wholeRun, () => {
      if (proved !== undefined) checkWhole(proved, cwd);
    });
  });
}

/** Findings are not about one cell: without this test they would fail `rowgate run` and no test. */
const wholeRun = "the run as a whole";
/** More patterns than this take longer to match than their cells to probe: then all cells are probed. */
const mostPatterns = 1000;

const defaults: RunOptions = {
  target: "embedded",
  config: undefined,
  overrideProductionGuard: false,
  postgresImage: undefined,
  postgrestImage: undefined,
  reuse: false,
  escalation: undefined,
  only: [],
  persona: [],
  channel: channels,
  policies: undefined,
  overlay: [],
  gateway: undefined,
  gatewayTxEnd: undefined,
  proof: "all-rows",
  logs: "logs",
  report: [],
  failOn: [],
  quiet: true,
  verbose: false,
  json: false,
  keep: false,
};

/** What it says goes into errors and the archive: the terminal is vitest's. */
function quiet(cwd: string): Environment {
  const nowhere = { write: (): void => {}, isTerminal: false, columns: 80 };
  const interrupted = new AbortController().signal;
  return { variables: process.env, cwd, out: nowhere, err: nowhere, interrupted };
}

/** Mistakes of a matrix are a list with places, and vitest would print no more than the sentence above it. */
async function inWords<T>(cwd: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw worded(error, cwd);
  }
}

/** Of an error for a person the words are all there is to know. */
function worded(error: unknown, cwd: string): Error {
  const text = describeError(error, cwd).trim();
  return new Error(text, error instanceof RowgateError ? {} : { cause: error });
}

type Use<T> = Parameters<typeof withSystems<T>>[3];

async function withSystem<T>(
  file: string,
  options: RunOptions,
  environment: Environment,
  use: Use<T>,
): Promise<T> {
  const loaded = await loadMatrices([file], environment.cwd, dayOf(now()), needsFolder(options));
  return await withSystems(loaded, options, environment, use);
}

/** `<persona>/<schema>.<relation>/<operation>`, as `--only` names cells. */
function idsOf({ preflighted, matrix }: ReadySystem, options: RunOptions): readonly string[] {
  const filters = { only: options.only, personas: options.persona };
  const how = {
    channels: channelsOf(matrix, options.channel),
    exposed: matrix.exposes,
    wants: filterOf(filters),
  };
  const cells = [...preflighted.work, ...preflighted.functions].flatMap((work) =>
    cellsOf(preflighted, work, matrix.personas, how),
  );
  return cells.map(({ id }) => id);
}

/** A pattern that only this id matches. */
function literal(id: string): string {
  return id.replaceAll(/[\\*?[\]{}()!+@|,]/g, String.raw`\$&`);
}

async function prove(file: string, options: RunOptions, environment: Environment): Promise<Proved> {
  const startedAt = now();
  const { cwd } = environment;
  const provenance = await readProvenance(cwd);
  return await withSystem(file, options, environment, async (systems, { filters, atOnce }) => {
    let proved: Proved | undefined;
    const job = {
      startedAt,
      filters,
      atOnce,
      logs: path.resolve(cwd, options.logs),
      proof: options.proof,
      failOn: options.failOn,
      escalation: options.escalation,
      provenance,
      environment,
      events: {},
      command: (matrix: string) => commandOf(matrix, options),
      kept: undefined,
    };
    await proveAll(systems, job, async (outcome) => {
      if (outcome.kind === "failed") throw outcome.error;
      if (outcome.kind === "proved") proved = await readProved(outcome.archive, cwd);
    });
    if (proved === undefined) throw new Error(`no cell of ${file} was asked for`);
    return proved;
  });
}

/** From the archive, as every report: what it masks is masked here too. */
async function readProved(folder: string, cwd: string): Promise<Proved> {
  const archive = await openArchived(folder, cwd);
  const notPassed = new Map<string, CellRecord>();
  const passed = new Set<string>();
  for await (const cell of archive.cells()) {
    if (cell.verdict === "pass") passed.add(cell.id);
    else notPassed.set(cell.id, cell);
  }
  return { archive, notPassed, passed };
}

function reasonToSkip(cell: CellRecord): string | undefined {
  if (isWaived(cell)) return `waived until ${cell.waiver?.expires}: ${cell.waiver?.reason}`;
  if (cell.verdict !== "skipped") return undefined;
  return whatHappened(cell).join("; ");
}

const plain: Paint = (_, text) => text;

/** The paragraph of the terminal's report; its place is the line of the matrix, which vitest then shows. */
function failure(cell: CellRecord, run: RunRecord, cwd: string): Error {
  const paragraph = cellBlock(cell, { width: 100, paint: plain, run, running: false }).join("\n");
  return failed(paragraph, `${path.resolve(cwd, cell.at.file)}:${cell.at.line}:${cell.at.column}`);
}

function failed(message: string, at: string): Error {
  const error = new Error(message);
  error.name = "AssertionError";
  error.stack = `${error.name}: ${message}\n    at ${at}`;
  return error;
}

/** What fails the run beside its cells; a run in which nothing else failed leaves the verdict to their tests. */
function checkWhole({ archive, notPassed }: Proved, cwd: string): void {
  const { run } = archive;
  const doubt = archive.doubt();
  const findings = run.findings.filter(failsRun);
  const failing = [...notPassed.values()].some((cell) => isFailing(cell.verdict) && !isWaived(cell));
  if (exitCodeOf(archive) === 0 || (failing && doubt === undefined && findings.length === 0)) return;
  const text = [...findingSections(findings, 100, plain), lastLines(run, 100, plain, doubt)];
  throw failed(
    text.map((lines) => lines.join("\n")).join("\n\n"),
    `${path.resolve(cwd, run.matrix.file)}:1:1`,
  );
}
