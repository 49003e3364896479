import type { BoundCandidate, Cell } from "../../model/cell.ts";
import { operationInfo } from "../../model/operations.ts";
import type { Observation } from "../../model/observation.ts";
import { probeInsert } from "../http/inserting.ts";
import { measures } from "../http/operations.ts";
import type { ProbeContext } from "../http/context.ts";
import { type Snapshot, insideOf } from "../http/snapshot.ts";
import { snapshotFor, takeSnapshot } from "../http/take-snapshot.ts";
import type { ScratchRows } from "./scratch-rows.ts";
import { isRow } from "./statements.ts";

/** A write where nothing is rolled back: it is asked about rows that the run has made for it, and that go at once. */
export async function probeScratchRows(
  cell: Cell,
  own: ScratchRows,
  context: Omit<ProbeContext, "cell" | "snapshot" | "wholeWrites">,
): Promise<Observation> {
  try {
    return cell.operation === "insert"
      ? await insertScratchRows(cell, own, context)
      : await changeScratchRows(cell, own, context);
  } finally {
    await own.ledger.remove(cell);
  }
}

async function insertScratchRows(
  cell: Cell,
  own: ScratchRows,
  context: Omit<ProbeContext, "cell" | "snapshot" | "wholeWrites">,
): Promise<Observation> {
  const candidates: BoundCandidate[] = [];
  for (const candidate of cell.candidates) {
    const named = await own.candidate(cell, candidate);
    if ("reason" in named) return skipped(named.reason);
    candidates.push(named);
  }
  const snapshot = await takeSnapshot(context.privileged, {
    ...snapshotFor([cell], cell.relation),
    only: "false",
  });
  return probeInsert({ ...context, cell: { ...cell, candidates }, snapshot, wholeWrites: false });
}

async function changeScratchRows(
  cell: Cell,
  own: ScratchRows,
  context: Omit<ProbeContext, "cell" | "snapshot" | "wholeWrites">,
): Promise<Observation> {
  const { operation, relation } = cell;
  if (operation === "insert" || operation === "truncate")
    return skipped(operationInfo.truncate.notOnRest ?? operation);
  const copies = await own.copies(cell, insideOf(cell.expectation));
  if ("reason" in copies) return skipped(copies.reason);
  const only = `(${copies.made.map(({ row }) => `(${isRow(row.key)})`).join(" or ")})`;
  const snapshot = await takeSnapshot(context.privileged, { ...snapshotFor([cell], relation), only });
  const unproven = oneSided(cell, snapshot);
  if (unproven !== undefined) return skipped(unproven);
  const seen = await measures[operation]({ ...context, cell, snapshot, wholeWrites: false, own: true });
  return { ...seen, method: "scratch rows" };
}

/** A row set that depends on the key, or on other rows: no copy is equivalent to its original. */
function oneSided(cell: Cell, snapshot: Snapshot): string | undefined {
  const { declared, total } = snapshot.control(cell);
  if (cell.expectation.kind === "deny" || cell.expectation.kind === "within") return undefined;
  if (declared === 0) return "the gateway commits, and no scratch row lies inside the declared set";
  if (cell.expectation.kind === "rows" && declared === total)
    return "the gateway commits, and no scratch row lies outside the declared set";
  return undefined;
}

function skipped(reason: string): Observation {
  return { kind: "skipped", reason };
}
