import { generateKeyPairSync } from "node:crypto";
import jwt from "jsonwebtoken";
import { describe, expect, it } from "vitest";
import { RowgateError } from "../../../src/model/errors.ts";
import type { SigningKey } from "../../../src/model/target.ts";
import { identityOf, type IdentityOptions, mint } from "../../../src/persona/identity.ts";
import { persona } from "./persona.ts";

const secret = "a-secret-of-more-than-thirty-two-characters";
const options: IdentityOptions = {
  lifetime: { issuedAt: 1_000, expiresAt: 1_300 },
  anonRole: "anon",
  key: { algorithm: "HS256", secret },
  handedIn: undefined,
};
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = { type: "pkcs8", format: "pem" } as const;

describe("mint", () => {
  it.each([
    { key: { algorithm: "HS256", secret, keyId: "k1" } satisfies SigningKey, verifyWith: secret },
    {
      key: {
        algorithm: "RS256",
        privateKeyPem: rsa.privateKey.export(pem).toString(),
        keyId: "k2",
      } satisfies SigningKey,
      verifyWith: rsa.publicKey,
    },
    {
      key: { algorithm: "ES256", privateKeyPem: ec.privateKey.export(pem).toString() } satisfies SigningKey,
      verifyWith: ec.publicKey,
    },
  ])("signs with $key.algorithm, names the key, and adds no claim of its own", ({ key, verifyWith }) => {
    const token = mint({ sub: "7c9e", role: "authenticated" }, key);
    const { header, payload } = jwt.verify(token, verifyWith, {
      complete: true,
      algorithms: [key.algorithm],
    });
    expect(payload).toEqual({ sub: "7c9e", role: "authenticated" });
    expect(header).toEqual({ alg: key.algorithm, typ: "JWT", ...("keyId" in key ? { kid: key.keyId } : {}) });
  });

  it.each([{}, { iat: 0 }, { iat: 1, exp: "soon" }])("signs the claims %j as they are", (claims) => {
    const token = mint(claims, { algorithm: "HS256", secret });
    expect(jwt.verify(token, secret, { ignoreExpiration: true, complete: true }).payload).toEqual(claims);
  });

  it("gives the same token for the same claims", () => {
    const key: SigningKey = { algorithm: "HS256", secret };
    expect(mint({ iat: 1, exp: 2 }, key)).toBe(mint({ iat: 1, exp: 2 }, key));
  });

  it.each<{ name: string; key: SigningKey }>([
    { name: "text that is no key", key: { algorithm: "RS256", privateKeyPem: "hush-hush" } },
    {
      name: "a key of another kind",
      key: { algorithm: "ES256", privateKeyPem: rsa.privateKey.export(pem).toString() },
    },
    { name: "an empty secret", key: { algorithm: "HS256", secret: "" } },
  ])("refuses $name, without showing the key", ({ key }) => {
    const error = thrown(() => mint({}, key));
    expect(error.code).toBe("persona/cannot-sign");
    expect(JSON.stringify({ ...error, message: error.message })).not.toMatch(/hush-hush|PRIVATE KEY/);
  });
});

describe("identityOf", () => {
  it("mints a token that carries exactly the claims of the session", () => {
    const identity = identityOf(persona({ claims: { sub: "7c9e" } }), options);
    expect(jwt.decode(identity.token ?? "")).toEqual(identity.claims);
    expect(identity.claims).toEqual({ iat: 1_000, exp: 1_300, sub: "7c9e", role: "authenticated" });
  });

  it.each([
    { name: "anon sends none", given: persona({ role: "anon" }), over: {}, claims: { role: "anon" } },
    {
      name: "nobody sends one where there is no gateway, and who has no claims gets none",
      given: persona({ role: "clawtrol_app" }),
      over: { anonRole: undefined, key: undefined },
      claims: undefined,
    },
    {
      name: "who logs in by itself sends none to the gateway that there is",
      given: persona({ login: "worker", role: "authenticated", claims: { sub: "x" } }),
      over: { key: undefined },
      claims: { iat: 1_000, exp: 1_300, sub: "x", role: "authenticated" },
    },
    {
      name: "claims reach the session even where there is no gateway",
      given: persona({ claims: { sub: "x" } }),
      over: { anonRole: undefined, key: undefined },
      claims: { iat: 1_000, exp: 1_300, sub: "x", role: "authenticated" },
    },
  ])("token: $name", ({ given, over, claims }) => {
    expect(identityOf(given, { ...options, ...over })).toEqual({
      persona: given,
      claims,
      settings: given.settings,
      token: undefined,
    });
  });

  it("takes a token that is handed in, and its claims with it", () => {
    const token = jwt.sign({ sub: "7c9e", role: "authenticated", exp: 2_000, aal: "aal1" }, "not ours", {
      noTimestamp: true,
    });
    const given = persona({ tokenFrom: "ANA_TOKEN", claims: { sub: "7c9e" } });
    const identity = identityOf(given, { ...options, key: undefined, handedIn: ` ${token}\n` });
    expect(identity.token).toBe(token);
    expect(identity.claims).toEqual({ sub: "7c9e", role: "authenticated", exp: 2_000, aal: "aal1" });
  });

  it.each([
    { code: "persona/token-missing", payload: undefined, claims: undefined },
    { code: "persona/token-unreadable", payload: "not.a.token", claims: undefined },
    { code: "persona/token-expired", payload: { role: "authenticated", exp: 1_000 }, claims: undefined },
    { code: "persona/token-contradicts-matrix", payload: { role: "service_role" }, claims: undefined },
    { code: "persona/token-contradicts-matrix", payload: { sub: "7c9e" }, claims: undefined },
    {
      code: "persona/token-contradicts-matrix",
      payload: { role: "authenticated", sub: "a" },
      claims: { sub: "b" },
    },
    {
      code: "persona/token-contradicts-matrix",
      payload: { role: "authenticated", app_metadata: { orgs: [1, 2] } },
      claims: { app_metadata: { orgs: [1] } },
    },
  ])("refuses a handed-in token $payload as $code", ({ code, payload, claims }) => {
    const token =
      typeof payload === "object" ? jwt.sign(payload, "hush-hush", { noTimestamp: true }) : payload;
    const given = persona({ tokenFrom: "ANA_TOKEN", claims });
    const error = thrown(() => identityOf(given, { ...options, handedIn: token }));
    expect(error.code).toBe(code);
    expect(error.message).toContain("ANA_TOKEN");
    expect(error.message + error.hint).not.toContain(token ?? "hush-hush");
  });

  it("asks for a key where a token must be signed", () => {
    const error = thrown(() => identityOf(persona({}), { ...options, key: undefined }));
    expect(error.code).toBe("persona/no-signing-key");
  });
});

function thrown(act: () => unknown): RowgateError {
  try {
    act();
  } catch (error) {
    if (error instanceof RowgateError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
