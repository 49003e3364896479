import { randomBytes } from "node:crypto";
import type { EmbeddedServer } from "./embedded/server.ts";
import { chooseGateway, type GatewayChoice } from "./gateway/choose.ts";
import type { GatewayConfig } from "./gateway/config.ts";
import { spawnGateway } from "./gateway/spawn.ts";
import { spawnPostgrest } from "./gateway/postgrest.ts";
import type { RunningGateway } from "./gateway/server.ts";
import type { OpenedTarget, PreparedSystem, SystemOptions } from "./system.ts";
import { type AppliedSql, applySystemSql } from "./system-sql.ts";
import { type DatabaseAddress, defaultLimits, type Target } from "../model/target.ts";

export interface EmbeddedTargetOptions extends SystemOptions {
  readonly server: EmbeddedServer;
}

export type EmbeddedTarget = OpenedTarget;

const anonRole = "anon";

/** A database of its own on the embedded server, with a system's SQL applied. @throws RowgateError */
export async function prepareEmbedded(options: EmbeddedTargetOptions): Promise<PreparedSystem> {
  const choice = options.gateway === "none" ? undefined : chooseGateway(options.gateway, options.environment);
  const database = await options.server.createDatabase(options.database);
  const applied = await applySystemSql(database, options);
  return {
    database,
    limits: defaultLimits,
    ...applied,
    open: () => open(options, choice, database, applied),
  };
}

/** The same, with a gateway in front. @throws RowgateError */
export async function openEmbeddedTarget(options: EmbeddedTargetOptions): Promise<EmbeddedTarget> {
  return (await prepareEmbedded(options)).open();
}

async function open(
  { server, schemas, jwtSecret, txEnd }: EmbeddedTargetOptions,
  choice: GatewayChoice | undefined,
  database: DatabaseAddress,
  { inputs }: Pick<AppliedSql, "inputs">,
): Promise<EmbeddedTarget> {
  const secret = jwtSecret ?? randomBytes(48).toString("base64url");
  const gateway = await startGateway(choice, {
    database: { ...database, ...server.authenticator },
    schemas,
    anonRole,
    jwt: { secret },
    txEnd,
    statementTimeoutMs: defaultLimits.statementTimeoutMs,
  });
  const target: Target = {
    name: "embedded",
    posture: "embedded",
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
  };
  return { target, inputs, [Symbol.asyncDispose]: async () => gateway?.stop() };
}

async function startGateway(
  choice: GatewayChoice | undefined,
  config: GatewayConfig,
): Promise<RunningGateway | undefined> {
  if (choice === undefined) return undefined;
  return choice.kind === "postgrest" ? spawnPostgrest(choice.binary, config) : spawnGateway(config);
}
