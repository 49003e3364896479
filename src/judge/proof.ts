import type { Cell } from "../model/cell.ts";
import type { Observation } from "../model/observation.ts";
import { restsOnRaised } from "../model/raised.ts";
import type { ProofAnswer, Witness } from "../model/proof.ts";
import type { Evidence, Judgement, Verdict } from "../model/verdict.ts";

/** A channel's verdict, and what the proof for all rows says of the same cell: a guess never stays a pass. */
export function withProof(
  cell: Cell,
  judgement: Judgement,
  proof: ProofAnswer | undefined,
  /** Why the proof does not speak for this channel. */
  differs?: string | undefined,
): Judgement {
  if (judgement.verdict === "vacuous" && proof?.kind === "hit" && differs === undefined)
    return shownWithoutData(cell, judgement, proof);
  if (judgement.verdict !== "pass") return judgement;
  const before = beforePolicies(cell, judgement);
  if (before !== undefined) return { ...judgement, evidence: before };
  const atHand = { ...judgement, evidence: "rows-at-hand" } as const;
  if (proof === undefined || differs !== undefined) return atHand;
  // More than everything cannot be allowed: where that is declared, what went through has shown it.
  if (cell.expectation.kind === "allow" && cell.check === undefined && doubts.has(proof.kind)) return atHand;
  if (isWiderThanDeclared(cell, proof))
    return refuted(judgement, "leak", `${shown(cell, proof)}, which is like no accepted candidate`);
  // Candidates alone bound nothing that was not seen to be let in.
  if (cell.expectation.kind === "candidates" && cell.check === undefined && doubts.has(proof.kind))
    return atHand;
  return (rules[proof.kind] as Rule<ProofAnswer["kind"]>)(cell, judgement, proof);
}

/** An error tells of one row only that the policies refused it: that, and nothing else, did it where the proof evaluated them for all rows. */
export function withRaise(cell: Cell, seen: Observation, judgement: Judgement): Judgement {
  const { verdict, evidence } = judgement;
  if (verdict !== "pass" || evidence === "all-rows" || evidence === "keys-that-exist") return judgement;
  if (!restsOnRaised(cell, seen)) return judgement;
  const because =
    "rows were refused by an error under `raises:`, and no proof for all rows shows that the policies raised it";
  return refuted(judgement, "inconclusive", because);
}

/** The data has no row that could show it; the proof has put one in, and a statement of the persona went through. */
function shownWithoutData(
  cell: Cell,
  judgement: Judgement,
  proof: Extract<ProofAnswer, { kind: "hit" }>,
): Judgement {
  const bounded = cell.check !== undefined || ["deny", "rows", "within"].includes(cell.expectation.kind);
  return bounded && !isOwnRowMissing(cell, proof) ? rules.hit(cell, judgement, proof) : judgement;
}

const doubts: ReadonlySet<ProofAnswer["kind"]> = new Set([
  "hit",
  "constraint-only",
  "undecided",
  "mismatch",
  "not-asked",
]);

/** A missing privilege refuses every row. */
export function beforePolicies({ operation }: Cell, { deniedBy }: Judgement): Evidence | undefined {
  if (deniedBy === "schema" || deniedBy === "grant" || deniedBy === "execute") return "privilege";
  return operation === "truncate" ? "privilege" : undefined;
}

type Rule<K extends ProofAnswer["kind"]> = (
  cell: Cell,
  judgement: Judgement,
  proof: Extract<ProofAnswer, { kind: K }>,
) => Judgement;

const rules: { readonly [K in ProofAnswer["kind"]]: Rule<K> } = {
  privilege: passes("privilege"),
  "no-policy": passes("no-policy"),
  "all-rows": (cell, judgement, { restsOn }) => resting(cell, judgement, "all-rows", restsOn),
  "keys-that-exist": (cell, judgement, { restsOn }) => resting(cell, judgement, "keys-that-exist", restsOn),
  // No policy holds back a role that is above them: what it may do hangs on its privileges alone.
  above: ({ expectation, check }, judgement, { because }) =>
    check === undefined
      ? { ...judgement, evidence: expectation.kind === "allow" ? "privilege" : "rows-at-hand" }
      : refuted(judgement, "error", `no policy holds it to \`check\`: ${because}`),
  "not-asked": ({ check }, judgement, { because, isChecked = false }) =>
    check === undefined || isChecked
      ? { ...judgement, evidence: "rows-at-hand" }
      : refuted(judgement, "inconclusive", `\`check\` is not tested: ${because}`),
  hit: (cell, judgement, proof) => {
    if (proof.side === "less")
      return refuted(judgement, "lockout", `${shown(cell, proof)}, which the matrix declares`);
    if (isOwnRowMissing(cell, proof)) {
      const because = `${judgement.because}; the policies would allow a row of the persona's own, and the data has none`;
      const passing = { ...judgement, because };
      return proof.restsOn === undefined
        ? { ...passing, evidence: "rows-at-hand" }
        : resting(cell, passing, "rows-at-hand", proof.restsOn);
    }
    return refuted(judgement, "leak", shown(cell, proof));
  },
  "constraint-only": (_cell, judgement, { message, witness }) =>
    refuted(
      judgement,
      "inconclusive",
      `the policies let in ${rowText(witness)}, and only a constraint or a trigger stopped it: ${message}`,
    ),
  undecided: (_cell, judgement, { because, within, toDecide }) =>
    refuted(
      judgement,
      "inconclusive",
      `not decided for all rows: ${[because, ...within].filter((text) => text !== "").join(", in ")}. To decide it: ${toDecide}`,
    ),
  mismatch: (_cell, judgement, { message, witness }) =>
    refuted(
      judgement,
      "inconclusive",
      `the policy's expression and the statement disagree about ${rowText(witness)}: ${message}`,
    ),
};

/**
 * A deny of reading or changing, and only rows that name the persona itself would be in reach: true of the rows that are there,
 * and a note. Of an INSERT it is a leak, since no other user has to act first; where rows are declared, the declaration is wrong.
 */
export function isOwnRowMissing(
  { expectation, operation }: Cell,
  proof: ProofAnswer,
): proof is Extract<ProofAnswer, { kind: "hit" }> {
  return (
    proof.kind === "hit" &&
    proof.side === "more" &&
    proof.own &&
    proof.setup !== undefined &&
    expectation.kind === "deny" &&
    operation !== "insert"
  );
}

/** Accepted candidates alone are declared, and the policies let in a row that is like none of them. */
export function isWiderThanDeclared(
  { expectation, check }: Cell,
  proof: ProofAnswer,
): proof is Extract<ProofAnswer, { kind: "hit" }> {
  return expectation.kind === "candidates" && check === undefined && proof.kind === "hit";
}

function passes(evidence: Evidence): (cell: Cell, judgement: Judgement) => Judgement {
  return (_cell, judgement) => ({ ...judgement, evidence });
}

/** It holds for the claims that personas of the matrix hold, and for now: others are a reason not to call it proved. */
function resting(
  { expectation, persona }: Cell,
  judgement: Judgement,
  evidence: Evidence,
  { claims, time, anyTables }: Extract<ProofAnswer, { kind: "all-rows" }>["restsOn"],
): Judgement {
  if (expectation.kind === "allow") return { ...judgement, evidence };
  const [claim] = claims;
  if (claim !== undefined)
    return refuted(
      judgement,
      "inconclusive",
      `the policy would open for a token with the claim ${claim.claim} (${claim.sql}), which no persona of the matrix holds: declare a persona that does, ${personaWith(claim.claim, persona)}`,
    );
  const [when] = time;
  if (when !== undefined)
    return refuted(
      judgement,
      "inconclusive",
      `it holds at this moment only: ${when} changes. Waive it with a reason, or let a row's own times decide`,
    );
  return { ...judgement, evidence, ...(evidence !== "rows-at-hand" && anyTables && { anyTables }) };
}

/** A second factor has one value, and is written out as YAML to add under `personas:`. */
function personaWith(claim: string, persona: Cell["persona"]): string {
  if (claim !== "aal") return "with the claim under its `claims:`";
  const { name, role, claims } = persona;
  const own = ["sub", "email"].flatMap((key) =>
    typeof claims?.[key] === "string" ? [`${key}: ${claims[key]}`] : [],
  );
  return `\`${name}_aal2: { role: ${role}, claims: { ${[...own, "aal: aal2"].join(", ")} } }\``;
}

function refuted(judgement: Judgement, verdict: Verdict, because: string): Judgement {
  return {
    ...judgement,
    verdict,
    because,
    effect: verdict === "leak" ? "allowed" : judgement.effect,
    evidence: undefined,
    fromProof: true,
  };
}

/** What the witness showed, in words. */
function shown(
  { operation }: Cell,
  { witness, side, setup, rows }: Extract<ProofAnswer, { kind: "hit" }>,
): string {
  const put =
    setup === undefined ? "" : " (no such row is in the data: it was put in, and the transaction undone)";
  const what =
    rows === "new" && operation !== "insert"
      ? side === "more"
        ? "a row may become"
        : "no row may become"
      : side === "more"
        ? `${operation.replace("_", " ")} reaches`
        : `${operation.replace("_", " ")} does not reach`;
  return `${what} ${rowText(witness)}${put}`;
}

const shownLength = 300;

function rowText(witness: Witness): string {
  const text = JSON.stringify(witness);
  return `the row ${text.length > shownLength ? `${text.slice(0, shownLength)}…` : text}`;
}
