import { jsonObject } from "../../lib/json.ts";
import {
  createHmac,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
  verify,
} from "node:crypto";
import { RowgateError } from "../../model/errors.ts";
import { type Jwk, keysOf, type TokenRules } from "./config.ts";
import { refuse, Refused } from "./errors.ts";

/** Who a request acts as. */
export interface Identity {
  readonly role: string;
  /** `request.jwt.claims`: a JSON object, `role` always in it. */
  readonly claims: string;
}

export type Authenticate = (authorization: string | undefined) => Identity;

/** Seconds that clocks may differ by. */
const skew = 30;
const remembered = 1000;

/**
 * Tells who a request acts as, from its `Authorization` header.
 * @throws {RowgateError} `gateway/jwk`, when a key cannot be read
 */
export function authenticator(rules: TokenRules, anonRole: string | undefined): Authenticate {
  const keys = importKeys(keysOf(rules));
  const known = new Map<string, Verified>();
  const verifyOnce = (token: string): Verified => {
    if (keys.length === 0) throw refuse.noSecret();
    const verified = known.get(token) ?? verifySignature(token, keys);
    if (known.size >= remembered) known.clear();
    known.set(token, verified);
    return verified;
  };
  return (authorization) => {
    const token = bearerToken(authorization);
    const verified = token === undefined ? noClaims : verifyOnce(token);
    checkClaims(verified.claims, rules.audience, Math.floor(Date.now() / 1000));
    return identify(verified, anonRole);
  };
}

const noClaims: Verified = { text: "{}", claims: {} };

function checkClaims(
  claims: Readonly<Record<string, unknown>>,
  audience: string | undefined,
  now: number,
): void {
  const { exp, nbf, iat, aud } = claims;
  if (seconds("exp", exp, now) < now - skew) throw refuse.claims("JWT expired");
  if (seconds("nbf", nbf, now) > now + skew) throw refuse.claims("JWT not yet valid");
  if (seconds("iat", iat, now) > now + skew) throw refuse.claims("JWT issued at future");
  if (!isFor(audiences(aud), audience)) throw refuse.claims("JWT not in audience");
}

/** A time, or `now` where the claim is missing. A number that is not whole counts as 0: PostgREST reads no fractions. */
function seconds(claim: string, value: unknown, now: number): number {
  if (value === undefined || value === null) return now;
  if (typeof value !== "number") throw refuse.claims(`The JWT '${claim}' claim must be a number`);
  return Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? value : 0;
}

function audiences(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!all.every((one) => typeof one === "string"))
    throw refuse.claims("The JWT 'aud' claim must be a string or an array of strings");
  return all;
}

function isFor(audience: readonly string[], expected: string | undefined): boolean {
  return expected === undefined || audience.length === 0 || audience.includes(expected);
}

function identify({ text, claims }: Verified, anonRole: string | undefined): Identity {
  const claimed = claims["role"];
  if (typeof claimed === "string") return { role: claimed, claims: text };
  const role = claimed === undefined ? anonRole : JSON.stringify(claimed);
  if (role === undefined) throw refuse.anonymous();
  return { role, claims: withRole(text, role, Object.keys(claims).length === 0) };
}

/** The claims with `role` as their last member: where a name comes twice, Postgres and PostgREST take the last. */
function withRole(text: string, role: string, isEmpty: boolean): string {
  const member = `"role":${JSON.stringify(role)}`;
  return isEmpty ? `{${member}}` : `${text.trimEnd().slice(0, -1)},${member}}`;
}

/** Claims whose signature holds; their text is kept, since a JavaScript number would round a long one. */
interface Verified {
  readonly text: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** `undefined` for no token at all, which is anonymous; any other scheme counts as none. */
function bearerToken(authorization: string | undefined): string | undefined {
  const [, scheme = "", token = ""] = /^(\S*)\s*(.*)$/s.exec(authorization ?? "") ?? [];
  return scheme.toLowerCase() === "bearer" ? token : undefined;
}

/** @throws {Refused} PGRST301; PGRST303 for claims that cannot be read */
function verifySignature(token: string, keys: readonly VerifyingKey[]): Verified {
  if (token === "") throw refuse.token("Empty JWT is sent in Authorization header");
  const [header = "", payload = "", signature = "", ...more] = token.split(".");
  const parts = token.split(".").length;
  if (parts !== 3 || more.length > 0) throw refuse.token(`Expected 3 parts in JWT; got ${parts}`);
  const { alg, kid: named, enc } = decodeHeader(header);
  const kid = named ?? undefined;
  if (alg === "none")
    throw refuse.token(
      "Wrong or unsupported encoding algorithm",
      "JWT is unsecured but expected 'alg' was not 'none'",
    );
  const text = decodePart(payload);
  const signed = decodePart(signature);
  if (!isAlgorithm(alg) || enc !== undefined || (kid !== undefined && typeof kid !== "string"))
    throw unreadable();
  const suitable = keys.filter(
    (key) => key.algorithms.includes(alg) && (kid === undefined || key.kid === kid),
  );
  if (suitable.length === 0) throw noKey("No suitable key was found to decode the JWT");
  const content = `${header}.${payload}`;
  if (!suitable.some((key) => isSignedBy(key, { algorithm: alg, content, signature: signed })))
    throw noKey("None of the keys was able to decode the JWT");
  return parseClaims(text);
}

const unreadable = (): Error => refuse.token("JWT cryptographic operation failed");
const noKey = (details: string): Error => refuse.token("No suitable key or wrong key type", details);

function decodeHeader(part: string): Readonly<Record<string, unknown>> {
  const header = jsonObject(decodePart(part).toString("utf8"));
  if (header === undefined) throw unreadable();
  return header;
}

/** Base64url without padding, strictly: Node's decoder would skip other characters, and two texts would be one token. */
function decodePart(part: string): Buffer {
  if (!/^[A-Za-z0-9_-]*$/.test(part) || part.length % 4 === 1) throw unreadable();
  return Buffer.from(part, "base64url");
}

function parseClaims(bytes: Buffer): Verified {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const claims = jsonObject(text);
    if (claims === undefined) throw refuse.claims("Parsing claims failed");
    // PostgREST takes the first of two members with one name, JavaScript and Postgres the last: two identities in one token.
    if (membersIn(text) !== membersOf(claims)) throw refuse.notSpoken("claims that name a member twice");
    return { text, claims };
  } catch (error) {
    throw error instanceof Refused ? error : refuse.claims("Parsing claims failed");
  }
}

/** In JSON, a string before a colon names a member. */
function membersIn(json: string): number {
  return [...json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)].filter(([, colon]) => colon !== undefined).length;
}

function membersOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const inner = Object.values(value).reduce<number>((sum, member) => sum + membersOf(member), 0);
  return Array.isArray(value) ? inner : inner + Object.keys(value).length;
}

interface VerifyingKey {
  readonly kid: string | undefined;
  readonly algorithms: readonly Algorithm[];
  readonly key: KeyObject;
}

const hashes = {
  HS256: "sha256",
  HS384: "sha384",
  HS512: "sha512",
  RS256: "sha256",
  RS384: "sha384",
  RS512: "sha512",
  ES256: "sha256",
  ES384: "sha384",
  ES512: "sha512",
  // Hashes by itself.
  EdDSA: null,
} as const;

type Algorithm = keyof typeof hashes;

/** What a key of each kind can verify. */
const families: Readonly<Record<string, readonly Algorithm[]>> = {
  oct: ["HS256", "HS384", "HS512"],
  RSA: ["RS256", "RS384", "RS512"],
  EC: ["ES256", "ES384", "ES512"],
  OKP: ["EdDSA"],
};

function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === "string" && Object.hasOwn(hashes, name);
}

/**
 * Keys that can verify a signature; those for encryption are left out.
 * @throws {RowgateError} `gateway/jwk`
 */
function importKeys(jwks: readonly Jwk[]): VerifyingKey[] {
  return jwks.filter(({ use }) => use !== "enc").map(importKey);
}

function importKey(jwk: Jwk): VerifyingKey {
  const family = families[jwk.kty] ?? [];
  const algorithms = jwk.alg === undefined ? family : family.filter((name) => name === jwk.alg);
  try {
    if (family.length === 0) throw new Error(`keys of type ${jwk.kty} are not spoken`);
    return { kid: jwk.kid, algorithms, key: keyObject(jwk) };
  } catch (cause) {
    throw new RowgateError({
      code: "gateway/jwk",
      message: `a key that should verify tokens cannot be read${jwk.kid === undefined ? "" : `: ${jwk.kid}`}`,
      details: cause instanceof Error ? cause.message : undefined,
      hint: "give an RSA, EC, OKP or oct key as a JSON Web Key (RFC 7517)",
    });
  }
}

function keyObject(jwk: Jwk): KeyObject {
  if (jwk.kty !== "oct") return createPublicKey({ key: { ...jwk }, format: "jwk" });
  if (typeof jwk["k"] !== "string") throw new Error("it has no member k");
  return createSecretKey(Buffer.from(jwk["k"], "base64url"));
}

interface Signed {
  readonly algorithm: Algorithm;
  readonly content: string;
  readonly signature: Buffer;
}

/**
 * Whether `key` made the signature. Not `jsonwebtoken`'s verify, which reads the claims before the signature and so cannot
 * tell a forged token from one with unreadable claims, as PostgREST does.
 */
function isSignedBy({ key }: VerifyingKey, { algorithm, content, signature }: Signed): boolean {
  const hash = hashes[algorithm];
  if (key.type === "secret") {
    const expected = createHmac(hash ?? "sha256", key)
      .update(content)
      .digest();
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  }
  // JWS writes an EC signature as r and s side by side, not as DER.
  return verify(hash, Buffer.from(content), { key, dsaEncoding: "ieee-p1363" }, signature);
}
