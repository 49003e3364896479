import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { changedRoles, readRoles } from "./embedded/roles.ts";
import { applySqlFile, applySqlFolder } from "./embedded/policies.ts";
import type { EmbeddedServer } from "./embedded/server.ts";
import { chooseGateway, type GatewayChoice, type GatewayWish } from "./gateway/choose.ts";
import type { GatewayConfig, TxEnd } from "./gateway/config.ts";
import { spawnGateway } from "./gateway/spawn.ts";
import { spawnPostgrest } from "./gateway/postgrest.ts";
import type { RunningGateway } from "./gateway/server.ts";
import type { InputFingerprint } from "../model/run.ts";
import { RowgateError } from "../model/errors.ts";
import { type DatabaseAddress, defaultLimits, type Limits, type Target } from "../model/target.ts";

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

/** A system's database on the embedded server; no gateway stands in front of it yet. */
export interface EmbeddedSystem {
  readonly database: DatabaseAddress;
  readonly limits: Limits;
  /** The SQL that was applied. */
  readonly inputs: readonly InputFingerprint[];
  /** Roles that stood before its SQL and are not what they were: roles belong to the server, and so to its neighbours. */
  readonly changedRoles: readonly string[];
  /** Starts the gateway. @throws RowgateError */
  open(): Promise<EmbeddedTarget>;
}

export interface EmbeddedTarget extends AsyncDisposable {
  readonly target: Target;
  /** The SQL that was applied. */
  readonly inputs: readonly InputFingerprint[];
}

const anonRole = "anon";

/** A database of its own on the embedded server, with a system's SQL applied. @throws RowgateError */
export async function prepareEmbedded(options: EmbeddedTargetOptions): Promise<EmbeddedSystem> {
  const choice = options.gateway === "none" ? undefined : chooseGateway(options.gateway, options.environment);
  const database = await options.server.createDatabase(options.database);
  const applied = await applySql(options, database);
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
  { inputs }: Pick<EmbeddedSystem, "inputs">,
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

async function applySql(
  { policies, overlays }: EmbeddedTargetOptions,
  database: DatabaseAddress,
): Promise<Pick<EmbeddedSystem, "inputs" | "changedRoles">> {
  const client = new Client({ ...database, ssl: false });
  // The error of the statement tells of a server that went away; without a listener it would end this process.
  client.on("error", () => {});
  try {
    await client.connect().catch((cause: unknown) => {
      throw new RowgateError({
        code: "embedded/prepare",
        message: `the embedded Postgres does not answer: ${cause instanceof Error ? cause.message : String(cause)}`,
        cause,
      });
    });
    const before = await readRoles(client);
    const inputs = await applySqlFolder(client, policies);
    for (const overlay of overlays) inputs.push(await applySqlFile(client, overlay));
    return { inputs, changedRoles: changedRoles(before, await readRoles(client)) };
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function startGateway(
  choice: GatewayChoice | undefined,
  config: GatewayConfig,
): Promise<RunningGateway | undefined> {
  if (choice === undefined) return undefined;
  return choice.kind === "postgrest" ? spawnPostgrest(choice.binary, config) : spawnGateway(config);
}
