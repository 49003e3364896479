import type { DatabaseAddress } from "../../model/target.ts";
import { keysOf } from "../gateway/config.ts";
import type { GatewayConfig } from "../gateway/config.ts";

export interface Ports {
  readonly server: number;
  readonly admin: number;
}

/**
 * PostgREST's settings, as the environment of its process.
 * Source: https://docs.postgrest.org/en/v16/references/configuration.html
 */
export function postgrestSettings(config: GatewayConfig, ports: Ports): Record<string, string> {
  const { database, schemas, anonRole, jwt, txEnd, preRequest, maxRows } = config;
  const host = config.host ?? "127.0.0.1";
  const keys = keysOf(jwt);
  const optional: readonly (readonly [string, string | undefined])[] = [
    ["PGRST_DB_ANON_ROLE", anonRole],
    // As a key set even for a plain secret: PostgREST reads a text that begins with @ from a file.
    ["PGRST_JWT_SECRET", keys.length === 0 ? undefined : JSON.stringify({ keys })],
    ["PGRST_JWT_AUD", jwt.audience],
    ["PGRST_DB_PRE_REQUEST", preRequest && `${preRequest.schema}.${preRequest.name}`],
    ["PGRST_DB_MAX_ROWS", maxRows === undefined ? undefined : String(maxRows)],
  ];
  return {
    PGRST_DB_URI: connectionString(database, config.statementTimeoutMs ?? 30_000),
    PGRST_DB_SCHEMAS: schemas.join(","),
    PGRST_DB_EXTRA_SEARCH_PATH: (config.extraSearchPath ?? ["public"]).join(","),
    PGRST_DB_TX_END: txEnd,
    PGRST_DB_POOL: String(config.poolSize ?? 10),
    PGRST_SERVER_HOST: host,
    PGRST_SERVER_PORT: String(ports.server),
    PGRST_ADMIN_SERVER_HOST: host,
    PGRST_ADMIN_SERVER_PORT: String(ports.admin),
    PGRST_LOG_LEVEL: "error",
    ...Object.fromEntries(optional.filter((pair): pair is [string, string] => pair[1] !== undefined)),
  };
}

function connectionString(address: DatabaseAddress, statementTimeoutMs: number): string {
  const { host, port, user, password, database: dbname } = address;
  const options = `-c statement_timeout=${statementTimeoutMs}`;
  return Object.entries({ host, port, user, password, dbname, sslmode: "disable", options })
    .map(([name, value]) => `${name}='${String(value).replaceAll(/['\\]/g, "\\$&")}'`)
    .join(" ");
}
