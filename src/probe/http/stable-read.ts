import type { Cell } from "../../model/cell.ts";
import type { Observation, RowsObservation } from "../../model/observation.ts";
import type { Snapshot } from "./snapshot.ts";

const maxRounds = 3;

/**
 * Probe and control are different moments over HTTP, and others may write in between. So what differs from the control
 * is probed again between two controls, and counts only when these are equal; a relation that never holds still tells
 * nothing about the rows that differed.
 */
export async function measureStable(
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
  return differs(cell, seen) ? unstable(seen) : seen;
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

function unstable(seen: RowsObservation): RowsObservation {
  return {
    ...seen,
    unexpected: 0,
    missing: 0,
    undetermined: seen.undetermined + seen.unexpected + seen.missing,
    unexpectedKeys: [],
    missingKeys: [],
  };
}

/**
 * Whether what a pass would rest on was there all the while: rows that the persona was not shown could have been gone when
 * it asked, and back when the privileged connection looked again. A row that has the same version before and after was there in between.
 */
export function unchanged(cell: Cell, before: Snapshot, after: Snapshot): boolean {
  const { expectation, among } = cell;
  if (expectation.kind === "allow" || before.total === 0) return true;
  if (among !== undefined && after.control(cell).total === 0) return false;
  const [was, is] = [before.versions(expectation), after.versions(expectation)];
  const both = (side: "inside" | "outside"): boolean => {
    const known = new Set(is[side]);
    return was[side].some((version) => known.has(version));
  };
  if (expectation.kind !== "rows" && expectation.kind !== "within") return both("outside");
  // Where one side is empty nothing is proved anyway, and the judge says so.
  return (["inside", "outside"] as const).every((side) => was[side].length === 0 || both(side));
}

/** The rows that were declared, and no others: only this could pass. */
export function agrees(seen: Observation): seen is RowsObservation {
  return seen.kind === "rows" && seen.unexpected === 0 && seen.undetermined === 0;
}

/** Probes between two baseline reads, until the rows did not change between them; otherwise nothing is concluded. */
export async function probeBetweenReads(
  cell: Cell,
  probe: (before: Snapshot) => Promise<Observation>,
  look: () => Promise<Snapshot>,
): Promise<Observation> {
  let seen: Observation | undefined;
  for (let round = 0; round < maxRounds; round += 1) {
    const before = await look();
    seen = await probe(before);
    if (!agrees(seen) || unchanged(cell, before, await look())) return seen;
  }
  if (seen?.kind !== "rows") throw new Error("a probe that agrees has reached rows");
  return { ...seen, undetermined: Math.max(1, seen.baseline.total) };
}
