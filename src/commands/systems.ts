import path from "node:path";
import { RowgateError } from "../model/errors.ts";
import type { Matrix } from "../model/matrix.ts";
import type { SqlOrigin } from "../model/origin.ts";
import type { InputFingerprint, RunFilters } from "../model/run.ts";
import type { DatabaseAddress, Limits, Target } from "../model/target.ts";
import {
  type GatewayFacts,
  type PreflightedRun,
  preflightRun,
  run,
  type RunEvents,
  type RunOutcome,
} from "../run.ts";
import type { ArgumentsWish, EscalationWish, ProofWish } from "../run/request.ts";
import type { Baseline, BaselineName, Captured, ConfiguredApi } from "../model/baseline.ts";
import { personasWithUser } from "../stage/persona-users.ts";
import { chooseBaseline, projectConfigOf } from "../stage/baseline.ts";
import type { CopiedDatabase } from "../stage/postgres/copy.ts";
import type { SystemOptions } from "../stage/system.ts";
import type { Environment } from "./environment.ts";
import { allOrErrors } from "./errors.ts";
import { readCaptured } from "../config/captured.ts";
import { findAnyConfig } from "../config/file.ts";
import { limiter } from "../lib/limiter.ts";
import { once } from "../lib/once.ts";
import type { LoadedMatrix } from "./load-matrix.ts";
import type { RunOptions } from "./options.ts";
import type { Server } from "./servers.ts";
import type { Signer } from "../archive/sign.ts";
import { newRunId } from "../archive/id.ts";
import { now } from "../lib/clock.ts";
import { dateSince, type Moment } from "../lib/moment.ts";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** A matrix and its database; what speaks REST in front of it starts when its turn comes. */
export interface System {
  readonly matrix: Matrix;
  readonly database: DatabaseAddress;
  readonly limits: Limits;
  /** The gateway in front of it. */
  readonly gateway: GatewayFacts | undefined;
  /** What the run was given, besides the matrix. */
  readonly inputs: readonly InputFingerprint[];
  /** What config.toml says of the API. */
  readonly api: ConfiguredApi | undefined;
  /** Where that SQL defined each object. */
  readonly origins: () => Promise<readonly SqlOrigin[]>;
  /** Milliseconds that it took to come so far. */
  readonly startMs: number;
  open(): Promise<{ readonly target: Target } & AsyncDisposable>;
  /** A copy of its database, before it is opened. */
  copy?(): Promise<CopiedDatabase | undefined>;
}

/** A system whose matrix fits its database. */
export interface ReadySystem extends System {
  readonly preflighted: PreflightedRun;
}

export interface Place {
  readonly server: Server;
  readonly options: RunOptions;
  readonly environment: Environment;
}

/**
 * Load → open → preflight, of all systems before any is probed, so that nothing that is wrong with one hides what is
 * wrong with another. @throws whatever is wrong, all of it
 */
export async function prepareAll(
  matrices: readonly LoadedMatrix[],
  filters: RunFilters,
  place: Place,
): Promise<readonly ReadySystem[]> {
  const { interrupted } = place.environment;
  // One after another: roles belong to the server, and Postgres refuses to change one for two at a time.
  const opening = limiter(1);
  const checking = limiter(place.server.atOnce);
  const settled = await Promise.allSettled(
    matrices.map(async (loaded, index) => {
      const system = await opening(() => {
        interrupted.throwIfAborted();
        return openSystem(loaded, index, matrices.length > 1, place);
      });
      const preflighted = await checking(() => preflightRun({ ...system, filters }));
      return { ...system, preflighted };
    }),
  );
  interrupted.throwIfAborted();
  return allOrErrors(settled, "These matrices do not fit their databases.");
}

type Choice = Pick<RunOptions, "target" | "policies" | "baseline" | "defaultPrivileges"> &
  Partial<Pick<RunOptions, "config">>;

/** What the embedded database of a matrix holds before its SQL; elsewhere the server decides. */
export async function baselineOf(
  { policies }: Pick<LoadedMatrix, "policies">,
  options: Choice,
  cwd: string,
): Promise<Baseline | undefined> {
  if (options.target !== "embedded") return undefined;
  const found = await findAnyConfig(options.config, cwd);
  const [given, written] = [options.defaultPrivileges, found?.config.default_privileges];
  return chooseBaseline(
    {
      baseline: options.baseline ?? found?.config.baseline,
      defaultPrivileges:
        given === undefined
          ? written && { state: written, from: "rowgate.yaml" }
          : { state: given, from: "--default-privileges" },
      captured: await readCaptured(found?.folder ?? cwd),
    },
    options.policies === undefined ? policies : path.resolve(cwd, options.policies),
    cwd,
  );
}

export async function baselinesOf(
  matrices: readonly LoadedMatrix[],
  options: Choice,
  cwd: string,
): Promise<ReadonlySet<BaselineName>> {
  const chosen = await Promise.all(matrices.map((one) => baselineOf(one, options, cwd)));
  return new Set(chosen.flatMap((one) => one?.name ?? []));
}

export async function openSystem(
  loaded: LoadedMatrix,
  index: number,
  beside: boolean,
  { server, options, environment }: Place,
): Promise<System> {
  const { matrix, policies, seed } = loaded;
  const { cwd, variables } = environment;
  const began = performance.now();
  const request: SystemOptions = {
    database: `${matrix.name}_${index + 1}`,
    policies: options.policies === undefined ? policies : path.resolve(cwd, options.policies),
    layout: options.layout,
    overlays: [
      ...(seed === undefined ? [] : [seed]),
      ...options.overlay.map((file) => path.resolve(cwd, file)),
    ],
    baseline: await baselineOf(loaded, options, cwd),
    users: personasWithUser(matrix),
    schemas: matrix.exposes,
    gateway: matrix.channels.includes("rest") ? (options.gateway ?? "auto") : "none",
    txEnd: options.gatewayTxEnd ?? "rollback-allow-override",
    jwtSecret: variables["ROWGATE_JWT_SECRET"],
    environment: variables,
  };
  const captured = request.baseline?.name === "supabase" ? request.baseline.captured : undefined;
  const prepared = await server.prepare(request, matrix);
  if (beside && prepared.changedRoles.length > 0) throw sharedRoles(matrix, prepared.changedRoles);
  return {
    ...prepared,
    matrix,
    gateway: server.gatewayOf(matrix),
    api: await apiOf(request, cwd),
    // Relative, as the user names them: the archive does not say where the checkout was.
    inputs: [...prepared.inputs, ...(captured === undefined ? [] : [inputOf(captured)])].map((one) => ({
      ...one,
      path: path.relative(cwd, one.path),
    })),
    origins: once(async () =>
      (await prepared.origins()).map((one) => ({ ...one, file: path.relative(cwd, one.file) })),
    ),
    startMs: server.startMs + performance.now() - began,
    open: async () => {
      const opened = await prepared.open();
      return { ...opened, target: withRelativePaths(opened.target, cwd) };
    },
  };
}

/** Of a database that is no Supabase's, a config.toml in the current folder says nothing. */
async function apiOf(
  { policies, baseline }: Pick<SystemOptions, "policies" | "baseline">,
  cwd: string,
): Promise<ConfiguredApi | undefined> {
  if (baseline?.name === "plain") return undefined;
  const api = (await projectConfigOf(policies, cwd))?.api;
  return api && { ...api, at: { ...api.at, file: path.relative(cwd, api.at.file) } };
}

function inputOf({ file, sha256 }: Captured): InputFingerprint {
  return { path: file, sha256 };
}

/** The archive does not say where the checkout was. */
function withRelativePaths(target: Target, cwd: string): Target {
  const { baseline } = target;
  if (baseline === undefined) return target;
  const skipped = baseline.skipped.map((one) => ({
    ...one,
    file: path.relative(cwd, path.resolve(cwd, one.file)),
  }));
  return { ...target, baseline: { ...baseline, skipped } };
}

function sharedRoles({ name, file }: Matrix, roles: readonly string[]): RowgateError {
  return new RowgateError({
    code: "policies/shared-roles",
    message: `The SQL of ${name} changes ${roles.join(", ")}, and the other systems of this run are on the same server: what they prove would not be what they declare.`,
    hint: `run it by itself: rowgate run ${file}; or let its SQL create separate roles`,
  });
}

/** What came of a system. */
export type Outcome =
  | ({ readonly kind: "proved"; readonly matrix: Matrix } & RunOutcome)
  | { readonly kind: "failed"; readonly matrix: Matrix; readonly error: unknown }
  /** The filters left none of its cells. */
  | { readonly kind: "not-asked"; readonly matrix: Matrix };

interface Job {
  readonly startedAt: Moment;
  readonly filters: RunFilters;
  /** Systems at a time. */
  readonly atOnce: number;
  readonly logs: string;
  readonly proof: ProofWish;
  readonly arguments?: ArgumentsWish | undefined;
  readonly failOn: readonly string[];
  readonly escalation: EscalationWish | undefined;
  readonly provenance: Provenance;
  readonly signer?: Signer | undefined;
  readonly environment: Environment;
  readonly events: RunEvents;
  /** Words that prove a matrix again. */
  readonly command: (file: string) => readonly string[];
  /** Targets that outlive their runs; `undefined`: none does. */
  readonly kept: Kept[] | undefined;
}

export type Kept = { readonly target: Target } & AsyncDisposable;

/** Some at a time; each outcome is handed on in the order of the systems, as soon as those before it have been. */
export async function proveAll(
  systems: readonly ReadySystem[],
  job: Job,
  deliver: (outcome: Outcome) => Promise<void>,
): Promise<void> {
  const { interrupted } = job.environment;
  const inTurn = limiter(job.atOnce);
  const running = systems.map((system) => inTurn(() => prove(system, job)));
  try {
    for (const one of running) {
      const outcome = await one;
      interrupted.throwIfAborted();
      await deliver(outcome);
    }
  } finally {
    await Promise.all(running);
  }
}

/** Never rejects: what fails is one system's outcome, and the others go on. */
async function prove(system: ReadySystem, job: Job): Promise<Outcome> {
  const { matrix } = system;
  if (system.preflighted.cells === 0) return { kind: "not-asked", matrix };
  try {
    job.environment.interrupted.throwIfAborted();
    return { kind: "proved", matrix, ...(await proveOne(system, job)) };
  } catch (error) {
    return { kind: "failed", matrix, error };
  }
}

async function proveOne(system: ReadySystem, job: Job): Promise<RunOutcome> {
  const { environment, startedAt, filters, logs, provenance, events, kept, command, proof, failOn, signer } =
    job;
  const { matrix, inputs, preflighted, origins, api } = system;
  const began = performance.now();
  await using copy = await system.copy?.();
  const opened = await system.open();
  kept?.push(opened);
  try {
    const request = {
      id: newRunId(dateSince(startedAt, now())),
      startedAt,
      matrix,
      target: opened.target,
      inputs,
      origins,
      api,
      filters,
      logs,
      proof,
      arguments: job.arguments,
      failOn,
      escalation: job.escalation,
      copy,
      signer,
      command: command(matrix.file),
      ...provenance,
      startMs: system.startMs + performance.now() - began,
      environment: environment.variables,
      interrupted: environment.interrupted,
    };
    return await run(request, events, preflighted);
  } finally {
    if (kept === undefined) await opened[Symbol.asyncDispose]();
  }
}

/** What rowgate, and which state of the project, a run is evidence of. */
interface Provenance {
  readonly version: string;
  /** `undefined` outside a git checkout. */
  readonly gitCommit: string | undefined;
  readonly chainOrigin: string | undefined;
  readonly captured: Captured | undefined;
}

/** @param config the file that `--config` names, where that is a configuration of rowgate */
export async function readProvenance(cwd: string, config?: string): Promise<Provenance> {
  const [version, commit, found] = await Promise.all([
    packageVersion(),
    gitCommit(cwd),
    findAnyConfig(config, cwd),
  ]);
  const captured = await readCaptured(found?.folder ?? cwd);
  return { version, gitCommit: commit, chainOrigin: found?.config.chain_origin, captured };
}

async function gitCommit(cwd: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("git", ["rev-parse", "HEAD"], { cwd });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

export async function packageVersion(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
