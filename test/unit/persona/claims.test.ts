import { describe, expect, it } from "vitest";
import { RowgateError } from "../../../src/model/errors.ts";
import { sessionClaims } from "../../../src/persona/claims.ts";
import { claimsLeftOut, issuedClaims, supabaseClaims } from "../../../src/persona/supabase.ts";
import { persona } from "./persona.ts";

const lifetime = { issuedAt: 1_000, expiresAt: 1_300 };

describe("sessionClaims", () => {
  it.each([
    {
      name: "anon without claims sends no token, and the session holds what PostgREST writes there",
      persona: persona({ role: "anon" }),
      expected: { claims: { role: "anon" }, needsToken: false },
    },
    {
      name: "another role without claims still needs a token, for its role",
      persona: persona({ role: "service_role" }),
      expected: { claims: { iat: 1_000, exp: 1_300, role: "service_role" }, needsToken: true },
    },
    {
      name: "anon with claims needs a token to carry them",
      persona: persona({ role: "anon", claims: { tenant: 7 } }),
      expected: { claims: { iat: 1_000, exp: 1_300, tenant: 7, role: "anon" }, needsToken: true },
    },
    {
      name: "empty claims are claims",
      persona: persona({ role: "anon", claims: {} }),
      expected: { claims: { iat: 1_000, exp: 1_300, role: "anon" }, needsToken: true },
    },
    {
      name: "claims stand as written, with the role beside them",
      persona: persona({ claims: { sub: "7c9e", app_metadata: { school: 1, tags: ["a", null] } } }),
      expected: {
        claims: {
          iat: 1_000,
          exp: 1_300,
          sub: "7c9e",
          app_metadata: { school: 1, tags: ["a", null] },
          role: "authenticated",
        },
        needsToken: true,
      },
    },
    {
      name: "times that the matrix gives are kept",
      persona: persona({ claims: { iat: 1, exp: 2 } }),
      expected: { claims: { iat: 1, exp: 2, role: "authenticated" }, needsToken: true },
    },
    {
      name: "a role claim that says the same is no contradiction",
      persona: persona({ claims: { role: "authenticated" } }),
      expected: { claims: { iat: 1_000, exp: 1_300, role: "authenticated" }, needsToken: true },
    },
  ])("$name", ({ persona: given, expected }) => {
    expect(sessionClaims(given, lifetime, "anon")).toEqual(expected);
  });

  it.each([{ role: "service_role" }, { role: null }, { role: 7 }])(
    "refuses the claims $role that contradict the persona's role",
    (claims) => {
      const error = thrown(() => sessionClaims(persona({ claims }), lifetime, "anon"));
      expect(error.code).toBe("persona/role-contradicts-claim");
      expect(error.at).toEqual({ file: "m.yaml", line: 3, column: 5 });
    },
  );

  it("lets the matrix overrule what an auth server would add", () => {
    const signedIn = persona({ claims: { sub: "7c9e", aal: "aal2" } });
    const defaults = supabaseClaims(signedIn, {
      issuer: "https://x/auth/v1",
      sessionId: "s",
      signedInAt: 1_000,
    });
    const { claims } = sessionClaims(signedIn, lifetime, "anon", defaults);
    expect(claims).toMatchObject({
      aal: "aal2",
      aud: "authenticated",
      is_anonymous: false,
      session_id: "s",
      sub: "7c9e",
    });
  });

  const session = { sessionId: "s", signedInAt: 1 };
  it.each([
    { why: "no persona speaks of aal", others: [], aal: "aal1" },
    { why: "another user states aal", others: [{ sub: "8d0f", aal: "aal1" }], aal: "aal1" },
    { why: "the same user states another aal", others: [{ sub: "7c9e", aal: "aal2" }], aal: "aal1" },
    {
      why: "its equal states just what a real token has",
      others: [{ sub: "7c9e", aal: "aal1" }],
      aal: undefined,
    },
    { why: "an equal states more", others: [{ sub: "7c9e", aal: "aal1", plan: "paid" }], aal: "aal1" },
  ])("a persona without aal has $aal where $why", ({ others, aal }) => {
    const odd = persona({ claims: { sub: "7c9e" } });
    const all = [odd, ...others.map((claims) => persona({ claims }))];
    expect(issuedClaims(odd, "https://x", session, all)["aal"]).toBe(aal);
    expect(claimsLeftOut(all, "https://x")).toEqual(
      aal === undefined ? [{ kind: "claims-left-out", persona: odd.name, claims: ["aal"] }] : [],
    );
  });

  it("adds nothing to an API key's role", () => {
    const key = persona({ role: "service_role" });
    expect(supabaseClaims(key, { issuer: "https://x", sessionId: "s", signedInAt: 1 })).toEqual({});
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
