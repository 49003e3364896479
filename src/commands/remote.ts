import path from "node:path";
import { type LoadedTarget, loadTarget } from "../config/load.ts";
import { RowgateError } from "../model/errors.ts";
import type { Matrix } from "../model/matrix.ts";
import { addressOf, readsOnly } from "../model/posture.ts";
import { localStack, type Target } from "../model/target.ts";
import type { Environment } from "./environment.ts";
import { clearUpAfterRuns } from "../run/scratch-rows.ts";
import { mustServeSessions } from "../run/remote-session.ts";
import { gatewayOf } from "../run/request.ts";
import { clearedText, untouchedText } from "./clean-up.ts";
import { refuseGiven } from "./given.ts";
import type { RunOptions } from "./options.ts";
import type { Server } from "./server.ts";

/** No SQL was applied. */
const origins = async (): Promise<[]> => [];

/** A target of `rowgate.yaml`: a database that runs elsewhere, to which no SQL is applied. @throws RowgateError, IssuesError */
export async function reachRemote(options: RunOptions, environment: Environment): Promise<Server> {
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
    ["policies", "overlay", "gateway", "gatewayTxEnd", "postgresImage", "postgrestImage", "reuse", "keep"],
    (flags, one) => ({
      code: "usage/not-remote",
      message: `${flags} ${one ? "is" : "are"} for targets that rowgate starts: ${options.target} is probed as it stands, and no SQL is applied to it.`,
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
