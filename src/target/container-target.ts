import { randomBytes } from "node:crypto";
import { type DatabaseAddress, defaultLimits, type Target } from "../model/target.ts";
import type { ContainerServer } from "./container/server.ts";
import type { GatewayConfig } from "./gateway/config.ts";
import type { RunningGateway } from "./gateway/server.ts";
import { spawnGateway } from "./gateway/spawn.ts";
import type { OpenedTarget, PreparedSystem, SystemOptions } from "./system.ts";
import { type AppliedSql, applySystemSql } from "./system-sql.ts";

export interface ContainerTargetOptions extends SystemOptions {
  readonly server: ContainerServer;
}

const anonRole = "anon";

/** A database of its own in the container's Postgres, with a system's SQL applied. @throws RowgateError */
export async function prepareContainer(options: ContainerTargetOptions): Promise<PreparedSystem> {
  const { superuser, applicant } = await options.server.createDatabase(options.database);
  const applied = await applySystemSql(applicant, options);
  return {
    database: superuser,
    limits: defaultLimits,
    ...applied,
    open: () => open(options, superuser, applied),
  };
}

/** The same, with a gateway in front. @throws RowgateError */
export async function openContainerTarget(options: ContainerTargetOptions): Promise<OpenedTarget> {
  return (await prepareContainer(options)).open();
}

async function open(
  options: ContainerTargetOptions,
  database: DatabaseAddress,
  { inputs }: Pick<AppliedSql, "inputs">,
): Promise<OpenedTarget> {
  const { server, schemas } = options;
  const secret = options.jwtSecret ?? randomBytes(48).toString("base64url");
  const gateway = await startGateway(options, {
    database: { ...database, ...server.authenticator },
    schemas,
    anonRole,
    jwt: { secret },
    txEnd: options.txEnd,
    statementTimeoutMs: defaultLimits.statementTimeoutMs,
  });
  const target: Target = {
    name: "container",
    posture: "container",
    database,
    rest: gateway && {
      url: gateway.url,
      apiKey: undefined,
      gateway: gateway.info,
      anonRole,
      login: server.authenticator.user,
    },
    signingKey: { algorithm: "HS256", secret },
    schemas,
    preRequest: undefined,
    limits: defaultLimits,
    containers: { images: imagesOf(server, gateway), reused: server.reused },
  };
  return { target, inputs, [Symbol.asyncDispose]: async () => gateway?.stop() };
}

type Gateway = Pick<RunningGateway, "url" | "info" | "stop">;

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
