import { formatQualified, type QualifiedName } from "../../lib/sql-text.ts";
import { isCode } from "../../model/answers.ts";
import type { Catalog, RelationInfo } from "../../model/catalog.ts";
import type { Identity } from "../../model/channel.ts";
import type { SigningKey, Target } from "../../model/target.ts";
import { mapLimited } from "../../lib/limiter.ts";
import { linkFailure } from "../../probe/link-failure.ts";
import type {
  CacheFacts,
  GatewayFacts,
  JwksFacts,
  ProbeReply,
  SpeakingGateway,
  TokenFacts,
} from "../facts.ts";
import { runGatewayChecks } from "./gateway-checks.ts";
import { GatewayProbe, pathOf } from "./gateway-probe.ts";
import { createPublicKey } from "node:crypto";
import { signedForNobody, tamperedToken } from "../../probe/http/verify/tokens.ts";

export interface GatewayQuestions {
  readonly target: Target;
  /** Personas that go through the gateway, with their tokens. */
  readonly identities: readonly Identity[];
  /** `undefined`: no connection to the database was made. */
  readonly catalog: Catalog | undefined;
  readonly clock: () => number;
}

/** Requests in flight. */
const concurrency = 6;

/** What a run would meet at the gateway. Sends only GETs. */
export async function probeGateway(questions: GatewayQuestions): Promise<GatewayFacts | undefined> {
  const { target, clock } = questions;
  const { rest, limits } = target;
  if (rest === undefined) return undefined;
  const { url, apiKey, ca } = rest;
  const probe = new GatewayProbe({ url, apiKey, ca, timeoutMs: limits.requestTimeoutMs, clock });
  try {
    // Tokens are sent only to PostgREST.
    const first = await probe.get(pathOf(nowhere));
    return speaks(first)
      ? { kind: "speaking", first, ...(await probeAll(probe, url, questions)) }
      : { kind: "silent", first };
  } catch (error) {
    return { kind: "unreached", failure: linkFailure(error) };
  } finally {
    await probe.close();
  }
}

/** PostgREST answered, and for its database: an answer of another server proves nothing. */
function speaks({ rows, code }: ProbeReply): boolean {
  return rows || (code !== undefined && !isCode(code, "gatewayWithoutDatabase"));
}

/** A name that no relation has: keys and tokens are verified before the relation is looked up. */
const nowhere: QualifiedName = { schema: "", name: "rowgate_doctor" };

async function probeAll(
  probe: GatewayProbe,
  url: string,
  { target, identities, catalog, clock }: GatewayQuestions,
): Promise<Omit<SpeakingGateway, "kind" | "first">> {
  const schemas = await probeSchemas(probe, target.schemas);
  const exposed = target.schemas.filter((schema) => !isCode(schemas.get(schema)?.code, "schemaNotExposed"));
  const relations = catalog?.relations.filter(({ schema }) => exposed.includes(schema)) ?? [];
  const cache = await probeCache(probe, relations, identities);
  const place = cache.known ?? nowhere;
  const ask = (token: string | undefined): Promise<ProbeReply> =>
    probe.get(pathOf(place), { token, schema: place.schema === "" ? undefined : place.schema });
  const tokens = await probeTokens({ probe, url, key: target.signingKey, identities, ask, clock });
  const personas = await probePersonas(identities, ask);
  const [column] = cache.known?.columns ?? [];
  const known = cache.known && column && { relation: cache.known, column: column.name };
  const token = acceptedToken(identities, personas);
  const checks = await runGatewayChecks({ probe, target, identities, exposed, known, token });
  return { schemas, cache, tokens, personas, ...checks };
}

async function probeSchemas(
  probe: GatewayProbe,
  schemas: readonly string[],
): Promise<ReadonlyMap<string, ProbeReply>> {
  const answers = await mapLimited(schemas, concurrency, async (schema) => {
    const answer = await probe.get(pathOf(nowhere), { schema });
    return [schema, answer] as const;
  });
  return new Map(answers);
}

async function probePersonas(
  identities: readonly Identity[],
  ask: (token: string) => Promise<ProbeReply>,
): Promise<ReadonlyMap<string, ProbeReply>> {
  const answers = await mapLimited(identities, concurrency, async ({ persona, token }) =>
    token === undefined ? [] : [[persona.name, await ask(token)] as const],
  );
  return new Map(answers.flat());
}

function acceptedToken(
  identities: readonly Identity[],
  answers: ReadonlyMap<string, ProbeReply>,
): string | undefined {
  const isAccepted = ({ persona }: Identity): boolean => {
    const answer = answers.get(persona.name);
    return answer !== undefined && !isCode(answer.code, "token");
  };
  return identities.find(isAccepted)?.token;
}

interface Cache extends CacheFacts {
  /** A relation that the gateway knows. */
  readonly known: RelationInfo | undefined;
}

/** Without a token; where the gateway refuses that, with a persona's. @throws LinkError */
async function probeCache(
  probe: GatewayProbe,
  relations: readonly RelationInfo[],
  identities: readonly Identity[],
): Promise<Cache> {
  const as = (token: string | undefined) => (relation: QualifiedName) =>
    probe.get(pathOf(relation), { token, schema: relation.schema });
  const anonymous = await requestRelations(relations, as(undefined));
  if (anonymous.asked > 0 || relations.length === 0) return anonymous;
  const token = identities.find((one) => one.token !== undefined)?.token;
  return token === undefined ? anonymous : await requestRelations(relations, as(token));
}

const relationsAtOnce = 8;
/** Milliseconds for all relations together: thousands of them on a distant gateway take longer. */
const timeForAll = 10_000;
/** After so many answers that show nothing about a relation, and no other, the next will not either. */
const showsNothing = 24;

/**
 * Which relations does the gateway know? It looks a relation up before it checks privileges. Requests the newest first: an old
 * cache lacks these. @throws LinkError
 */
async function requestRelations(
  relations: readonly RelationInfo[],
  ask: (relation: QualifiedName) => Promise<ProbeReply>,
): Promise<Cache> {
  // PostgREST leaves partitions out.
  const existing = relations
    .filter(({ kind, isPartition }) => kind !== "function" && !isPartition)
    .toSorted((a, b) => Number(b.oid) - Number(a.oid));
  const unknown: QualifiedName[] = [];
  const known = new Set<QualifiedName>();
  let silent = 0;
  const end = performance.now() + timeForAll;
  await mapLimited(existing, relationsAtOnce, async (relation) => {
    const inVain = silent >= showsNothing && known.size + unknown.length === 0;
    if (inVain || performance.now() > end) return;
    const answer = await ask(relation);
    if (isCode(answer.code, "relationNotExposed")) unknown.push(relation);
    else if (isAboutRelation(answer)) known.add(relation);
    else silent += 1;
  });
  return {
    asked: known.size + unknown.length,
    existing: existing.length,
    unknown: unknown.map((one) => formatQualified(one)).toSorted(),
    known: relations.find((one) => known.has(one)),
  };
}

const notAboutRelation = ["gatewayWithoutDatabase", "gatewayRequest", "gatewayCache", "token"] as const;

/** A refused token, a hidden schema or a proxy's answer shows nothing about a relation. */
function isAboutRelation({ rows, code }: ProbeReply): boolean {
  return rows || (code !== undefined && !notAboutRelation.some((name) => isCode(code, name)));
}

interface TokenQuestions {
  readonly probe: GatewayProbe;
  readonly url: string;
  readonly key: SigningKey | undefined;
  readonly identities: readonly Identity[];
  /** Requests a relation, preferably one that exists, with a token. */
  readonly ask: (token: string) => Promise<ProbeReply>;
  readonly clock: () => number;
}

/** Seconds that a token of doctor's is valid. */
const lifetime = 300;

/** Which tokens the gateway accepts. None of them names a role that exists, so none gives access. @throws LinkError */
async function probeTokens(questions: TokenQuestions): Promise<TokenFacts> {
  const { key, identities, ask, clock } = questions;
  const tampered = await ask(tamperedToken(identities));
  const plain = key && signed({}, key);
  if (key === undefined || plain === undefined)
    return { tampered, ours: undefined, dated: undefined, withoutKeyId: undefined, jwks: undefined };
  const now = Math.floor(clock() / 1000);
  const times = { iat: now, nbf: now, exp: now + lifetime };
  const ours = await ask(plain);
  const bare = signed({}, { ...key, keyId: undefined });
  const refused = isCode(ours.code, "tokenSignature");
  return {
    tampered,
    ours,
    dated: await ask(signed(times, key) ?? plain),
    withoutKeyId: refused && key.keyId !== undefined && bare !== undefined ? await ask(bare) : undefined,
    jwks: await publishedKeys(questions, key),
  };
}

/** `undefined`: the key does not fit its algorithm, which `cannot-sign` reports. */
function signed(claims: object, key: SigningKey): string | undefined {
  try {
    return signedForNobody(claims, key);
  } catch {
    return undefined;
  }
}

/** Supabase's auth server has the same base URL as its PostgREST, and publishes the keys that it signs with. */
async function publishedKeys(
  { probe, url }: TokenQuestions,
  key: SigningKey,
): Promise<JwksFacts | undefined> {
  const base = new URL(url);
  if (!base.pathname.endsWith("/rest/v1")) return undefined;
  const path = base.pathname.replace(/\/rest\/v1$/, "/auth/v1/.well-known/jwks.json");
  const answer = await probe.get(path, {}, true).catch(() => undefined);
  const keys = answer?.status === 200 ? keysIn(answer.body) : undefined;
  if (keys === undefined) return undefined;
  return {
    url: `${base.origin}${path}`,
    keys: keys.map(({ kid, alg }) => ({ keyId: kid, algorithm: alg })),
    ours: ourKey(keys, key),
  };
}

type Jwk = Readonly<Record<string, string | undefined>>;

function keysIn(body: string): readonly Jwk[] | undefined {
  try {
    const { keys } = JSON.parse(body) as { readonly keys?: unknown };
    return Array.isArray(keys) ? (keys as Jwk[]) : undefined;
  } catch {
    return undefined;
  }
}

/** By the members that make the key, not by its `kid`. */
function ourKey(keys: readonly Jwk[], key: SigningKey): JwksFacts["ours"] {
  if (key.algorithm === "HS256") return undefined;
  const own = createPublicKey(key.privateKeyPem).export({ format: "jwk" }) as Jwk;
  const found = keys.find((one) =>
    ["kty", "crv", "x", "y", "n", "e"].every((member) => one[member] === own[member]),
  );
  return found && { keyId: found["kid"] };
}
