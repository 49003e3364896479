import type { Cell } from "../../model/cell.ts";
import type { RowsObservation } from "../../model/observation.ts";
import type { Snapshot } from "./snapshot.ts";

const maxRounds = 3;

/**
 * Probe and control are different moments over HTTP, and others may write in between. So what differs from the control
 * is probed again between two controls, and counts only when these are equal; a relation that never holds still tells
 * nothing about the rows that differed.
 */
export async function settled(
  cell: Cell,
  measure: (snapshot: Snapshot) => Promise<RowsObservation>,
  first: Snapshot,
  look: () => Promise<Snapshot>,
): Promise<RowsObservation> {
  let seen = await measure(first);
  for (let round = 0; round < maxRounds && differs(cell, seen); round += 1) {
    const before = await look();
    seen = await measure(before);
    if (!differs(cell, seen) || before.equals(await look())) return seen;
  }
  return differs(cell, seen) ? unsettled(seen) : seen;
}

function differs(
  { expectation }: Cell,
  { unexpected: extra, missing, answer, method }: RowsObservation,
): boolean {
  if (extra > 0) return true;
  // An error that stopped the whole statement is the server's word, whatever the rows are.
  const stopped = answer.code !== null && method === "whole";
  return missing > 0 && !stopped && expectation.kind !== "within";
}

function unsettled(seen: RowsObservation): RowsObservation {
  return {
    ...seen,
    unexpected: 0,
    missing: 0,
    undetermined: seen.undetermined + seen.unexpected + seen.missing,
    unexpectedKeys: [],
    missingKeys: [],
  };
}
