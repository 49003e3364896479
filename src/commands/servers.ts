import { RowgateError } from "../model/errors.ts";
import { defaultImages } from "../target/container/images.ts";
import { startEmbedded } from "../target/embedded/server.ts";
import { prepareEmbedded } from "../target/embedded-target.ts";
import type { PreparedSystem, SystemOptions } from "../target/system.ts";
import type { Environment } from "./environment.ts";
import type { RunOptions, StartedTarget } from "./options.ts";

/** A Postgres that rowgate has started, for the databases of the systems. */
export interface Server {
  /** What a gateway logs in as. */
  readonly login: string;
  /** Milliseconds that starting it took. */
  readonly startMs: number;
  prepare(system: SystemOptions): Promise<PreparedSystem>;
  /** Removes what was started; safe to call twice. */
  stop(): Promise<void>;
}

/** @param speaksRest whether some system will want a gateway. @throws RowgateError */
export async function startServer(
  options: RunOptions,
  environment: Environment,
  speaksRest: boolean,
): Promise<Server> {
  return starters[options.target](options, environment, speaksRest);
}

type Starter = (options: RunOptions, environment: Environment, speaksRest: boolean) => Promise<Server>;

const starters: Readonly<Record<StartedTarget, Starter>> = {
  embedded: async (options) => {
    forContainers(options);
    const server = await startEmbedded();
    const { prepare, initdb, start } = server.timings;
    return {
      login: server.authenticator.user,
      startMs: prepare + initdb + start,
      prepare: (system) => prepareEmbedded({ ...system, server }),
      stop: server.stop,
    };
  },
  container: async (options, { variables, err, interrupted }, speaksRest) => {
    // Not in the way of whoever wants none.
    const [{ startContainers }, { prepareContainer }] = await Promise.all([
      import("../target/container/server.ts"),
      import("../target/container-target.ts"),
    ]);
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
      login: server.authenticator.user,
      startMs: server.timings.images + server.timings.start,
      prepare: (system) => prepareContainer({ ...system, server }),
      stop: server.stop,
    };
  },
};

/** What would be ignored is a mistake. */
function forContainers({ postgresImage, postgrestImage, reuse }: RunOptions): void {
  const given = [
    ...(postgresImage === undefined ? [] : ["--postgres-image"]),
    ...(postgrestImage === undefined ? [] : ["--postgrest-image"]),
    ...(reuse ? ["--reuse"] : []),
  ];
  if (given.length === 0) return;
  throw new RowgateError({
    code: "usage/only-containers",
    message: `${given.join(", ")} ${given.length === 1 ? "is" : "are"} for containers, and the target is embedded.`,
    hint: "add --target container",
  });
}
