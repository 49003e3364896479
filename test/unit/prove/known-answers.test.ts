import { describe, expect, test } from "vitest";
import type { RelationInfo, RoleInfo } from "../../../src/model/catalog.ts";
import type { ProofAnswer } from "../../../src/model/proof.ts";
import { type GivenToProver, KnownAnswers } from "../../../src/prove/known-answers.ts";
import type { ProofRequest } from "../../../src/prove/prover.ts";

const options: GivenToProver = { heldClaims: new Set(["sub"]) };

function claims(more: object): Readonly<Record<string, string>> {
  return { "request.jwt.claims": JSON.stringify({ sub: "ana", ...more }) };
}

function token(iat: number, sessionId: string): object {
  const amr = [{ method: "password", timestamp: iat }];
  return { amr, session_id: sessionId, iat, exp: iat + 900 };
}

const first = token(1_700_000_000, "7c9e6679-7425-40de-944b-e07fc1f90ae7");
const asked: ProofRequest = {
  relation: { schema: "public", name: "notes" } as RelationInfo,
  role: { name: "authenticated" } as RoleInfo,
  operation: "insert",
  declared: { kind: "allow" },
  accepted: [{ session_id: "00000000-0000-4000-8000-000000000001" }],
  key: ["id"],
  persona: { name: "ana", role: "authenticated", settings: claims(first), identities: ["ana"] },
};
const found: ProofAnswer = { kind: "no-policy" };

describe("an answer of an earlier run", () => {
  const { persona } = asked;
  const later = token(1_700_000_100, "00000000-0000-4000-8000-00000000000a");
  const cases: readonly [what: string, again: ProofRequest, isKnown: boolean][] = [
    ["the same question", { ...asked, relation: { ...asked.relation } }, true],
    ["a token that was made later", { ...asked, persona: { ...persona, settings: claims(later) } }, true],
    [
      "a claim more",
      { ...asked, persona: { ...persona, settings: claims({ ...first, admin: true }) } },
      false,
    ],
    ["another declaration", { ...asked, declared: { kind: "deny" } }, false],
    [
      "a candidate with another session",
      { ...asked, accepted: [{ session_id: "00000000-0000-4000-8000-000000000002" }] },
      false,
    ],
    ["a check", { ...asked, check: "owner = 'ana'" }, false],
    ["another relation", { ...asked, relation: { ...asked.relation, rls: true } }, false],
  ];
  test.each(cases)("%s", (_, again, isKnown) => {
    const known = new KnownAnswers();
    known.of(options).keep(asked, found);
    expect(known.of(options).get(again)).toEqual(isKnown ? found : undefined);
  });

  test("is not known to a prover for whose personas other claims are held", () => {
    const known = new KnownAnswers();
    known.of(options).keep(asked, found);
    expect(known.of({ ...options, heldClaims: new Set(["sub", "aal"]) }).get(asked)).toBeUndefined();
  });

  test("is asked again where it may be otherwise by then", () => {
    const known = new KnownAnswers();
    known.of(options).keep(asked, { kind: "undecided", because: "too slow", within: [], toDecide: "time" });
    expect(known.of(options).get(asked)).toBeUndefined();
  });
});
