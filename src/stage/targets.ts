import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { quoteIdent } from "../lib/sql-text.ts";
import { type DatabaseAddress, defaultLimits, type StartedTarget, type Target } from "../model/target.ts";
import { readSource } from "./apply-sql/source.ts";
import type { ContainerServer } from "./containers/server.ts";
import type { GatewayConfig } from "./gateway/config.ts";
import type { RunningGateway } from "./gateway/server.ts";
import { spawnGateway, spawnPostgrest } from "./gateway/spawn.ts";
import { copyBeside } from "./postgres/copy.ts";
import type { EmbeddedServer } from "./postgres/server.ts";
import { chooseGateway, type GatewayChoice } from "./postgrest.ts";
import {
  type AppliedSql,
  applySystemSql,
  type OpenedTarget,
  type PreparedSystem,
  type SystemOptions,
} from "./system.ts";

export interface EmbeddedTargetOptions extends SystemOptions {
  readonly server: EmbeddedServer;
}

export type EmbeddedTarget = OpenedTarget;

/** A separate database on the embedded server, with a system's SQL applied. @throws RowgateError */
export async function prepareEmbedded(options: EmbeddedTargetOptions): Promise<PreparedSystem> {
  const database = await options.server.createDatabase(options.database, options.baseline);
  return embeddedSystem(options, database, await applySystemSql(database, options));
}

/** A database that holds the system's SQL already. @throws RowgateError */
export function embeddedSystem(
  options: EmbeddedTargetOptions,
  database: DatabaseAddress,
  applied: AppliedSql,
): PreparedSystem {
  const choice = options.gateway === "none" ? undefined : chooseGateway(options.gateway, options.environment);
  return {
    database,
    limits: defaultLimits,
    ...applied,
    copy: () => copyBeside(database),
    open: () =>
      openTarget({
        ...options,
        name: "embedded",
        database,
        authenticator: options.server.authenticator,
        applied,
        startGateway: (config) => startChosenGateway(choice, config),
      }),
  };
}

/**
 * A copy of a system's database, with more SQL applied: what `options.overlays` name, and its users. `undefined`: settings of that
 * database would not come along. @throws RowgateError
 */
export async function copyEmbedded(
  options: EmbeddedTargetOptions,
  of: PreparedSystem,
): Promise<PreparedSystem | undefined> {
  const database = { ...of.database, database: options.database };
  const client = new Client({ ...options.server.database, ssl: false });
  client.on("error", () => {});
  await client.connect();
  try {
    const { rows } = await client.query(
      // What config.toml says is set again in the copy.
      `select from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
       where d.datname = $1 and s.setconfig::text !~ '^{"?pgrst\\.db_extra_search_path=[^=]*}$'`,
      [of.database.database],
    );
    if (rows.length > 0) return undefined;
    const [to, from] = [quoteIdent(options.database), quoteIdent(of.database.database)];
    // A copy belongs to who makes it; on a Supabase project's the role postgres owns it, and so the schema public.
    await client.query(`create database ${to} template ${from} owner postgres strategy file_copy`);
  } finally {
    await client.end();
  }
  const part = { sources: await Promise.all(options.overlays.map(readSource)), ends: true };
  const applied = await applySystemSql(database, { ...options, overlays: [], part });
  const inputs = [...of.inputs, ...applied.inputs];
  return embeddedSystem(options, database, { ...applied, inputs, origins: of.origins });
}

/** The same, with a gateway in front. @throws RowgateError */
export async function openEmbeddedTarget(options: EmbeddedTargetOptions): Promise<EmbeddedTarget> {
  return (await prepareEmbedded(options)).open();
}

async function startChosenGateway(
  choice: GatewayChoice | undefined,
  config: GatewayConfig,
): Promise<Gateway | undefined> {
  if (choice === undefined) return undefined;
  return choice.kind === "postgrest" ? spawnPostgrest(choice.binary, config) : spawnGateway(config);
}

export interface ContainerTargetOptions extends SystemOptions {
  readonly server: ContainerServer;
}

/** A separate database in the container's Postgres, with a system's SQL applied. @throws RowgateError */
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
        applied,
        startGateway: (config) => startContainerGateway(options, config),
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
async function startContainerGateway(
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

type Gateway = Pick<RunningGateway, "url" | "info" | "stop">;

interface Opening extends Pick<SystemOptions, "schemas" | "txEnd" | "jwtSecret"> {
  readonly name: StartedTarget;
  readonly database: DatabaseAddress;
  /** Whom the gateway logs in as. */
  readonly authenticator: Pick<DatabaseAddress, "user" | "password">;
  readonly applied: AppliedSql;
  /** `undefined`: the system has none. @throws RowgateError */
  readonly startGateway: (config: GatewayConfig) => Promise<Gateway | undefined>;
  readonly containersOf?: (gateway: Gateway | undefined) => Target["containers"];
}

export const anonRole = "anon";

/** What `supabase start` has its auth server say. */
const localIssuer = "http://127.0.0.1:54321/auth/v1";

/** Puts a gateway in front of a system's database that rowgate has prepared. @throws RowgateError */
async function openTarget(opening: Opening): Promise<OpenedTarget> {
  const { name, database, authenticator, schemas, txEnd, jwtSecret, applied } = opening;
  const secret = jwtSecret ?? randomBytes(48).toString("base64url");
  const gateway = await opening.startGateway({
    database: { ...database, ...authenticator },
    schemas,
    anonRole,
    jwt: { secret },
    txEnd,
    extraSearchPath: applied.extraSearchPath,
    statementTimeoutMs: defaultLimits.statementTimeoutMs,
    lockTimeoutMs: defaultLimits.lockTimeoutMs,
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
      honoursRollback: txEnd.endsWith("-allow-override"),
    },
    signingKey: { algorithm: "HS256", secret },
    schemas,
    preRequest: undefined,
    limits: defaultLimits,
    containers: opening.containersOf?.(gateway),
    baseline: applied.baseline,
    // Both hold Supabase's helpers: a policy that asks for a claim must meet those of a real token.
    issuer: localIssuer,
  };
  return {
    target,
    inputs: applied.inputs,
    origins: applied.origins,
    [Symbol.asyncDispose]: async () => gateway?.stop(),
  };
}
