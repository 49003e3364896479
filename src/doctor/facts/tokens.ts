import { isCode } from "../../model/answers.ts";
import { createPublicKey } from "node:crypto";
import type { Identity } from "../../model/channel.ts";
import type { JwksFacts, TokenFacts, Visit } from "../../model/examination-gateway.ts";
import type { SigningKey } from "../../model/target.ts";
import { signedForNobody, tamperedToken } from "../../probe/http/tokens.ts";
import type { Visitor } from "./visitor.ts";

export interface TokenQuestions {
  readonly visitor: Visitor;
  readonly url: string;
  readonly key: SigningKey | undefined;
  readonly identities: readonly Identity[];
  /** Asks for a relation, preferably one that is there, with a token. */
  readonly ask: (token: string) => Promise<Visit>;
  readonly clock: () => number;
}

/** Seconds that a token of doctor's is good for. */
const lifetime = 300;

/** Which tokens the gateway takes. None names a role that exists, so that none opens anything. @throws LinkError */
export async function askAboutTokens(questions: TokenQuestions): Promise<TokenFacts> {
  const { key, identities, ask, clock } = questions;
  const tampered = await ask(tamperedToken(identities));
  const nothing = { ours: undefined, dated: undefined, withoutKeyId: undefined, jwks: undefined };
  if (key === undefined) return { tampered, ...nothing };
  const now = Math.floor(clock() / 1000);
  const times = { iat: now, nbf: now, exp: now + lifetime };
  const plain = signed({}, key);
  if (plain === undefined) return { tampered, ...nothing };
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

/** `undefined`: the key does not fit its algorithm, which signing a persona in tells. */
function signed(claims: object, key: SigningKey): string | undefined {
  try {
    return signedForNobody(claims, key);
  } catch {
    return undefined;
  }
}

/** Supabase's auth server stands beside its PostgREST, and says which keys it signs with. */
async function publishedKeys(
  { visitor, url }: TokenQuestions,
  key: SigningKey,
): Promise<JwksFacts | undefined> {
  const base = new URL(url);
  if (!base.pathname.endsWith("/rest/v1")) return undefined;
  const path = base.pathname.replace(/\/rest\/v1$/, "/auth/v1/.well-known/jwks.json");
  const answer = await visitor.get(path, {}, true).catch(() => undefined);
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

/** By what makes the key, whatever it is called. */
function ourKey(keys: readonly Jwk[], key: SigningKey): JwksFacts["ours"] {
  if (key.algorithm === "HS256") return undefined;
  const own = createPublicKey(key.privateKeyPem).export({ format: "jwk" }) as Jwk;
  const found = keys.find((one) =>
    ["kty", "crv", "x", "y", "n", "e"].every((member) => one[member] === own[member]),
  );
  return found && { keyId: found["kid"] };
}
