import type { TokenRules } from "./config.ts";
import { keysOf } from "./config.ts";
import { refuse } from "./errors.ts";
import { importKeys } from "./keys.ts";
import { bearerToken, verifySignature } from "./token.ts";
import type { Verified } from "./token.ts";

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
