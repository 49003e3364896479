import { defaultLimits, type Target } from "../model/target.ts";
import type { ContainerServer } from "./containers/server.ts";
import type { GatewayConfig } from "./gateway/config.ts";
import { spawnGateway } from "./gateway/spawn.ts";
import { type Gateway, openTarget } from "./open.ts";
import type { OpenedTarget, PreparedSystem, SystemOptions } from "./system.ts";
import { applySystemSql } from "./system-sql.ts";

export interface ContainerTargetOptions extends SystemOptions {
  readonly server: ContainerServer;
}

/** A database of its own in the container's Postgres, with a system's SQL applied. @throws RowgateError */
export async function prepareContainer(options: ContainerTargetOptions): Promise<PreparedSystem> {
  const { superuser, applicant } = await options.server.createDatabase(options.database);
  const applied = await applySystemSql(applicant, options);
  return {
    database: superuser,
    limits: defaultLimits,
    ...applied,
    open: () =>
      openTarget({
        ...options,
        name: "container",
        database: superuser,
        authenticator: options.server.authenticator,
        inputs: applied.inputs,
        startGateway: (config) => startGateway(options, config),
        containersOf: (gateway) => ({
          images: imagesOf(options.server, gateway),
          reused: options.server.reused,
        }),
      }),
  };
}

/** The same, with a gateway in front. @throws RowgateError */
export async function openContainerTarget(options: ContainerTargetOptions): Promise<OpenedTarget> {
  return (await prepareContainer(options)).open();
}

/** `builtin` is a process of this machine in front of the container; anything else is the image's PostgREST. */
async function startGateway(
  { gateway, server }: ContainerTargetOptions,
  config: GatewayConfig,
): Promise<Gateway | undefined> {
  if (gateway === "none") return undefined;
  return gateway === "builtin" ? spawnGateway(config) : server.startGateway(config);
}

/** Those that had a part in this system: one without a gateway had none in PostgREST's. */
function imagesOf(
  { images }: ContainerServer,
  gateway: Gateway | undefined,
): NonNullable<Target["containers"]>["images"] {
  return images.filter(({ use }) => use === "postgres" || gateway?.info.image !== undefined);
}
