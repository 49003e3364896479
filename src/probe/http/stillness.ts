import type { Cell } from "../../model/cell.ts";
import type { Observation, RowsObservation } from "../../model/observation.ts";
import type { Snapshot } from "./snapshot.ts";

const maxRounds = 3;

/**
 * Whether what a pass would rest on was there all the while: rows that the persona was not shown could have been gone when
 * it asked, and back when full sight looked again. A row that has the same version before and after was there in between.
 */
export function stoodStill(cell: Cell, before: Snapshot, after: Snapshot): boolean {
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

/** Probes between two looks, until rows stood still from one to the other; else nothing is told about any. */
export async function betweenLooks(
  cell: Cell,
  probe: (before: Snapshot) => Promise<Observation>,
  look: () => Promise<Snapshot>,
): Promise<Observation> {
  let seen: Observation | undefined;
  for (let round = 0; round < maxRounds; round += 1) {
    const before = await look();
    seen = await probe(before);
    if (!agrees(seen) || stoodStill(cell, before, await look())) return seen;
  }
  if (seen?.kind !== "rows") throw new Error("a probe that agrees has reached rows");
  return { ...seen, undetermined: Math.max(1, seen.baseline.total) };
}
