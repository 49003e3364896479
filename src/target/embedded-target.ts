import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { applySqlFile, applySqlFolder } from "./embedded/policies.ts";
import type { EmbeddedServer } from "./embedded/server.ts";
import { chooseGateway, type GatewayWish } from "./gateway/choose.ts";
import type { GatewayConfig, TxEnd } from "./gateway/config.ts";
import { spawnGateway } from "./gateway/spawn.ts";
import { spawnPostgrest } from "./gateway/postgrest.ts";
import type { RunningGateway } from "./gateway/server.ts";
import type { InputFingerprint } from "../model/run.ts";
import { defaultLimits, type Target } from "../model/target.ts";

export interface EmbeddedTargetOptions {
  readonly server: EmbeddedServer;
  /** The database's name on the embedded server. */
  readonly database: string;
  /** Folder of numbered SQL. */
  readonly policies: string;
  /** SQL files applied after it, in order. */
  readonly overlays: readonly string[];
  /** Schemas that the gateway exposes. */
  readonly schemas: readonly string[];
  /** `none`: a plain Postgres, and no gateway is started. */
  readonly gateway: GatewayWish | "none";
  readonly txEnd: TxEnd;
  /** HS256; made anew unless given. */
  readonly jwtSecret: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface EmbeddedTarget extends AsyncDisposable {
  readonly target: Target;
  /** The SQL that was applied. */
  readonly inputs: readonly InputFingerprint[];
}

const anonRole = "anon";

/** A database of its own on the embedded server, with a system's SQL applied and a gateway in front. @throws RowgateError */
export async function openEmbeddedTarget(options: EmbeddedTargetOptions): Promise<EmbeddedTarget> {
  const { server, schemas } = options;
  const database = await server.createDatabase(options.database);
  const inputs = await applySql(options, database);
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

async function applySql(
  { policies, overlays }: EmbeddedTargetOptions,
  database: Target["database"],
): Promise<InputFingerprint[]> {
  const client = new Client({ ...database, ssl: false });
  await client.connect();
  try {
    const applied = await applySqlFolder(client, policies);
    for (const overlay of overlays) applied.push(await applySqlFile(client, overlay));
    return applied;
  } finally {
    await client.end();
  }
}

async function startGateway(
  { gateway, environment }: EmbeddedTargetOptions,
  config: GatewayConfig,
): Promise<RunningGateway | undefined> {
  if (gateway === "none") return undefined;
  const choice = chooseGateway(gateway, environment);
  return choice.kind === "postgrest" ? spawnPostgrest(choice.binary, config) : spawnGateway(config);
}
