import { Client } from "pg";
import { sampleRows } from "../../src/probe/sql/survey.ts";
import { readCatalog } from "../../src/catalog/catalog.ts";
import { now } from "../../src/lib/clock.ts";
import { openRestChannel } from "../../src/probe/http/channel.ts";
import type { RestChannel } from "../../src/probe/http/http-channel.ts";
import type { Catalog } from "../../src/model/catalog.ts";
import type { BoundCandidate, Cell, PlannedRelation } from "../../src/model/cell.ts";
import type { Expectation, Json, Operation, Persona } from "../../src/model/matrix.ts";
import type { InsertObservation, Observation, RowsObservation } from "../../src/model/observation.ts";
import type { DatabaseAddress, Posture, SigningKey, Target } from "../../src/model/target.ts";
import { defaultLimits } from "../../src/model/target.ts";
import { identityOf } from "../../src/persona/identity.ts";
import { planRelation } from "../../src/plan/relation.ts";
import { startEmbedded } from "../../src/stage/postgres/server.ts";
import type { EmbeddedOptions, EmbeddedServer } from "../../src/stage/postgres/server.ts";
import type { GatewayConfig } from "../../src/stage/gateway/config.ts";
import type { RunningGateway } from "../../src/stage/gateway/server.ts";
import { gatewayConfig, startEither } from "../support/gateway.ts";

export const secret = "a-secret-of-more-than-thirty-two-characters";
const at = { file: "test.yaml", line: 1, column: 1 };

export function persona(name: string, role: string, claims?: Record<string, Json>): Persona {
  return { name, role, login: undefined, claims, settings: {}, tokenFrom: undefined, at };
}

export const people: readonly Persona[] = [
  persona("anon", "anon"),
  persona("alice", "authenticated", { sub: "alice" }),
  persona("bob", "authenticated", { sub: "bob" }),
  persona("service", "service_role"),
];

/** A database with `sql` in it, and a gateway in front. */
export interface World {
  readonly server: EmbeddedServer;
  readonly database: DatabaseAddress;
  readonly client: Client;
  readonly catalog: Catalog;
  readonly relations: ReadonlyMap<string, PlannedRelation>;
  readonly gateway: RunningGateway;
  readonly schemas: readonly string[];
  stop(): Promise<void>;
}

export interface WorldOptions {
  readonly schemas?: readonly string[];
  readonly gateway?: Partial<GatewayConfig>;
  readonly people?: readonly Persona[];
  readonly server?: EmbeddedOptions;
}

export async function makeWorld(sql: string, options: WorldOptions = {}): Promise<World> {
  const server = await startEmbedded(options.server);
  const database = await server.createDatabase("rest");
  const client = new Client({ ...database, ssl: false });
  await client.connect();
  await client.query(sql);
  await client.query("analyze");
  const schemas = options.schemas ?? ["public"];
  const roles = [...new Set((options.people ?? people).map(({ role }) => role))];
  const catalog = await readCatalog(client, schemas, roles);
  const gateway = await openGateway(server, database, { schemas, ...options.gateway });
  return {
    server,
    database,
    client,
    catalog,
    relations: await planAll(client, catalog),
    gateway,
    schemas,
    stop: async () => {
      await gateway.stop();
      await client.end();
      await server.stop();
    },
  };
}

/** The builtin gateway, or the PostgREST that the environment names: the channel must not know the difference. */
export async function openGateway(
  server: EmbeddedServer,
  database: DatabaseAddress,
  over: Partial<GatewayConfig>,
): Promise<RunningGateway> {
  return startEither(
    gatewayConfig(server, database, { secret }, { txEnd: "commit-allow-override", ...over }),
  );
}

async function planAll(client: Client, catalog: Catalog): Promise<ReadonlyMap<string, PlannedRelation>> {
  const bare = catalog.relations.map(({ schema, name }) =>
    planRelation(
      {
        schema,
        name,
        at,
        key: undefined,
        control: undefined,
        survives: undefined,
        rowSets: [],
        candidates: [],
        declarations: [],
      },
      catalog,
      [],
    ),
  );
  const samples = await sampleRows(client, bare);
  return new Map(
    bare.map((relation, index) => [relation.info.name, { ...relation, samples: samples[index] ?? [] }]),
  );
}

export interface ChannelOptions {
  readonly target?: Partial<Target>;
  readonly url?: string;
  readonly key?: SigningKey;
  readonly apiKey?: string | undefined;
  readonly people?: readonly Persona[];
  readonly posture?: Posture;
  readonly privileged?: DatabaseAddress;
}

export async function openChannel(world: World, options: ChannelOptions = {}): Promise<RestChannel> {
  const issuedAt = Math.floor(Date.now() / 1000);
  const key = options.key ?? { algorithm: "HS256", secret };
  const target: Target = {
    name: "test",
    posture: options.posture ?? "embedded",
    database: world.database,
    rest: {
      url: options.url ?? world.gateway.url,
      apiKey: options.apiKey,
      gateway: world.gateway.info,
      anonRole: "anon",
      login: world.server.authenticator.user,
    },
    signingKey: key,
    schemas: world.schemas,
    preRequest: undefined,
    limits: { ...defaultLimits, requestTimeoutMs: 5_000 },
    ...options.target,
  };
  const identities = (options.people ?? people).map((one) => {
    const lifetime = { issuedAt, expiresAt: issuedAt + 900 };
    return [one.name, identityOf(one, { lifetime, anonRole: "anon", key, handedIn: undefined })] as const;
  });
  return openRestChannel({
    target,
    identities: new Map(identities),
    signedAt: now(),
    privileged: options.privileged ?? world.database,
    concurrency: 8,
  });
}

export interface CellOptions {
  readonly people?: readonly Persona[];
  readonly set?: Readonly<Record<string, string | null>>;
  readonly never?: readonly BoundCandidate[];
  readonly candidates?: readonly BoundCandidate[];
  readonly control?: string;
}

export type Declared = "allow" | "deny" | { readonly rows: string } | { readonly within: string };

export function cell(
  world: World,
  who: string,
  operation: Operation,
  relationName: string,
  declared: Declared,
  options: CellOptions = {},
): Cell {
  const found = world.relations.get(relationName);
  const asked = (options.people ?? people).find(({ name }) => name === who);
  const role = world.catalog.roles.find(({ name }) => name === asked?.role);
  if (found === undefined || asked === undefined || role === undefined)
    throw new Error(`${who} on ${relationName}?`);
  const control = options.control === undefined ? found.baseline : world.relations.get(options.control)?.info;
  return {
    id: `${who}/public.${relationName}/${operation}`,
    persona: asked,
    role,
    relation: { ...found, baseline: control ?? found.baseline },
    operation,
    column: undefined,
    among: undefined,
    everywhere: false,
    expectation: expectation(declared),
    candidates: options.candidates ?? [],
    update: { set: options.set, never: options.never ?? [] },
    implied: false,
    waiver: undefined,
    at,
    behindGateway: true,
    channels: ["rest"],
    notOn: {},
  };
}

function expectation(declared: Declared): Expectation {
  if (declared === "allow") return { kind: "allow" };
  if (declared === "deny") return { kind: "deny", reason: undefined };
  return "rows" in declared
    ? { kind: "rows", name: undefined, predicate: declared.rows }
    : { kind: "within", name: undefined, predicate: declared.within };
}

export function candidate(name: string, values: Readonly<Record<string, string | null>>): BoundCandidate {
  return { name, origin: "declared", values };
}

export async function observe(channel: RestChannel, one: Cell): Promise<Observation> {
  const [answer] = await channel.probe([one]);
  if (answer === undefined) throw new Error("no answer");
  return answer.observation;
}

export async function reach(channel: RestChannel, one: Cell): Promise<RowsObservation> {
  const seen = await observe(channel, one);
  if (seen.kind !== "rows") throw new Error(JSON.stringify(seen));
  return seen;
}

export async function inserted(channel: RestChannel, one: Cell): Promise<InsertObservation> {
  const seen = await observe(channel, one);
  if (seen.kind !== "insert") throw new Error(JSON.stringify(seen));
  return seen;
}

/** Every row of every table, so that whatever stayed shows. */
export async function fingerprint(world: World): Promise<string> {
  const parts: string[] = [];
  for (const { info } of world.relations.values()) {
    if (info.kind !== "table") continue;
    const { rows } = await world.client.query(
      `select coalesce(string_agg(x::text, '|' order by x::text), '') as all from "${info.schema}"."${info.name}" x`,
    );
    parts.push(`${info.name}: ${JSON.stringify(rows)}`);
  }
  return parts.toSorted().join("\n");
}
