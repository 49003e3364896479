import { generateKeyPairSync, randomBytes } from "node:crypto";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll } from "vitest";
import { examine, type ExamineRequest } from "../../../src/doctor/examine.ts";
import { parseMatrix } from "../../../src/matrix/parse.ts";
import type { Diagnosis } from "../../../src/model/diagnosis.ts";
import {
  type DatabaseAddress,
  defaultLimits,
  type SigningKey,
  type Target,
} from "../../../src/model/target.ts";
import { unprivilegedAccount } from "../../../src/stage/postgres/account.ts";
import { type EmbeddedServer, startEmbedded } from "../../../src/stage/postgres/server.ts";
import type { GatewayConfig, Jwk } from "../../../src/stage/gateway/config.ts";
import type { RunningGateway } from "../../../src/stage/gateway/server.ts";
import { type Certified, certify, makeAuthority } from "../../support/certificates.ts";
import { asSuperuser } from "../../support/as-superuser.ts";
import { gatewayConfig, startEither, verifiedBy } from "../../support/gateway.ts";

export const ana = "10000000-0000-4000-8000-000000000001";
export const nobodysId = "10000000-0000-4000-8000-00000000dead";

export const notesSql = `
  insert into auth.users (id, email) values ('${ana}', 'ana@a.test');
  create table public.notes (id int primary key, owner uuid not null, body text);
  alter table public.notes enable row level security;
  grant select, insert, update, delete on public.notes to authenticated, service_role;
  create policy own on public.notes to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
  insert into public.notes values (1, '${ana}', 'a'), (2, gen_random_uuid(), 'b');
  create schema hidden;
`;

export const matrixText = `matrix: notes
personas:
  anon:    { role: anon }
  ana:     { role: authenticated, claims: { sub: ${ana} } }
  service: { role: service_role }
relations:
  notes:
    rows: { mine: owner = :sub }
    expect:
      anon: deny
      ana: { select: mine }
      service: allow
`;

/** Of a system without PostgREST. */
const directMatrix = matrixText.replace("\n", "\nchannels: [direct]\n");

export const secret: string = randomBytes(32).toString("base64url");
export const ecKey: SigningKey & { keyId: string } = {
  algorithm: "ES256",
  privateKeyPem: generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  }).privateKey,
  keyId: "imported-key",
};
export const rsaKey: SigningKey & { keyId: string } = {
  algorithm: "RS256",
  privateKeyPem: generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  }).privateKey,
  keyId: "rsa-key",
};
const otherKeys = generateKeyPairSync("ec", { namedCurve: "P-256" });
/** Of another signing key of the same project. */
export const otherJwk: Jwk = {
  ...otherKeys.publicKey.export({ format: "jwk" }),
  kty: "EC",
  kid: "other-key",
  alg: "ES256",
  use: "sig",
};

/** What a JWKS holds of a key. */
export function jwksOf(key: SigningKey): readonly Jwk[] {
  return verifiedBy(key).jwks ?? [];
}

/** A server with TLS, whose certificate is for `localhost`, a database on it, and what opens more. */
export interface World {
  readonly server: EmbeddedServer;
  readonly database: DatabaseAddress;
  readonly authority: Certified;
  readonly client: Client;
  /** Another database with the same SQL in it. */
  fresh(sql?: string): Promise<DatabaseAddress>;
  /** In front of the database, unless the settings say another; stopped with the world. */
  gateway(over?: Partial<GatewayConfig>): Promise<RunningGateway>;
  /** Closed with everything else by `tidy`, and with the world. */
  use<T>(made: T, close: (made: T) => Promise<unknown> | void): T;
  /** Closes what the test has opened: gateways hold connections. */
  tidy(): Promise<void>;
  stop(): Promise<void>;
}

/** That of the file which called `useWorld`. */
export let world: World;

/** One world for a file's tests, tidied after each. */
export function useWorld(): void {
  beforeAll(async () => {
    world = await makeWorld();
  });
  afterEach(async () => {
    await world.tidy();
  });
  afterAll(async () => {
    await world.stop();
  });
}

export async function makeWorld(): Promise<World> {
  const authority = makeAuthority();
  const folder = mkdtempSync(path.join(tmpdir(), "rowgate-doctor-"));
  const server = await startEmbedded({
    settings: { ...tlsSettings(folder, certify(authority, ["localhost"])), autovacuum: "off" },
  });
  const closing: (() => Promise<unknown> | void)[] = [];
  const use = <T>(made: T, close: (made: T) => Promise<unknown> | void): T => {
    closing.push(() => close(made));
    return made;
  };
  const tidy = async (): Promise<void> => {
    for (const close of closing.splice(0).toReversed()) await close();
  };
  let databases = 0;
  const fresh = async (sql = notesSql): Promise<DatabaseAddress> => {
    databases += 1;
    const database = await server.createDatabase(`doctor_${databases}`);
    await asSuperuser(database, sql);
    return database;
  };
  const database = await fresh();
  const client = new Client({ ...database, ssl: false });
  await client.connect();
  return {
    server,
    database,
    authority,
    client,
    fresh,
    use,
    gateway: async (over = {}) =>
      use(await startEither(gatewayConfig(server, database, { secret }, over)), (one) => one.stop()),
    tidy,
    stop: async () => {
      await tidy();
      await client.end();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Postgres takes a key that nobody but its own account may read. */
export function tlsSettings(folder: string, { key, cert }: Certified): Readonly<Record<string, string>> {
  chmodSync(folder, 0o755);
  const account = unprivilegedAccount();
  const files = {
    ssl_cert_file: path.join(folder, "server.crt"),
    ssl_key_file: path.join(folder, "server.key"),
  };
  writeFileSync(files.ssl_cert_file, cert, { mode: 0o644 });
  writeFileSync(files.ssl_key_file, key, { mode: 0o600 });
  if (account !== undefined)
    for (const file of Object.values(files)) chownSync(file, account.uid, account.gid);
  return { ssl: "on", ...files };
}

export interface TargetParts {
  readonly gateway?: RunningGateway;
  readonly url?: string;
  readonly apiKey?: string;
  readonly over?: Partial<Target>;
}

/** As a person configures it for staging. */
export function targetOf(of: World, { gateway, url, apiKey, over }: TargetParts): Target {
  return {
    name: "staging",
    posture: "staging",
    database: of.database,
    rest:
      gateway === undefined && url === undefined
        ? undefined
        : {
            url: url ?? gateway?.url ?? "",
            apiKey,
            gateway: { kind: "remote", version: "" },
            anonRole: "anon",
            login: of.server.authenticator.user,
          },
    signingKey: { algorithm: "HS256", secret },
    schemas: ["public"],
    preRequest: undefined,
    limits: { ...defaultLimits, requestTimeoutMs: 3_000 },
    ...over,
  };
}

export interface Given extends Partial<Omit<ExamineRequest, "matrices">> {
  readonly target: Target;
  /** Its text; `null`: none is named. By default one that speaks to what the target names. */
  readonly matrix?: string | null;
}

export function examineGiven({ matrix, ...given }: Given): Promise<readonly Diagnosis[]> {
  const text = matrix === undefined ? (given.target.rest === undefined ? directMatrix : matrixText) : matrix;
  const matrices = text === null ? [] : [parseMatrix(text, "matrices/notes.yaml", "2026-11-21")];
  return examine({ matrices, environment: {}, ...given });
}

/** `check: sentence` of every problem. */
export function problemsOf(
  diagnoses: readonly Diagnosis[],
  status: Diagnosis["status"] = "failed",
): readonly string[] {
  return diagnoses
    .filter((one) => one.status === status)
    .map(({ check, sentence }) => `${check}: ${sentence}`);
}
