import path from "node:path";
import { recover } from "../archive/chain.ts";
import { sweepPartials } from "../archive/partial.ts";
import { now } from "../lib/clock.ts";
import { localStack } from "../model/target.ts";
import { RowgateError } from "../model/errors.ts";
import { dayOf, elapsed, type Moment } from "../lib/moment.ts";
import type { RunFilters } from "../model/run.ts";
import { channelsOf } from "../plan/channels.ts";
import { refuseUnmatchedFilters } from "../plan/unmatched-filters.ts";
import { signingKey } from "./keys.ts";
import type { Signer } from "../archive/sign.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { jsonOutput, textOutput } from "./output.ts";
import { type LoadedMatrix, loadMatrices } from "./load-matrix.ts";
import { checkFailOn, isStarted, type RunOptions } from "./options.ts";
import { missingYaml } from "../report/missing-yaml.ts";
import { showProgress } from "./progress.ts";
import { annotateRun, type FileReport, fileReports, openArchived, writeReports } from "./report.ts";
import { baselinesOf, type Kept, proveAll, readProvenance, prepareAll, type ReadySystem } from "./systems.ts";
import { startServer } from "./servers.ts";

/** `rowgate run [matrix…]`: load → open → preflight all → prove side by side → show → sum up. */
export async function runCommand(
  files: readonly string[],
  options: RunOptions,
  environment: Environment,
): Promise<ExitCode> {
  const startedAt = now();
  const { cwd } = environment;
  const matrices = await loadMatrices(files, cwd, dayOf(startedAt), needsFolder(options));
  if (matrices.length > 1) forOneMatrix(options);
  const reports = fileReports(options.report, matrices.length);
  const logs = path.resolve(cwd, options.logs);
  const signer = await signingKey(environment);
  return await withSystems(matrices, options, environment, (systems, { filters, atOnce }) =>
    proveAndShow(systems, { signer, startedAt, filters, atOnce, logs, reports, options, environment }),
  );
}

/** Whether the matrix's SQL is applied: to what rowgate starts. */
export function needsFolder({ target, policies }: RunOptions): boolean {
  return isStarted(target) && policies === undefined;
}

/** Opens the systems of these matrices on one server, holds each against its database, and stops the server afterwards. */
export async function withSystems<T>(
  matrices: readonly LoadedMatrix[],
  options: RunOptions,
  environment: Environment,
  use: (systems: readonly ReadySystem[], how: { filters: RunFilters; atOnce: number }) => Promise<T>,
): Promise<T> {
  const { cwd, interrupted } = environment;
  someSpeaks(matrices, options);
  checkFailOn(options.failOn);
  const logs = path.resolve(cwd, options.logs);
  const speaksRest = matrices.some(({ matrix }) => matrix.channels.includes("rest"));
  const needs = {
    speaksRest: speaksRest && options.channel.includes("rest"),
    baselines: await baselinesOf(matrices, options, cwd),
  };
  const [server] = await Promise.all([
    startServer(options, environment, needs),
    recover(logs).then(() => sweepPartials(logs)),
  ]);
  // Questions to the server fail at once, so that Ctrl-C does not wait for the end of a batch.
  interrupted.addEventListener("abort", () => void server.stop().catch(() => {}), { once: true });
  try {
    await server.clearUp(logs);
    const filters = { only: options.only, personas: options.persona, channels: options.channel };
    const systems = await prepareAll(matrices, filters, { server, options, environment });
    refuseUnmatchedFilters(filters, systems);
    return await use(systems, { filters, atOnce: server.atOnce });
  } finally {
    await server.stop();
  }
}

interface Task {
  readonly signer: Signer | undefined;
  readonly startedAt: Moment;
  readonly filters: RunFilters;
  readonly atOnce: number;
  readonly logs: string;
  readonly reports: readonly FileReport[];
  readonly options: RunOptions;
  readonly environment: Environment;
}

async function proveAndShow(systems: readonly ReadySystem[], task: Task): Promise<ExitCode> {
  const { options, environment } = task;
  const cells = systems.reduce((sum, { preflighted }) => sum + preflighted.cells, 0);
  const progress = showProgress(environment.err, options.quiet || options.json, cells);
  const output = options.json
    ? jsonOutput(systems.length, options.verbose, environment)
    : textOutput(systems.length, { ...options, running: options.keep }, environment, progress);
  const kept: Kept[] | undefined = options.keep ? [] : undefined;
  try {
    const command = (file: string): readonly string[] => commandOf(file, options);
    const job = {
      ...task,
      proof: options.proof,
      arguments: options.arguments,
      failOn: options.failOn,
      escalation: options.escalation,
      kept,
      command,
      events: progress,
      provenance: await readProvenance(
        environment.cwd,
        options.target === localStack ? undefined : options.config,
      ),
      signer: task.signer,
    };
    await proveAll(systems, job, async (outcome) => {
      await output.show(outcome);
      if (outcome.kind !== "proved") return;
      const archived = await openArchived(outcome.archive, environment.cwd);
      if (options.requireComplete === true && !options.json)
        environment.out.write(missingYaml(archived.run.findings));
      await annotateRun(outcome.archive, environment);
      await writeReports(task.reports, archived, environment);
    });
    const code = output.finish(elapsed(task.startedAt, now()));
    if (kept !== undefined) await keepUntilInterrupted(kept, environment);
    return code;
  } finally {
    progress.end();
    await Promise.all((kept ?? []).map((one) => one[Symbol.asyncDispose]()));
  }
}

export function forOneMatrix({ policies, overlay }: RunOptions): void {
  if (policies === undefined && overlay.length === 0) return;
  throw new RowgateError({
    code: "usage/one-matrix",
    message: "--policies and --overlay go with one matrix, and several were found.",
    hint: "name the matrix: rowgate run matrices/<name>.yaml --overlay …",
  });
}

/** A channel that no matrix speaks is a mistake; one that some do not speak leaves those out. */
function someSpeaks(matrices: readonly LoadedMatrix[], { channel }: RunOptions): void {
  const spoken = matrices.some(({ matrix }) => channel.some((one) => matrix.channels.includes(one)));
  if (!spoken) for (const { matrix } of matrices) channelsOf(matrix, channel);
}

/** Words that prove the same matrix in the same state again; what was filtered and how it was shown is left out. */
export function commandOf(file: string, options: RunOptions): readonly string[] {
  return [
    "run",
    file,
    ...(options.target === "embedded" ? [] : ["--target", options.target]),
    ...optional("--config", options.config),
    ...optional("--policies", options.policies),
    ...options.overlay.flatMap((overlay) => ["--overlay", overlay]),
    ...optional("--baseline", options.baseline),
    ...optional("--default-privileges", options.defaultPrivileges),
    ...optional("--gateway", options.gateway),
    ...optional("--gateway-tx-end", options.gatewayTxEnd),
    ...optional("--postgres-image", options.postgresImage),
    ...optional("--postgrest-image", options.postgrestImage),
    ...options.failOn.flatMap((what) => ["--fail-on", what]),
    ...(options.proof === "all-rows" ? [] : ["--proof", options.proof]),
    ...optional("--arguments", options.arguments),
  ];
}

function optional(flag: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [flag, value];
}

/** Keeps the targets, so that failures can be reproduced, until the run is interrupted. */
async function keepUntilInterrupted(kept: readonly Kept[], { err, interrupted }: Environment): Promise<void> {
  const lines = kept.map(({ target: { database, rest } }) => {
    const { host, port, user, password, database: name } = database;
    return `  psql postgresql://${user}:${password}@${host}:${port}/${name}\n  ${rest?.url ?? "(no gateway)"}\n`;
  });
  err.write(`\nThe target${kept.length === 1 ? " stays" : "s stay"} until Ctrl-C:\n${lines.join("")}`);
  // Nothing that was started keeps this process from ending; this does.
  const awake = setInterval(() => {}, 60_000);
  await new Promise<void>((resolve) => {
    if (interrupted.aborted) resolve();
    interrupted.addEventListener("abort", () => resolve(), { once: true });
  });
  clearInterval(awake);
}
