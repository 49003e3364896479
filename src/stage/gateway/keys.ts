import { createHmac, createPublicKey, createSecretKey, timingSafeEqual, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { RowgateError } from "../../model/errors.ts";
import type { Jwk } from "./config.ts";

export interface VerifyingKey {
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

export type Algorithm = keyof typeof hashes;

/** What a key of each kind can verify. */
const families: Readonly<Record<string, readonly Algorithm[]>> = {
  oct: ["HS256", "HS384", "HS512"],
  RSA: ["RS256", "RS384", "RS512"],
  EC: ["ES256", "ES384", "ES512"],
  OKP: ["EdDSA"],
};

export function isAlgorithm(name: unknown): name is Algorithm {
  return typeof name === "string" && Object.hasOwn(hashes, name);
}

/**
 * Keys that can verify a signature; those for encryption are left out.
 * @throws {RowgateError} `gateway/jwk`
 */
export function importKeys(jwks: readonly Jwk[]): VerifyingKey[] {
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

export interface Signed {
  readonly algorithm: Algorithm;
  readonly content: string;
  readonly signature: Buffer;
}

/**
 * Whether `key` made the signature. Not `jsonwebtoken`'s verify, which reads the claims before the signature and so cannot
 * tell a forged token from one with unreadable claims, as PostgREST does.
 */
export function isSignedBy({ key }: VerifyingKey, { algorithm, content, signature }: Signed): boolean {
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
