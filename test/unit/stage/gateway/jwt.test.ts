import { createHmac, generateKeyPairSync, sign as signWith } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { TokenRules } from "../../../../src/stage/gateway/config.ts";
import { verifiedBy } from "../../../support/gateway.ts";
import { Refused } from "../../../../src/stage/gateway/errors.ts";
import { authenticator } from "../../../../src/stage/gateway/jwt.ts";

const secret = "a-secret-of-the-tests-with-at-least-32-bytes";
const now = 1_800_000_000;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const otherRsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");
type Pair = typeof rsa;

beforeAll(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: now * 1000 });
});
afterAll(() => {
  vi.useRealTimers();
});

const encode = (part: unknown): string =>
  Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");

/** A token, signed by hand so that nothing keeps it from being wrong. */
function token(
  claims: unknown,
  { key = secret as string | Pair["privateKey"], ...header }: Record<string, unknown> = {},
): string {
  const alg = (header["alg"] as string | undefined) ?? "HS256";
  const content = `${encode({ alg, typ: "JWT", ...header })}.${encode(claims)}`;
  return `${content}.${signature(alg, content, key as string | Pair["privateKey"]).toString("base64url")}`;
}

function signature(alg: string, content: string, key: string | Pair["privateKey"]): Buffer {
  if (typeof key === "string") return createHmac("sha256", key).update(content).digest();
  const hash = alg === "EdDSA" ? null : `sha${alg.slice(2)}`;
  return signWith(hash, Buffer.from(content), { key, dsaEncoding: "ieee-p1363" });
}

function outcome(
  rules: TokenRules,
  authorization: string | undefined,
  anonRole: string | null = "anon",
): unknown {
  try {
    return authenticator(rules, anonRole ?? undefined)(authorization);
  } catch (error) {
    if (error instanceof Refused)
      return `${error.refusal.status} ${error.refusal.code} ${error.refusal.message}`;
    throw error;
  }
}

const hs = { secret };
const user = { role: "authenticated", sub: "alice" };
const asUser = { role: "authenticated", claims: JSON.stringify(user) };
const noKey = "401 PGRST301 No suitable key or wrong key type";
const broken = "401 PGRST301 JWT cryptographic operation failed";

const pem = ({ privateKey }: { privateKey: Pair["privateKey"] }): string =>
  privateKey.export({ type: "pkcs8", format: "pem" }).toString();

describe("who a request acts as", () => {
  const cases: readonly [string, string | undefined, unknown][] = [
    ["a token", `Bearer ${token(user)}`, asUser],
    ["a lower-case scheme", `bearer   ${token(user)}`, asUser],
    ["no header", undefined, { role: "anon", claims: '{"role":"anon"}' }],
    ["an empty header", "", { role: "anon", claims: '{"role":"anon"}' }],
    ["another scheme", "Basic YTpi", { role: "anon", claims: '{"role":"anon"}' }],
    ["a token without a scheme", token(user), { role: "anon", claims: '{"role":"anon"}' }],
    ["no role", `Bearer ${token({ sub: "x" })}`, { role: "anon", claims: '{"sub":"x","role":"anon"}' }],
    [
      "a role that is a number",
      `Bearer ${token({ role: 5 })}`,
      { role: "5", claims: '{"role":5,"role":"5"}' },
    ],
    [
      "a role that is null",
      `Bearer ${token({ role: null })}`,
      { role: "null", claims: '{"role":null,"role":"null"}' },
    ],
    [
      "a long number",
      `Bearer ${token('{"role":"r","n":12345678901234567890}')}`,
      { role: "r", claims: '{"role":"r","n":12345678901234567890}' },
    ],
    [
      "a text that looks like members",
      `Bearer ${token({ role: "r", t: '","a":1,"', u: [":", "b"] })}`,
      expect.objectContaining({ role: "r" }),
    ],
    [
      "a member named twice",
      `Bearer ${token('{"role":"r","role":"s"}')}`,
      expect.stringMatching(/^501 ROWGATE501/),
    ],
    [
      "a member named twice, within",
      `Bearer ${token('{"role":"r","m":{"a":1,"a":2}}')}`,
      expect.stringMatching(/^501 ROWGATE501/),
    ],
    ["the scheme alone", "Bearer", "401 PGRST301 Empty JWT is sent in Authorization header"],
    ["two parts", "Bearer a.b", "401 PGRST301 Expected 3 parts in JWT; got 2"],
    ["four parts", "Bearer a.b.c.d", "401 PGRST301 Expected 3 parts in JWT; got 4"],
    ["rubbish", "Bearer a.b.c", broken],
    ["another secret", `Bearer ${token(user, { key: `${secret}x` })}`, noKey],
    [
      "no algorithm",
      `Bearer ${token(user, { alg: "none" })}`,
      "401 PGRST301 Wrong or unsupported encoding algorithm",
    ],
    ["an unknown algorithm", `Bearer ${token(user, { alg: "PS256" })}`, broken],
    ["another algorithm", `Bearer ${token(user, { alg: "HS512" })}`, noKey],
    ["a key's name that nobody has", `Bearer ${token(user, { kid: "x" })}`, noKey],
    ["a key's name that is null", `Bearer ${token(user, { kid: null })}`, asUser],
    ["padding", `Bearer ${token(user)}=`, broken],
    ["a list", `Bearer ${token([1])}`, "401 PGRST303 Parsing claims failed"],
    ["no JSON", `Bearer ${token("{")}`, "401 PGRST303 Parsing claims failed"],
  ];

  test.each(cases)("%s", (_, authorization, expected) => {
    expect(outcome(hs, authorization)).toEqual(expected);
  });

  test("a changed byte of any part is refused", () => {
    const good = token(user);
    for (const at of [5, good.indexOf(".") + 5, good.lastIndexOf(".") + 5]) {
      const bad = `${good.slice(0, at)}${good[at] === "A" ? "B" : "A"}${good.slice(at + 1)}`;
      expect(outcome(hs, `Bearer ${bad}`), bad).toMatch(/^401 PGRST301/);
    }
  });

  test("without keys a token is the server's fault; without an anon role nobody is anonymous", () => {
    expect(outcome({}, `Bearer ${token(user)}`)).toBe("500 PGRST300 Server lacks JWT secret");
    expect(outcome(hs, undefined, null)).toBe("401 PGRST302 Anonymous access is disabled");
  });
});

describe("claims", () => {
  const cases: readonly [object, string | undefined][] = [
    [{ exp: now - 30 }, undefined],
    [{ exp: now - 31 }, "JWT expired"],
    [{ exp: now + 0.5 }, "JWT expired"],
    [{ exp: "soon" }, "The JWT 'exp' claim must be a number"],
    [{ exp: null }, undefined],
    [{ nbf: now + 30 }, undefined],
    [{ nbf: now + 31 }, "JWT not yet valid"],
    [{ iat: now + 30 }, undefined],
    [{ iat: now + 31 }, "JWT issued at future"],
    [{ exp: now - 31, nbf: now + 31 }, "JWT expired"],
    [{ aud: "me" }, undefined],
    [{ aud: ["you", "me"] }, undefined],
    [{ aud: [] }, undefined],
    [{}, undefined],
    [{ aud: "you" }, "JWT not in audience"],
    [{ aud: ["you"] }, "JWT not in audience"],
    [{ aud: 5 }, "The JWT 'aud' claim must be a string or an array of strings"],
    [{ aud: ["me", 5] }, "The JWT 'aud' claim must be a string or an array of strings"],
  ];

  test.each(cases)("%j", (claims, message) => {
    const said = outcome({ secret, audience: "me" }, `Bearer ${token({ role: "r", ...claims })}`);
    expect(said).toEqual(
      message === undefined
        ? { role: "r", claims: JSON.stringify({ role: "r", ...claims }) }
        : `401 PGRST303 ${message}`,
    );
  });

  test("expire also for a token that was good before", () => {
    const authenticate = authenticator(hs, "anon");
    const authorization = `Bearer ${token({ ...user, exp: now })}`;
    expect(authenticate(authorization)).toMatchObject({ role: "authenticated" });
    vi.setSystemTime((now + 31) * 1000);
    try {
      expect(() => authenticate(authorization)).toThrow("JWT expired");
    } finally {
      vi.setSystemTime(now * 1000);
    }
  });
});

describe("keys", () => {
  const rules: TokenRules = {
    jwks: [
      ...(verifiedBy({ algorithm: "RS256", privateKeyPem: pem(rsa), keyId: "r" }).jwks ?? []),
      ...(verifiedBy({ algorithm: "ES256", privateKeyPem: pem(ec), keyId: "e" }).jwks ?? []),
      { ...ed.publicKey.export({ format: "jwk" }), kty: "OKP" },
      { ...otherRsa.publicKey.export({ format: "jwk" }), kty: "RSA", use: "enc" },
    ],
  };
  const cases: readonly [string, string, unknown][] = [
    ["RS256 by its kid", token(user, { alg: "RS256", kid: "r", key: rsa.privateKey }), asUser],
    ["RS256 without a kid", token(user, { alg: "RS256", key: rsa.privateKey }), asUser],
    ["RS256 by the other's kid", token(user, { alg: "RS256", kid: "e", key: rsa.privateKey }), noKey],
    ["RS512 with a key for RS256", token(user, { alg: "RS512", kid: "r", key: rsa.privateKey }), noKey],
    ["RS256 by a stranger", token(user, { alg: "RS256", key: otherRsa.privateKey }), noKey],
    ["ES256", token(user, { alg: "ES256", kid: "e", key: ec.privateKey }), asUser],
    ["EdDSA", token(user, { alg: "EdDSA", key: ed.privateKey }), asUser],
    [
      "HS256 with a public key for a secret",
      token(user, { key: rsa.publicKey.export({ type: "spki", format: "pem" }).toString() }),
      noKey,
    ],
  ];

  test.each(cases)("%s", (_, text, expected) => {
    expect(outcome(rules, `Bearer ${text}`)).toEqual(expected);
  });

  test("verifiedBy holds no private part, and keeps a secret's kid", () => {
    for (const jwk of rules.jwks ?? []) expect(jwk).not.toHaveProperty("d");
    const named = verifiedBy({ algorithm: "HS256", secret, keyId: "k" });
    expect(outcome(named, `Bearer ${token(user, { kid: "k" })}`)).toEqual(asUser);
    expect(outcome(named, `Bearer ${token(user, { kid: "x" })}`)).toBe(noKey);
  });
});
