import { expect, test } from "vitest";
import { parseMatrix } from "../../../src/matrix/parse.ts";
import { now } from "../../../src/lib/clock.ts";
import { defaultLimits, type Target } from "../../../src/model/target.ts";
import type { Claims } from "../../../src/persona/claims.ts";
import { signIn } from "../../../src/persona/sign-in.ts";
import type { RunRequest } from "../../../src/run.ts";

const matrix = parseMatrix(
  `matrix: case
personas:
  anon: { role: anon }
  ana: { role: authenticated, claims: { sub: u1 } }
  eve: { role: authenticated, claims: { sub: u2, aal: aal2, is_anonymous: true } }
  service: { role: service_role }
relations:
  notes: { expect: { '*': deny } }
`,
  "case.yaml",
  "2026-11-21",
);

const target: Target = {
  name: "staging",
  posture: "staging",
  database: { host: "h", port: 1, user: "u", password: "", database: "d" },
  rest: {
    url: "https://x",
    apiKey: undefined,
    gateway: { kind: "remote", version: "" },
    anonRole: "anon",
    login: "l",
  },
  signingKey: { algorithm: "HS256", secret: "a-secret-of-more-than-thirty-two-characters" },
  schemas: ["public"],
  preRequest: undefined,
  limits: defaultLimits,
};

function claimsOn(issuer: string | undefined, cells = 1): ReadonlyMap<string, Claims | undefined> {
  const request = { matrix, target: { ...target, issuer }, environment: {} } as unknown as RunRequest;
  const signed = signIn(request, { roles: [], base: new Map(), custom: new Set() }, now(), cells);
  return new Map([...signed].map(([name, { claims }]) => [name, claims]));
}

test("on Supabase, who is signed in has all claims that its auth server issues, and the matrix has the last word", () => {
  const claims = claimsOn("https://x.supabase.co/auth/v1");
  const issued = {
    iss: "https://x.supabase.co/auth/v1",
    aud: "authenticated",
    session_id: expect.any(String),
  };
  expect(claims.get("ana")).toMatchObject({ ...issued, sub: "u1", aal: "aal1", is_anonymous: false });
  expect(claims.get("eve")).toMatchObject({ ...issued, sub: "u2", aal: "aal2", is_anonymous: true });
  expect(claims.get("anon")).toEqual({ role: "anon" });
  expect(claims.get("service")).not.toHaveProperty("aal");
});

test("without a gateway, only who has claims has a token", () => {
  const parsed = parseMatrix(
    "matrix: case\npersonas: { ana: { role: authenticated, claims: { sub: u1 } }, eve: { role: authenticated, settings: { app.user: u2 } } }\n" +
      "relations: { notes: { expect: { '*': deny } } }\n",
    "case.yaml",
    "2026-11-21",
  );
  const direct = { ...target, rest: undefined, issuer: "http://127.0.0.1:54321/auth/v1" };
  const request = { matrix: parsed, target: direct, environment: {} } as unknown as RunRequest;
  const signed = signIn(request, { roles: [], base: new Map(), custom: new Set() }, now(), 1);
  expect(signed.get("ana")?.claims).toMatchObject({ sub: "u1", aal: "aal1" });
  expect(signed.get("eve")?.claims ?? {}).not.toHaveProperty("aal");
});

test("elsewhere a persona has its own and no more", () => {
  expect(claimsOn(undefined).get("ana")).toEqual({
    sub: "u1",
    role: "authenticated",
    iat: expect.any(Number),
    exp: expect.any(Number),
  });
});

test.each([
  [1, 900],
  [4_500, 900],
  [9_000, 1_800],
  [1_000_000, 3_600],
])("tokens for %d cells live %d seconds", (cells, lives) => {
  const { iat = 0, exp = 0 } = claimsOn(undefined, cells).get("ana") ?? {};
  expect(Number(exp) - Number(iat)).toBe(lives);
});
