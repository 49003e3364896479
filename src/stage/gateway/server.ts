import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { availableParallelism } from "node:os";
import { finished } from "node:stream/promises";
import { Pool } from "pg";
import { messageOf, RowgateError } from "../../model/errors.ts";
import type { GatewayInfo } from "../../model/target.ts";
import { planCall } from "./call.ts";
import { type Catalog, readCatalog } from "./catalog.ts";
import { checkConfig, type GatewayConfig } from "./config.ts";
import { refuse, Refused } from "./errors.ts";
import { compile, qualified, sql, type Statement } from "./fragment.ts";
import { type Authenticate, authenticator } from "./jwt.ts";
import { type Plan, planRead, type ReadRules } from "./read.ts";
import { asksForServer, parseRequest, type RawRequest, type Request } from "./request.ts";
import { type Answer, answerTo, answerToRefused, answerToRoot, findRelation } from "./response.ts";
import { runPlan } from "./transaction.ts";
import { planWrite } from "./write.ts";

export interface RunningGateway {
  /** Without a trailing slash. */
  readonly url: string;
  readonly info: GatewayInfo;
  /** Reads the catalogue anew: after a migration, relations and functions would still be the old ones. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/** Milliseconds, and bytes of a request's line and headers: a long list of keys is there. */
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

/** Each connection fills caches of its own first; beyond what the machine can do at once, that is all that another one adds. */
const usualPoolSize = Math.min(10, 2 * availableParallelism());

function openPool({
  database,
  poolSize = usualPoolSize,
  statementTimeoutMs = 30_000,
  lockTimeoutMs = 0,
}: GatewayConfig): Pool {
  const pool = new Pool({
    ...database,
    // Without it a PGSSLMODE of the environment would decide.
    ssl: false,
    max: poolSize,
    connectionTimeoutMillis: 10_000,
    statement_timeout: statementTimeoutMs,
    lock_timeout: lockTimeoutMs,
    application_name: "rowgate builtin gateway",
    allowExitOnIdle: true,
  });
  // A connection that breaks is replaced when the next one is needed. A statement on it fails by itself; without
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
      details: messageOf(cause),
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
    const details = messageOf(cause);
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

const mostBytes = 8 * 1024 * 1024;

/** Reads a request whole, has it served and writes the answer. Never throws. */
async function respond(request: IncomingMessage, response: ServerResponse, service: Service): Promise<void> {
  const { method = "GET", url = "/", headers } = request;
  try {
    const body = await readBody(request, service.config.maxBodyBytes ?? mostBytes);
    write(response, await serve({ method, url, headers, body }, service));
  } catch (error) {
    if (error instanceof Refused) write(response, answerToRefused(error.refusal));
    else response.destroy();
  }
}

async function readBody(request: IncomingMessage, most: number): Promise<Buffer> {
  const { "content-length": length = "0", "transfer-encoding": encoding } = request.headers;
  if (encoding === undefined && Number(length) === 0) return Buffer.alloc(0);
  return collect(request, most);
}

/** A body that is too large is read to its end all the same: a client that is cut off does not read the answer. */
async function collect(request: IncomingMessage, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length <= most) chunks.push(chunk);
  });
  await finished(request);
  if (length > most) throw refuse.tooLarge(most);
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

/** What a gateway has at hand for each request. */
interface Service {
  readonly config: GatewayConfig;
  readonly authenticate: Authenticate;
  readonly pool: Pool;
  readonly catalog: Catalog;
}

/** PostgREST's stages, in its order: who asks, for what, how it is done, do it, say it. Never throws. */
export async function serve(raw: RawRequest, service: Service): Promise<Answer> {
  try {
    const { config, catalog, pool } = service;
    const identity = service.authenticate(raw.headers.authorization);
    if (asksForServer(raw)) return answerToRoot;
    const request = parseRequest(raw, {
      schemas: config.schemas,
      txOverride: config.txEnd.endsWith("-allow-override"),
    });
    const plan = planFor(request, service);
    const outcome = await runPlan(pool, plan, identity, {
      txEnd: config.txEnd,
      anonRole: config.anonRole,
      preRequest: preRequest(config),
      extraSearchPath: config.extraSearchPath ?? ["public"],
      ofRole: catalog.settingsOf(identity.role),
    });
    return answerTo(plan, outcome);
  } catch (error) {
    // Nothing of an unforeseen error is reported: it could hold what the request held.
    return answerToRefused((error instanceof Refused ? error : refuse.internal()).refusal);
  }
}

function planFor(request: Request, { config, catalog }: Service): Plan {
  const { action, schema } = request;
  const rules: ReadRules = { maxRows: config.maxRows, hasMediaHandlers: catalog.hasMediaHandlers };
  if (action.kind === "call") return planCall(request, catalog, rules);
  const relation = findRelation(catalog, schema, action.name);
  return action.kind === "mutate"
    ? planWrite(request, relation, action.mutation, rules)
    : planRead(request, relation, rules);
}

function preRequest({ preRequest: name }: GatewayConfig): Statement | undefined {
  return name && compile(sql`select ${qualified(name.schema, name.name)}()`);
}
