import type { Cell } from "../../model/cell.ts";
import type { ReachObservation } from "../../model/observation.ts";
import type { Snapshot } from "./snapshot.ts";

const maxRounds = 3;

/**
 * Probe and control are different moments over HTTP, and others may write in between. So what differs from the control
 * is probed again between two controls, and counts only when these are equal; a relation that never holds still tells
 * nothing about the rows that differed.
 */
export async function settled(
  cell: Cell,
  measure: (snapshot: Snapshot) => Promise<ReachObservation>,
  first: Snapshot,
  look: () => Promise<Snapshot>,
): Promise<ReachObservation> {
  let seen = await measure(first);
  for (let round = 0; round < maxRounds && differs(cell, seen); round += 1) {
    const before = await look();
    seen = await measure(before);
    if (!differs(cell, seen) || before.equals(await look())) return seen;
  }
  return differs(cell, seen) ? unsettled(seen) : seen;
}

function differs({ expectation }: Cell, { extra, missing, answer, method }: ReachObservation): boolean {
  if (extra > 0) return true;
  // An error that stopped the whole statement is the server's word, whatever the rows are.
  const stopped = answer.code !== null && method === "whole";
  return missing > 0 && !stopped && expectation.kind !== "within";
}

function unsettled(seen: ReachObservation): ReachObservation {
  return {
    ...seen,
    extra: 0,
    missing: 0,
    undetermined: seen.undetermined + seen.extra + seen.missing,
    extraKeys: [],
    missingKeys: [],
  };
}
