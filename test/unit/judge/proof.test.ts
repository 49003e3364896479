import { expect, test } from "vitest";
import { withProof } from "../../../src/judge/proof.ts";
import type { Cell } from "../../../src/model/cell.ts";
import type { ProofAnswer } from "../../../src/model/proof.ts";
import { type Judgement, verdicts } from "../../../src/model/verdict.ts";

const passed: Judgement = { verdict: "pass", effect: "filtered", deniedBy: "filter", because: "as declared" };
const nothing = { claims: [], time: [], relations: [] };
const witness = { id: "9" };
const hit = {
  kind: "hit",
  side: "more",
  rows: "old",
  own: false,
  statement: "select",
  setup: "insert",
  witness,
} as const;

const answers = {
  "no privilege": { kind: "privilege", missing: "SELECT" },
  "no policy": { kind: "no-policy" },
  proved: { kind: "all-rows", by: "relaxation", restsOn: nothing },
  "proved for keys": { kind: "keys-that-exist", keys: [], restsOn: nothing },
  "a claim nobody holds": {
    kind: "all-rows",
    by: "relaxation",
    restsOn: { ...nothing, claims: [{ claim: "tier", sql: "x" }] },
  },
  "for now": { kind: "all-rows", by: "relaxation", restsOn: { ...nothing, time: ["now() < '2030-01-01'"] } },
  "above policies": { kind: "above", because: "owner" },
  "anybody's row": hit,
  "an own row that was put in": { ...hit, own: true },
  "an own row that is there": { ...hit, own: true, setup: undefined },
  "a declared row kept back": { ...hit, side: "less" },
  "a constraint alone": { kind: "constraint-only", message: "check", witness },
  undecided: { kind: "undecided", because: "md5(code) = 'x'", within: [], toDecide: "a waiver" },
  "expression and effect disagree": { kind: "mismatch", message: "refused", witness },
  "not asked": { kind: "not-asked", because: "a view" },
} satisfies Record<string, ProofAnswer>;

type Row = readonly [answer: keyof typeof answers, deny: string, insert: string, rows: string, allow: string];

/** What becomes of a pass: its evidence, or another verdict. */
const table: readonly Row[] = [
  ["no privilege", "privilege", "privilege", "privilege", "privilege"],
  ["no policy", "no-policy", "no-policy", "no-policy", "no-policy"],
  ["proved", "all-rows", "all-rows", "all-rows", "all-rows"],
  ["proved for keys", "keys-that-exist", "keys-that-exist", "keys-that-exist", "keys-that-exist"],
  ["a claim nobody holds", "inconclusive", "inconclusive", "inconclusive", "all-rows"],
  ["for now", "inconclusive", "inconclusive", "inconclusive", "all-rows"],
  ["above policies", "rows-at-hand", "rows-at-hand", "rows-at-hand", "privilege"],
  ["anybody's row", "leak", "leak", "leak", "rows-at-hand"],
  ["an own row that was put in", "rows-at-hand", "leak", "leak", "rows-at-hand"],
  ["an own row that is there", "leak", "leak", "leak", "rows-at-hand"],
  ["a declared row kept back", "lockout", "lockout", "lockout", "rows-at-hand"],
  ["a constraint alone", "inconclusive", "inconclusive", "inconclusive", "rows-at-hand"],
  ["undecided", "inconclusive", "inconclusive", "inconclusive", "rows-at-hand"],
  ["expression and effect disagree", "inconclusive", "inconclusive", "inconclusive", "rows-at-hand"],
  ["not asked", "rows-at-hand", "rows-at-hand", "rows-at-hand", "rows-at-hand"],
];

function outcome(of: Pick<Cell, "operation" | "expectation">, answer: keyof typeof answers): string {
  const { verdict, evidence } = withProof(of as Cell, passed, answers[answer]);
  return verdict === "pass" ? (evidence ?? "none") : verdict;
}

test("every answer of the proof has its row", () => {
  expect(table.map(([answer]) => answer).toSorted()).toEqual(Object.keys(answers).toSorted());
});

test.each(table)("%s", (answer, deny, insert, rows, allow) => {
  expect(outcome({ operation: "select", expectation: { kind: "deny", reason: undefined } }, answer)).toBe(
    deny,
  );
  expect(outcome({ operation: "insert", expectation: { kind: "deny", reason: undefined } }, answer)).toBe(
    insert,
  );
  expect(
    outcome({ operation: "delete", expectation: { kind: "rows", name: "own", predicate: "true" } }, answer),
  ).toBe(rows);
  expect(outcome({ operation: "update", expectation: { kind: "allow" } }, answer)).toBe(allow);
});

test.each(verdicts.filter((one) => one !== "pass"))("a proof never makes a pass of %s", (verdict) => {
  const cell = { operation: "select", expectation: { kind: "deny", reason: undefined } } as Cell;
  expect(withProof(cell, { ...passed, verdict }, answers.proved)).toEqual({ ...passed, verdict });
});

test("a missing grant needs no proof", () => {
  const cell = { operation: "select", expectation: { kind: "deny", reason: undefined } } as Cell;
  expect(withProof(cell, { ...passed, deniedBy: "grant" }, answers.undecided).evidence).toBe("privilege");
});

test.each([
  ["anybody's row", "deny", "leak"],
  ["anybody's row", "rows", "leak"],
  ["anybody's row", "allow", "vacuous"],
  ["a declared row kept back", "rows", "lockout"],
  ["an own row that was put in", "deny", "vacuous"],
  ["an own row that was put in", "rows", "leak"],
  ["a constraint alone", "deny", "vacuous"],
  ["undecided", "deny", "vacuous"],
  ["proved", "deny", "vacuous"],
] as const)("where the data shows nothing, %s of a cell that declares %s: %s", (answer, kind, wanted) => {
  const expectation = { kind, reason: undefined, name: "own", predicate: "true" } as Cell["expectation"];
  const cell = { operation: "select", expectation } as Cell;
  const judged = (differs?: string): string =>
    withProof(cell, { ...passed, verdict: "vacuous" }, answers[answer], differs).verdict;
  expect(judged()).toBe(wanted);
  expect(judged("the gateway was not seen to check tokens")).toBe("vacuous");
});
