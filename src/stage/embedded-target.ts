import type { EmbeddedServer } from "./postgres/server.ts";
import { chooseGateway, type GatewayChoice } from "./postgrest/choose.ts";
import type { GatewayConfig } from "./gateway/config.ts";
import { spawnGateway } from "./gateway/spawn.ts";
import { spawnPostgrest } from "./postgrest/postgrest.ts";
import { type Gateway, openTarget } from "./open.ts";
import type { OpenedTarget, PreparedSystem, SystemOptions } from "./system.ts";
import { applySystemSql } from "./system-sql.ts";
import { defaultLimits } from "../model/target.ts";

export interface EmbeddedTargetOptions extends SystemOptions {
  readonly server: EmbeddedServer;
}

export type EmbeddedTarget = OpenedTarget;

/** A database of its own on the embedded server, with a system's SQL applied. @throws RowgateError */
export async function prepareEmbedded(options: EmbeddedTargetOptions): Promise<PreparedSystem> {
  const choice = options.gateway === "none" ? undefined : chooseGateway(options.gateway, options.environment);
  const database = await options.server.createDatabase(options.database);
  const applied = await applySystemSql(database, options);
  return {
    database,
    limits: defaultLimits,
    ...applied,
    open: () =>
      openTarget({
        ...options,
        name: "embedded",
        database,
        authenticator: options.server.authenticator,
        inputs: applied.inputs,
        startGateway: (config) => startGateway(choice, config),
      }),
  };
}

/** The same, with a gateway in front. @throws RowgateError */
export async function openEmbeddedTarget(options: EmbeddedTargetOptions): Promise<EmbeddedTarget> {
  return (await prepareEmbedded(options)).open();
}

async function startGateway(
  choice: GatewayChoice | undefined,
  config: GatewayConfig,
): Promise<Gateway | undefined> {
  if (choice === undefined) return undefined;
  return choice.kind === "postgrest" ? spawnPostgrest(choice.binary, config) : spawnGateway(config);
}
