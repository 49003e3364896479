import { generateKeyPairSync } from "node:crypto";
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { DatabaseAddress } from "../../src/model/target.ts";
import { unprivilegedAccount } from "../../src/stage/postgres/account.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import type { GatewayConfig, TxEnd } from "../../src/stage/gateway/config.ts";
import type { RunningGateway } from "../../src/stage/gateway/server.ts";
import { spawnGateway } from "../../src/stage/gateway/spawn.ts";
import { applySystemSql } from "../../src/stage/system.ts";
import { certify, makeAuthority } from "./certificates.ts";
import { gatewayConfig, startEither } from "./gateway.ts";

export interface StagingOptions {
  /** Folder of numbered SQL. */
  readonly policies: string;
  readonly schemas?: readonly string[];
  readonly txEnd?: TxEnd;
  /** Starts the gateway otherwise: under another clock, say. */
  readonly gateway?: (config: GatewayConfig) => Promise<RunningGateway>;
  /** Server settings. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Servers that somebody else has started: they are reached by URLs only, over TLS, and tokens are verified by a public key. */
export interface Staging {
  readonly server: EmbeddedServer;
  readonly database: DatabaseAddress;
  readonly folder: string;
  /** Without a login: `127.0.0.1:5432/name`. */
  readonly place: string;
  /** Of the database, with its password. */
  readonly url: string;
  /** `https://localhost:…`, in front of the gateway. */
  readonly rest: string;
  /** The authority's certificate, and that of another one. */
  readonly ca: string;
  readonly otherCa: string;
  /** A private JWK whose public half the gateway has, and one that nobody knows. */
  readonly key: string;
  readonly otherKey: string;
  /** `GET /path` of every request that came. */
  readonly arrived: string[];
  /** What happens to a request instead of its being passed on. */
  interfere(with_: Interference | undefined): void;
  stop(): Promise<void>;
}

/** `before` runs before a request is passed on, `after` before its answer is, `date` takes the place of the answer's own. */
export interface Interference {
  readonly before?: (request: IncomingMessage) => Promise<void> | void;
  readonly after?: (request: IncomingMessage) => Promise<void> | void;
  readonly date?: () => Date;
}

let databases = 0;

export async function startStaging(options: StagingOptions): Promise<Staging> {
  const folder = await mkdtemp(path.join(tmpdir(), "rowgate-staging-"));
  await chmod(folder, 0o755);
  const [authority, other] = [makeAuthority(), makeAuthority()];
  const certified = certify(authority, ["db.staging.test"], ["127.0.0.1"]);
  const files = { ca: "ca.pem", otherCa: "other.pem", cert: "server.crt", key: "server.key" } as const;
  const at = (name: keyof typeof files): string => path.join(folder, files[name]);
  await writeFile(at("ca"), authority.cert);
  await writeFile(at("otherCa"), other.cert);
  await writeFile(at("cert"), certified.cert);
  await writeFile(at("key"), certified.key, { mode: 0o600 });
  const account = unprivilegedAccount();
  if (account !== undefined) await chown(at("key"), account.uid, account.gid);

  const server = await startEmbedded({
    settings: { ssl: "on", ssl_cert_file: at("cert"), ssl_key_file: at("key"), ...options.settings },
  });
  databases += 1;
  const database = await server.createDatabase(`staging_${databases}`);
  await applySystemSql(database, { policies: options.policies, overlays: [] });
  const [key, otherKey] = [jwk("first"), jwk("second")];
  const gateway = await gatewayOf(options, server, database, key.public);
  const front = await openFront(certify(authority, ["localhost"]), gateway.url);
  const { host, port, user, password, database: name } = database;
  return {
    server,
    database,
    folder,
    place: `${host}:${port}/${name}`,
    url: `postgresql://${user}:${password}@${host}:${port}/${name}`,
    rest: front.url,
    ca: at("ca"),
    otherCa: at("otherCa"),
    key: key.private,
    otherKey: otherKey.private,
    arrived: front.arrived,
    interfere: front.interfere,
    stop: async () => {
      await front.stop();
      await gateway.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** With ROWGATE_POSTGREST_BIN it is that PostgREST. */
function gatewayOf(
  { schemas = ["public"], txEnd = "rollback-allow-override", gateway }: StagingOptions,
  server: EmbeddedServer,
  database: DatabaseAddress,
  publicKey: Jwk,
): Promise<RunningGateway> {
  const config = gatewayConfig(server, database, { jwks: [publicKey] }, { schemas, txEnd });
  return gateway === undefined ? startEither(config, spawnGateway) : gateway(config);
}

type Jwk = { readonly kty: string; readonly [member: string]: unknown };

function jwk(kid: string): { readonly private: string; readonly public: Jwk } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const about = { kid, alg: "ES256", use: "sig" };
  return {
    private: JSON.stringify({ ...privateKey.export({ format: "jwk" }), ...about }),
    public: { ...publicKey.export({ format: "jwk" }), ...about, kty: "EC" },
  };
}

interface Front extends Pick<Staging, "arrived" | "interfere"> {
  readonly url: string;
  stop(): Promise<void>;
}

/** What terminates TLS in front of the gateway, as Supabase's does, and sees every request. */
async function openFront(
  certified: { readonly key: string; readonly cert: string },
  to: string,
): Promise<Front> {
  const arrived: string[] = [];
  let interference: Interference | undefined;
  const server = createServer(certified, (incoming, response) => {
    arrived.push(`${incoming.method} ${incoming.url}`);
    void passOn(to, incoming, response, interference).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    arrived,
    interfere: (next) => {
      interference = next;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function passOn(
  to: string,
  incoming: IncomingMessage,
  response: ServerResponse,
  interference: Interference | undefined,
): Promise<void> {
  const body: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) body.push(chunk);
  await interference?.before?.(incoming);
  const { host: _host, ...headers } = incoming.headers;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(`${to}${incoming.url}`, { method: incoming.method, headers }, resolve);
    outgoing.on("error", reject).end(Buffer.concat(body));
  });
  const parts: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) parts.push(chunk);
  await interference?.after?.(incoming);
  const date = interference?.date?.().toUTCString() ?? answer.headers.date;
  response.writeHead(answer.statusCode ?? 502, { ...answer.headers, date }).end(Buffer.concat(parts));
}

/** A folder as a user's project has it, whose `rowgate.yaml` names `staging` and `live`. */
export async function writeProject(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
}
