import type { Cell } from "../model/cell.ts";
import type { ProofAnswer, Witness } from "../model/proof.ts";
import { isProvable, proveUnder, worstProof } from "../run/prove-under.ts";
import type { Keys } from "./measure.ts";
import type { GateRequest, State } from "./state.ts";

/** What the proof for all rows says of a cell in one state. */
export interface Proof {
  readonly cell: Cell;
  /** `closed`: no row beyond those that are declared; `open`: some row. `undefined`: it could not tell. */
  readonly answer: "closed" | "open" | undefined;
  readonly witness: Witness | undefined;
  /** What it makes of a cell that passes with the rows at hand. */
  readonly passes: boolean;
  readonly because: string;
}

export type Proofs = ReadonlyMap<string, Proof>;

/** @param wanted keys; `undefined`: all */
export async function proveState(
  { matrix }: GateRequest,
  state: State,
  keys: Keys,
  wanted?: ReadonlySet<string>,
): Promise<Proofs> {
  const cells = state.cells.filter(
    (cell) => isProvable(cell) && (wanted === undefined || wanted.has(keys(cell))),
  );
  const { target, sessions, changes } = state;
  const answers = await proveUnder({ target, matrix }, sessions, cells, changes);
  return new Map(cells.map((cell, index) => [keys(cell), proofOf(cell, answers[index] ?? [])]));
}

const closed: ReadonlySet<ProofAnswer["kind"]> = new Set([
  "privilege",
  "no-policy",
  "all-rows",
  "keys-that-exist",
  "constraint-only",
]);

function proofOf(cell: Cell, answers: readonly ProofAnswer[]): Proof {
  const hit = answers.find((one) => one.kind === "hit" && one.side === "more");
  const above = cell.expectation.kind !== "allow" && answers.some(({ kind }) => kind === "above");
  const isClosed = answers.length > 0 && answers.every((one) => closed.has(one.kind) || isLess(one));
  const { verdict, because } = worstProof(cell, answers);
  return {
    cell,
    answer: hit !== undefined || above ? "open" : isClosed ? "closed" : undefined,
    witness: hit?.kind === "hit" ? hit.witness : undefined,
    passes: verdict === "pass",
    because,
  };
}

/** Less is allowed than is declared. */
function isLess(one: ProofAnswer): boolean {
  return one.kind === "hit" && one.side === "less";
}
