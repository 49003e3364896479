import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "pg";
import { RowgateError } from "../../model/errors.ts";
import type { GatewayInfo } from "../../model/target.ts";
import { readCatalog } from "./catalog.ts";
import type { Catalog } from "./catalog.ts";
import { checkConfig } from "./config.ts";
import type { GatewayConfig } from "./config.ts";
import { Refused, refuse } from "./errors.ts";
import { authenticator } from "./jwt.ts";
import { answerToRefused } from "./response.ts";
import type { Answer } from "./response.ts";
import { serve } from "./serve.ts";
import type { Service } from "./serve.ts";

export interface RunningGateway {
  /** Without a trailing slash. */
  readonly url: string;
  readonly info: GatewayInfo;
  /** Reads the catalogue anew: after a migration, relations and functions would still be the old ones. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

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
    const server = createServer({ keepAliveTimeout: 30_000, headersTimeout: 10_000, requestTimeout: 30_000 });
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
  // A connection that breaks while idle is replaced when the next one is needed.
  pool.on("error", () => undefined);
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

async function respond(request: IncomingMessage, response: ServerResponse, service: Service): Promise<void> {
  const { method = "GET", url = "/", headers } = request;
  try {
    const body = await readBody(request, service.config.maxBodyBytes ?? 8 * 1024 * 1024);
    write(response, await serve({ method, url, headers, body }, service));
  } catch (error) {
    // The rest of a body that is too large is not read.
    response.setHeader("Connection", "close");
    if (error instanceof Refused) write(response, answerToRefused(error.refusal));
    else response.destroy();
  }
}

async function readBody(request: IncomingMessage, most: number): Promise<Buffer> {
  const { "content-length": length = "0", "transfer-encoding": encoding } = request.headers;
  if (encoding === undefined && Number(length) === 0) return Buffer.alloc(0);
  return collect(request, most);
}

async function collect(request: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > most) throw refuse.tooLarge(most);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A header's value on the wire: UTF-8 as it is, without what would end it. */
function headerText(text: string): string {
  return Buffer.from(text)
    .toString("latin1")
    .replaceAll(/[^\t -~\x80-\xff]/g, " ");
}

function write(response: ServerResponse, { status, statusText, headers, body }: Answer): void {
  const all = Object.entries({ Server: "rowgate-builtin-gateway", ...headers });
  const length = status === 204 ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  // A reason phrase cannot hold every character that a message can.
  if (statusText !== undefined && /^[\t -~]*$/.test(statusText)) response.statusMessage = statusText;
  response.writeHead(status, {
    ...Object.fromEntries(all.map(([name, value]) => [name, headerText(value)])),
    ...length,
  });
  response.end(status === 204 ? undefined : body);
}
