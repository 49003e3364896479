import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { newRunId } from "../archive/id.ts";
import { sweepPartials } from "../archive/partial.ts";
import type { Channel } from "../model/cell.ts";
import { RowgateError } from "../model/errors.ts";
import { channelsOf } from "../plan/channels.ts";
import { type RunOutcome, run } from "../run.ts";
import { startEmbedded } from "../target/embedded/server.ts";
import { openEmbeddedTarget } from "../target/embedded-target.ts";
import type { GatewayWish } from "../target/gateway/choose.ts";
import type { TxEnd } from "../target/gateway/config.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { findMatrices, type LoadedMatrix, loadMatrix, requireFolder } from "./load-matrix.ts";
import { showProgress } from "./progress.ts";
import { render } from "./render.ts";

export interface RunOptions {
  readonly only: readonly string[];
  readonly persona: readonly string[];
  readonly channel: readonly Channel[];
  readonly policies: string | undefined;
  readonly overlay: readonly string[];
  readonly gateway: GatewayWish;
  readonly gatewayTxEnd: TxEnd;
  readonly logs: string;
  readonly quiet: boolean;
  readonly json: boolean;
  readonly keep: boolean;
}

/** `rowgate run [matrix…]`: proves each matrix on a database of its own, and archives what came of it. */
export async function runCommand(
  files: readonly string[],
  options: RunOptions,
  environment: Environment,
): Promise<ExitCode> {
  const startedAt = new Date();
  const found = await findMatrices(files, environment.cwd);
  const matrices: LoadedMatrix[] = [];
  for (const file of found)
    matrices.push(await loadMatrix(file, environment.cwd, startedAt.toISOString().slice(0, 10)));
  for (const { matrix } of matrices) channelsOf(matrix, options.channel);
  await checkFolders(matrices, options);
  const logs = path.resolve(environment.cwd, options.logs);
  const [server] = await Promise.all([startEmbedded(), sweepPartials(logs)]);
  try {
    const outcomes: RunOutcome[] = [];
    environment.interrupted.throwIfAborted();
    // Whatever waits for the server fails at once, so that nobody has to wait for the end of a batch.
    environment.interrupted.addEventListener("abort", () => void server.stop().catch(() => {}), {
      once: true,
    });
    for (const [index, loaded] of matrices.entries()) {
      environment.interrupted.throwIfAborted();
      outcomes.push(await runOne(loaded, index, { options, environment, logs, server, startedAt }));
    }
    return overall(outcomes);
  } finally {
    await server.stop();
  }
}

interface Shared {
  readonly options: RunOptions;
  readonly environment: Environment;
  readonly logs: string;
  readonly server: Awaited<ReturnType<typeof startEmbedded>>;
  readonly startedAt: Date;
}

async function runOne(loaded: LoadedMatrix, index: number, shared: Shared): Promise<RunOutcome> {
  const { options, environment, logs, server, startedAt } = shared;
  const began = performance.now();
  const { matrix } = loaded;
  const { prepare, initdb, start } = server.timings;
  const startMs = prepare + initdb + start;
  const opened = await openEmbeddedTarget({
    server,
    database: `${matrix.name}_${index + 1}`,
    policies:
      options.policies === undefined ? loaded.policies : path.resolve(environment.cwd, options.policies),
    overlays: options.overlay.map((file) => path.resolve(environment.cwd, file)),
    schemas: matrix.exposes,
    gateway: matrix.channels.includes("rest") ? options.gateway : "none",
    txEnd: options.gatewayTxEnd,
    jwtSecret: environment.variables["ROWGATE_JWT_SECRET"],
    environment: environment.variables,
  });
  try {
    const progress = showProgress(environment.err, options.quiet || options.json);
    const outcome = await run(
      {
        id: newRunId(new Date()),
        startedAt,
        matrix,
        target: opened.target,
        // As a person names them: where the checkout lies is nobody's business two years later.
        inputs: opened.inputs.map((one) => ({ ...one, path: path.relative(environment.cwd, one.path) })),
        filters: { only: options.only, personas: options.persona, channels: options.channel },
        logs,
        gitCommit: await gitCommit(environment.cwd),
        version: await packageVersion(),
        startMs: startMs + performance.now() - began,
        environment: environment.variables,
        interrupted: environment.interrupted,
      },
      progress,
    );
    progress.end();
    await render(outcome, options, environment);
    if (options.keep) await keep(opened.target, environment);
    return outcome;
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}

async function checkFolders(matrices: readonly LoadedMatrix[], options: RunOptions): Promise<void> {
  if ((options.policies !== undefined || options.overlay.length > 0) && matrices.length > 1) {
    throw new RowgateError({
      code: "usage/one-matrix",
      message: "--policies and --overlay go with one matrix, and several were found.",
      hint: "name the matrix: rowgate run matrices/<name>.yaml --overlay …",
    });
  }
  if (options.policies !== undefined) return;
  for (const { matrix, policies } of matrices) await requireFolder(policies, matrix);
}

/** A leak gives 1 even beside errors; an error weighs more than any other failure. */
function overall(outcomes: readonly RunOutcome[]): ExitCode {
  const leaked = outcomes.some(({ run: { counts } }) => counts.byVerdict.leak > counts.waivedByVerdict.leak);
  const codes = outcomes.map(({ run: record }) => record.exitCode);
  return leaked ? 1 : (Math.max(...codes) as ExitCode);
}

/** The target stays, so that what failed can be seen by hand, until the run is interrupted. */
async function keep(
  { database, rest }: Awaited<ReturnType<typeof openEmbeddedTarget>>["target"],
  { err, interrupted }: Environment,
): Promise<void> {
  const { host, port, user, password, database: name } = database;
  err.write(
    `\nThe target stays until Ctrl-C:\n  psql postgresql://${user}:${password}@${host}:${port}/${name}\n  ${rest?.url ?? "(no gateway)"}\n`,
  );
  await new Promise<void>((resolve) => {
    if (interrupted.aborted) resolve();
    interrupted.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function gitCommit(cwd: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("git", ["rev-parse", "HEAD"], { cwd });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

async function packageVersion(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
