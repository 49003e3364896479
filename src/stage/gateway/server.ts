import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "pg";
import { RowgateError } from "../../model/errors.ts";
import type { GatewayInfo } from "../../model/target.ts";
import { readCatalog } from "./catalog.ts";
import type { Catalog } from "./catalog.ts";
import { checkConfig } from "./config.ts";
import type { GatewayConfig } from "./config.ts";
import { respond } from "./http.ts";
import { authenticator } from "./jwt.ts";

export interface RunningGateway {
  /** Without a trailing slash. */
  readonly url: string;
  readonly info: GatewayInfo;
  /** Reads the catalogue anew: after a migration, relations and functions would still be the old ones. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/** Milliseconds, and bytes of a request's line and headers: a long list of keys stands there. */
const httpLimits = {
  keepAliveTimeout: 30_000,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  maxHeaderSize: 64 * 1024,
};

/** What the builtin gateway was measured against. */
export const spokenVersion = "16.2";

/**
 * Starts the builtin gateway in this process.
 * @throws {RowgateError} `gateway/config`, `gateway/jwk`, `gateway/schema`, `gateway/catalog`, `gateway/listen`
 */
export async function startGateway(config: GatewayConfig): Promise<RunningGateway> {
  checkConfig(config);
  const authenticate = authenticator(config.jwt, config.anonRole);
  const pool = openPool(config);
  try {
    const service = { config, authenticate, pool, catalog: await loadCatalog(pool, config) };
    const server = createServer(httpLimits);
    server.on("request", (request, response) => void respond(request, response, service));
    const url = await listen(server, config);
    return {
      url,
      info: { kind: "builtin", version: `speaks PostgREST ${spokenVersion}` },
      reload: async () => {
        service.catalog = await loadCatalog(pool, config);
      },
      stop: async () => {
        await close(server);
        await pool.end();
      },
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function openPool({ database, poolSize = 10, statementTimeoutMs = 30_000 }: GatewayConfig): Pool {
  const pool = new Pool({
    ...database,
    // Without it a PGSSLMODE of the environment would decide.
    ssl: false,
    max: poolSize,
    connectionTimeoutMillis: 10_000,
    statement_timeout: statementTimeoutMs,
    application_name: "rowgate builtin gateway",
    allowExitOnIdle: true,
  });
  // A connection that breaks is replaced when the next one is needed. Whoever uses it is told by its own statement; without
  // a listener, the error event of an idle client and that of one in use would each end the process.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

async function loadCatalog(pool: Pool, { schemas }: GatewayConfig): Promise<Catalog> {
  try {
    const client = await pool.connect();
    let failed = true;
    try {
      const catalog = await readCatalog(client, schemas);
      failed = false;
      return catalog;
    } finally {
      client.release(failed);
    }
  } catch (cause) {
    if (cause instanceof RowgateError) throw cause;
    throw new RowgateError({
      code: "gateway/catalog",
      message: "the gateway cannot read the database's catalogue",
      details: cause instanceof Error ? cause.message : String(cause),
      hint: "check that the gateway's login (authenticator) can connect",
      cause,
    });
  }
}

async function listen(server: Server, { port = 0, host = "127.0.0.1" }: GatewayConfig): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  }).catch((cause: unknown) => {
    const details = cause instanceof Error ? cause.message : String(cause);
    throw new RowgateError({ code: "gateway/listen", message: "the gateway cannot listen", details, cause });
  });
  const address = server.address() as AddressInfo;
  return `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`;
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
