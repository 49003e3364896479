import { randomBytes } from "node:crypto";
import type { InputFingerprint } from "../model/run.ts";
import { type DatabaseAddress, defaultLimits, type StartedTarget, type Target } from "../model/target.ts";
import type { GatewayConfig } from "./gateway/config.ts";
import type { RunningGateway } from "./gateway/server.ts";
import type { OpenedTarget, SystemOptions } from "./system.ts";

export type Gateway = Pick<RunningGateway, "url" | "info" | "stop">;

export interface Opening extends Pick<SystemOptions, "schemas" | "txEnd" | "jwtSecret"> {
  readonly name: StartedTarget;
  readonly database: DatabaseAddress;
  /** Whom the gateway logs in as. */
  readonly authenticator: Pick<DatabaseAddress, "user" | "password">;
  readonly inputs: readonly InputFingerprint[];
  /** `undefined`: the system has none. @throws RowgateError */
  readonly startGateway: (config: GatewayConfig) => Promise<Gateway | undefined>;
  readonly containersOf?: (gateway: Gateway | undefined) => Target["containers"];
}

export const anonRole = "anon";

/** Puts a gateway in front of a system's database that rowgate has prepared. @throws RowgateError */
export async function openTarget(opening: Opening): Promise<OpenedTarget> {
  const { name, database, authenticator, schemas, txEnd, jwtSecret, inputs } = opening;
  const secret = jwtSecret ?? randomBytes(48).toString("base64url");
  const gateway = await opening.startGateway({
    database: { ...database, ...authenticator },
    schemas,
    anonRole,
    jwt: { secret },
    txEnd,
    statementTimeoutMs: defaultLimits.statementTimeoutMs,
  });
  const target: Target = {
    name,
    posture: name,
    database,
    rest: gateway && {
      url: gateway.url,
      apiKey: undefined,
      gateway: gateway.info,
      anonRole,
      login: authenticator.user,
    },
    signingKey: { algorithm: "HS256", secret },
    schemas,
    preRequest: undefined,
    limits: defaultLimits,
    containers: opening.containersOf?.(gateway),
  };
  return { target, inputs, [Symbol.asyncDispose]: async () => gateway?.stop() };
}
