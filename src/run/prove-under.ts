import { withProof } from "../judge/proof.ts";
import { grouped } from "../lib/grouped.ts";
import type { Cell } from "../model/cell.ts";
import type { ProofAnswer } from "../model/proof.ts";
import type { Judgement } from "../model/verdict.ts";
import type { SessionRules } from "../probe/sessions.ts";
import type { ProofRequest } from "../prove/prover.ts";
import { requestsOf } from "./5-prove.ts";
import { openProof } from "./open-proof.ts";
import type { RunRequest } from "./request.ts";

/** What the proof is asked about. */
export function isProvable({ operation, column }: Pick<Cell, "operation" | "column">): boolean {
  return column === undefined && ["select", "insert", "update", "delete"].includes(operation);
}

/** What the proof says of cells where changes are made first, and undone. One prover for each set of settings: two transactions cannot hold the same change. */
export async function proveUnder(
  request: Pick<RunRequest, "target" | "matrix">,
  sessions: SessionRules,
  cells: readonly Cell[],
  changes: readonly string[],
): Promise<readonly (readonly ProofAnswer[])[]> {
  const asked = cells.map((cell) => requestsOf(cell, { sessions }, new Map()));
  const answers = new Map<ProofRequest, ProofAnswer>();
  const groups = grouped(asked.flat(), ({ persona }) => Object.keys(persona.settings).toSorted().join());
  for (const group of groups.values()) {
    const closers: (() => Promise<unknown>)[] = [];
    try {
      const all = { ...request, proof: "all-rows" } as const;
      const prover = await openProof(all, sessions.identities, closers, { changes });
      const found = (await prover?.prove(group)) ?? [];
      for (const [index, one] of group.entries()) {
        const answer = found[index];
        if (answer !== undefined) answers.set(one, answer);
      }
    } catch {
      // What could not be asked shows nothing.
    } finally {
      for (const close of closers) await close();
    }
  }
  const failed: ProofAnswer = {
    kind: "undecided",
    because: "the proof failed",
    within: [],
    toDecide: "another run",
  };
  return asked.map((requests) => requests.map((one) => answers.get(one) ?? failed));
}

const passing: Judgement = { verdict: "pass", effect: "filtered", deniedBy: undefined, because: "" };

/** What the answers make of a cell that passed: the worst of the states of its session. */
export function worstProof(cell: Cell, answers: readonly ProofAnswer[]): Judgement {
  const judged = answers.map((answer) => withProof(cell, passing, answer));
  return (
    judged.find(({ verdict }) => verdict === "leak" || verdict === "lockout" || verdict === "diverged") ??
    judged.find(({ verdict }) => verdict !== "pass") ??
    passing
  );
}
