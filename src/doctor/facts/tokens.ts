import { createPublicKey } from "node:crypto";
import { isCode } from "../../model/answers.ts";
import type { Identity } from "../../model/channel.ts";
import type { SigningKey } from "../../model/target.ts";
import { signedForNobody, tamperedToken } from "../../probe/http/verify/tokens.ts";
import type { JwksFacts, ProbeReply, TokenFacts } from "../facts.ts";
import type { GatewayProbe } from "./gateway-probe.ts";

export interface TokenQuestions {
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
export async function probeTokens(questions: TokenQuestions): Promise<TokenFacts> {
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
