import type { Matrix } from "../model/matrix.ts";
import type { GatewayFacts } from "../run.ts";
import type { PreparedSystem, SystemOptions } from "../stage/system.ts";
import { type StartedTarget, localStack, type Target } from "../model/target.ts";
import { defaultImages, startContainers } from "../stage/containers/server.ts";
import { type EmbeddedOptions, type EmbeddedServer, startEmbedded } from "../stage/postgres/server.ts";
import type { BaselineName } from "../model/baseline.ts";
import { anonRole, copyEmbedded, prepareContainer, prepareEmbedded } from "../stage/targets.ts";
import type { Environment } from "./environment.ts";
import { refuseGiven } from "./errors.ts";
import { isStarted, type RunOptions } from "./options.ts";
import path from "node:path";
import { type LoadedTarget, loadTarget } from "../config/load.ts";
import { RowgateError } from "../model/errors.ts";
import { addressOf, readsOnly } from "../model/posture.ts";
import { clearUpAfterRuns } from "../run/scratch-rows.ts";
import { mustServeSessions } from "../run/remote-session.ts";
import { gatewayOf } from "../run/request.ts";
import { clearedText, untouchedText } from "./clean-up.ts";

/** A Postgres for the systems: one that rowgate has started, with a database for each, or one that runs elsewhere. */
export interface Server {
  /** Systems at work at the same time, in preflight as in probing. */
  readonly atOnce: number;
  /** The gateway in front of a system. */
  gatewayOf(matrix: Matrix): GatewayFacts | undefined;
  /** Milliseconds that starting it took. */
  readonly startMs: number;
  /** Removes what earlier runs have left there that were killed. */
  clearUp(logs: string): Promise<void>;
  prepare(system: SystemOptions, matrix: Matrix): Promise<PreparedSystem>;
  /** The same system once more, with other overlays and users, in less time; `undefined` where it cannot be copied. */
  copy?(of: PreparedSystem, system: SystemOptions): Promise<PreparedSystem | undefined>;
  /** Removes what was started; safe to call twice. */
  stop(): Promise<void>;
}

/** What the systems of a run need of their server. */
export interface ServerNeeds {
  /** Some will want a gateway. */
  readonly speaksRest: boolean;
  readonly baselines: ReadonlySet<BaselineName>;
}

/** @throws RowgateError */
export async function startServer(
  options: RunOptions,
  environment: Environment,
  needs: ServerNeeds,
): Promise<Server> {
  const { target } = options;
  if (!isStarted(target)) return reachRemote(options, environment);
  notForStarted(options);
  return startOwnServer(target, options, environment, needs);
}

/** What a server that rowgate starts depends on, besides its target. */
export type ServerOptions = Pick<
  RunOptions,
  | "gateway"
  | "baseline"
  | "defaultPrivileges"
  | "standIns"
  | "postgresBin"
  | "postgresImage"
  | "postgrestImage"
  | "reuse"
  | "quiet"
  | "json"
>;

/** @throws RowgateError */
export function startOwnServer(
  target: StartedTarget,
  options: ServerOptions,
  environment: Environment,
  needs: ServerNeeds,
): Promise<Server> {
  return starters[target](options, environment, needs);
}

/** Each keeps two connections and a gateway busy. */
const systemsAtOnce = 2;

function facts(login: string): Pick<Server, "atOnce" | "gatewayOf" | "clearUp"> {
  return {
    atOnce: systemsAtOnce,
    // No other client has used it.
    clearUp: async () => {},
    gatewayOf: ({ channels, exposes }) =>
      channels.includes("rest") ? { login, anonRole, schemas: exposes, preRequest: undefined } : undefined,
  };
}

type Starter = (options: ServerOptions, environment: Environment, needs: ServerNeeds) => Promise<Server>;

const starters: Readonly<Record<StartedTarget, Starter>> = {
  embedded: async (options, { variables }, { baselines }) => {
    forContainers(options);
    const postgresBin = options.postgresBin ?? (variables["ROWGATE_POSTGRES_BIN"] || undefined);
    const how = { postgresBin, ...(options.standIns === false && { standIns: false }) };
    const started = await startAll(baselines.size === 0 ? ["plain"] : [...baselines], how);
    const servers = new Map(started.map((server) => [server.baseline, server]));
    const [first] = started;
    return {
      ...facts("authenticator"),
      startMs: Math.max(
        ...started.map(({ timings: { prepare, initdb, start } }) => prepare + initdb + start),
      ),
      prepare: (system) =>
        prepareEmbedded({ ...system, server: servers.get(system.baseline?.name ?? "plain") ?? first }),
      copy: (of, system) =>
        copyEmbedded({ ...system, server: servers.get(system.baseline?.name ?? "plain") ?? first }, of),
      stop: async () => {
        await Promise.all(started.map((server) => server.stop()));
      },
    };
  },
  container: async (options, { variables, err, interrupted }, { speaksRest }) => {
    forEmbedded(options);
    const named = (name: string, given: string | undefined): string | undefined =>
      given ?? (variables[name] || undefined);
    const postgrest = named("ROWGATE_POSTGREST_IMAGE", options.postgrestImage) ?? defaultImages.postgrest;
    const server = await startContainers({
      postgresImage: named("ROWGATE_POSTGRES_IMAGE", options.postgresImage) ?? defaultImages.postgres,
      postgrestImage: speaksRest && options.gateway !== "builtin" ? postgrest : undefined,
      reuse: options.reuse,
      say: (text) => void (options.quiet || options.json || err.write(`${text}\n`)),
      interrupted,
    });
    return {
      ...facts(server.authenticator.user),
      startMs: server.timings.images + server.timings.start,
      prepare: (system) => prepareContainer({ ...system, server }),
      stop: server.stop,
    };
  },
};

/** Roles belong to the server: those of a platform need a separate server. @throws RowgateError */
async function startAll(
  baselines: readonly BaselineName[],
  how: Pick<EmbeddedOptions, "postgresBin" | "standIns">,
): Promise<[EmbeddedServer, ...EmbeddedServer[]]> {
  const settled = await Promise.allSettled(baselines.map((baseline) => startEmbedded({ ...how, baseline })));
  const started = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const failed = settled.find((one) => one.status === "rejected");
  const [first, ...others] = started;
  if (failed === undefined && first !== undefined) return [first, ...others];
  await Promise.all(started.map((server) => server.stop()));
  throw failed?.reason;
}

function notForStarted(options: RunOptions): void {
  refuseGiven(options, ["config", "overrideProductionGuard"], (flags, one) => ({
    code: "usage/only-remote",
    message: `${flags} ${one ? "goes" : "go"} with a target of rowgate.yaml, and ${options.target} is one that rowgate starts.`,
    hint: "add --target <name>",
  }));
}

function forContainers(options: ServerOptions): void {
  refuseGiven(options, ["postgresImage", "postgrestImage", "reuse"], (flags, one) => ({
    code: "usage/only-containers",
    message: `${flags} ${one ? "is" : "are"} for containers, and the target is embedded.`,
    hint: "add --target container",
  }));
}

const onlyEmbedded = ["baseline", "defaultPrivileges", "postgresBin"] as const;

function forEmbedded(options: ServerOptions): void {
  refuseGiven(options, onlyEmbedded, (flags, one) => ({
    code: "usage/only-embedded",
    message: `${flags} ${one ? "is" : "are"} for the embedded target: an image brings its own roles and schemas.`,
    hint: "leave it out, or run with --target embedded",
  }));
}

/** No SQL was applied. */
const origins = async (): Promise<[]> => [];

/** A target of `rowgate.yaml`: a database that runs elsewhere, to which no SQL is applied. @throws RowgateError, IssuesError */
async function reachRemote(options: RunOptions, environment: Environment): Promise<Server> {
  const { cwd, variables, err } = environment;
  onlyProbed(options);
  const loaded = await loadTarget({
    name: options.target,
    file: options.config,
    cwd,
    variables,
    overrideGuard: options.overrideProductionGuard,
  });
  await mustServeSessions(loaded.target);
  const { input } = loaded;
  const inputs = input === undefined ? [] : [{ ...input, path: path.resolve(cwd, input.path) }];
  return {
    // Others work there: one run after another is load enough.
    atOnce: 1,
    startMs: 0,
    clearUp: async (logs) => {
      if (readsOnly(loaded.target)) return;
      const { cleared, untouched } = await clearUpAfterRuns(logs, loaded.target);
      if (options.quiet || options.json) return;
      for (const one of cleared) err.write(`${clearedText(one)}\n`);
      for (const one of untouched) if (!one.elsewhere) err.write(`${untouchedText(one)}\n`);
    },
    gatewayOf: (matrix) => gatewayOf(targetFor(matrix, loaded)),
    prepare: async (_, matrix) => {
      const target = targetFor(matrix, loaded);
      if (matrix.channels.includes("rest") && options.channel.includes("rest") && target.rest === undefined)
        throw noRest(matrix, target);
      const opened = { target, inputs, origins, [Symbol.asyncDispose]: async () => {} };
      return {
        database: addressOf(target),
        limits: target.limits,
        inputs,
        origins,
        changedRoles: [],
        open: async () => opened,
      };
    },
    stop: async () => {},
  };
}

/** As the matrix speaks to it: without PostgREST where the system has none. */
function targetFor({ channels, exposes }: Matrix, { target, schemas }: LoadedTarget): Target {
  return {
    ...target,
    rest: channels.includes("rest") ? target.rest : undefined,
    schemas: schemas ?? exposes,
  };
}

/** Nothing is started or changed there. */
function onlyProbed(options: RunOptions): void {
  refuseGiven(
    options,
    [
      ...(["policies", "overlay", "gateway", "gatewayTxEnd", "layout"] as const),
      ...onlyEmbedded,
      ...(["postgresImage", "postgrestImage", "reuse", "keep"] as const),
    ],
    (flags, one) => ({
      code: "usage/not-remote",
      message: `${flags} ${one ? "is" : "are"} for targets that rowgate starts: ${options.target} is probed as it is, and no SQL is applied to it.`,
      hint: "leave it out, or try it with --target embedded",
    }),
  );
}

function noRest({ file }: Matrix, { name }: Target): RowgateError {
  return new RowgateError({
    code: "config/no-rest",
    message: `${file} speaks to PostgREST, and the target ${name} names none.`,
    hint:
      name === localStack
        ? "its PostgREST is stopped, or the API is disabled in supabase/config.toml; or probe only with --channel direct"
        : "say `rest: { url: … }` in rowgate.yaml, or set SUPABASE_URL; or probe only with --channel direct",
  });
}
