import { expect, test } from "vitest";
import { differsThroughGateway, type GatewaySessions } from "../../../src/judge/same-policies.ts";
import { withProof } from "../../../src/judge/proof.ts";
import type { SessionFact } from "../../../src/model/catalog.ts";
import type { Cell } from "../../../src/model/cell.ts";
import type { ProofAnswer } from "../../../src/model/proof.ts";
import type { Judgement } from "../../../src/model/verdict.ts";

const gateway: GatewaySessions = {
  kind: "builtin",
  anonRole: "anon",
  identityShown: true,
  tokensChecked: true,
  asksWhoLoggedIn: false,
};
const proved: ProofAnswer = {
  kind: "all-rows",
  by: "relaxation",
  restsOn: { claims: [], time: [], relations: [] },
};
const byPath: ProofAnswer = {
  ...proved,
  restsOn: { claims: [], time: [], relations: [], byPath: ["public.f"] },
};
const header: SessionFact = {
  schema: "public",
  name: "docs",
  kind: "client",
  place: "policy web on docs",
  fact: "request.headers",
  command: "all",
  roles: ["public"],
  routine: null,
};
const passed: Judgement = { verdict: "pass", effect: "filtered", deniedBy: "filter", because: "as declared" };

function cell(
  over: {
    readonly role?: string;
    readonly claims?: Record<string, string> | undefined;
    readonly facts?: readonly SessionFact[];
  } = {},
): Cell {
  const { role = "authenticated", facts = [] } = over;
  const claims = "claims" in over ? over.claims : { sub: "u1" };
  return {
    persona: { name: "ana", role, claims, tokenFrom: undefined },
    role: { name: role, inherits: [role, "public"], superuser: false, bypassRls: false },
    operation: "select",
    expectation: { kind: "deny", reason: undefined },
    relation: { info: { kind: "table", policies: [] }, facts },
  } as unknown as Cell;
}

test.each([
  { name: "the same in all that policies read", of: cell(), says: undefined },
  {
    name: "without a token, as the role of the gateway",
    of: cell({ role: "anon", claims: undefined }),
    says: undefined,
  },
  {
    name: "without a token, as another role",
    of: cell({ role: "anon", claims: undefined }),
    with: { anonRole: "web_anon" },
    says: "another role",
  },
  { name: "no identity was seen to arrive", of: cell(), with: { identityShown: false }, says: "sub arrives" },
  { name: "tokens are not checked", of: cell(), with: { tokensChecked: false }, says: "check tokens" },
  { name: "a policy reads a header", of: cell({ facts: [header] }), says: "request.headers" },
  { name: "a policy reads who logged in", of: cell(), with: { asksWhoLoggedIn: true }, says: "logged in" },
  {
    name: "another search_path of a remote gateway",
    of: cell(),
    with: { kind: "remote" },
    proof: byPath,
    says: "search_path",
  },
  {
    name: "a remote gateway, and nothing is found by search_path",
    of: cell(),
    with: { kind: "remote" },
    says: undefined,
  },
  {
    name: "a function by search_path, behind a gateway of rowgate's own",
    of: cell(),
    proof: byPath,
    says: undefined,
  },
] as const)("$name", ({ of, says, ...rest }) => {
  const proof = "proof" in rest ? rest.proof : proved;
  const differs = differsThroughGateway(of, { ...gateway, ...("with" in rest ? rest.with : {}) }, proof);
  expect(differs === undefined).toBe(says === undefined);
  expect(differs ?? "").toContain(says ?? "");
  // What is not the same keeps what its own probes showed.
  const { evidence } = withProof(of, passed, proof, differs);
  expect(evidence).toBe(says === undefined ? "all-rows" : "rows-at-hand");
});
