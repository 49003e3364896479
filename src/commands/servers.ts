import type { StartedTarget } from "../model/target.ts";
import { defaultImages, startContainers } from "../stage/containers/server.ts";
import { startEmbedded } from "../stage/postgres/server.ts";
import { anonRole, prepareContainer, prepareEmbedded } from "../stage/targets.ts";
import type { Environment } from "./environment.ts";
import { refuseGiven } from "./given.ts";
import { isStarted, type RunOptions } from "./options.ts";
import { reachRemote } from "./remote.ts";
import type { Server } from "./server.ts";

/** @param speaksRest whether some system will want a gateway. @throws RowgateError */
export async function startServer(
  options: RunOptions,
  environment: Environment,
  speaksRest: boolean,
): Promise<Server> {
  const { target } = options;
  if (!isStarted(target)) return reachRemote(options, environment);
  notForStarted(options);
  return startOwnServer(target, options, environment, speaksRest);
}

/** What a server that rowgate starts depends on, besides its target. */
export type ServerOptions = Pick<
  RunOptions,
  "gateway" | "postgresImage" | "postgrestImage" | "reuse" | "quiet" | "json"
>;

/** @param speaksRest whether some system will want a gateway. @throws RowgateError */
export function startOwnServer(
  target: StartedTarget,
  options: ServerOptions,
  environment: Environment,
  speaksRest: boolean,
): Promise<Server> {
  return starters[target](options, environment, speaksRest);
}

/** Each keeps two connections and a gateway busy. */
const systemsAtOnce = 2;

function facts(login: string): Pick<Server, "atOnce" | "gatewayOf" | "clearUp"> {
  return {
    atOnce: systemsAtOnce,
    // Nobody else has been there.
    clearUp: async () => {},
    gatewayOf: ({ channels, exposes }) =>
      channels.includes("rest") ? { login, anonRole, schemas: exposes, preRequest: undefined } : undefined,
  };
}

type Starter = (options: ServerOptions, environment: Environment, speaksRest: boolean) => Promise<Server>;

const starters: Readonly<Record<StartedTarget, Starter>> = {
  embedded: async (options) => {
    forContainers(options);
    const server = await startEmbedded();
    const { prepare, initdb, start } = server.timings;
    return {
      ...facts(server.authenticator.user),
      startMs: prepare + initdb + start,
      prepare: (system) => prepareEmbedded({ ...system, server }),
      stop: server.stop,
    };
  },
  container: async (options, { variables, err, interrupted }, speaksRest) => {
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
