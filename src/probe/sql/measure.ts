import type { Cell } from "../../model/cell.ts";
import type { RowCounts } from "../../model/observation.ts";
import { operationInfo } from "../../model/operations.ts";
import type { ControlFacts, Part } from "./protocol.ts";
import { comparesByHash } from "./compared.ts";

/** What a statement over all rows did, as far as its own answer tells. */
export interface Measured {
  readonly counts: RowCounts;
  /** The rows are not the declared ones: which, is worth asking. */
  readonly differs: boolean;
}

/** Rows that come back, of a relation or of a call. */
export function reads({ operation }: Pick<Cell, "operation">): boolean {
  return operationInfo[operation].reads;
}

/** A statement over all rows, against what is declared: by number, and where that says too little by hash. */
export function measure(cell: Cell, control: ControlFacts, part: Part): Measured {
  const left = rowsLeft(part);
  const affected = left === undefined ? (part.rows ?? 0) : control.total - left;
  const { kind } = cell.expectation;
  const same: RowCounts = { affected, unexpected: 0, missing: 0, undetermined: 0 };
  if (kind === "deny" || kind === "candidates") return differing({ ...same, unexpected: affected });
  const total = kind === "allow" ? control.total : control.declared;
  if (affected !== total) {
    const unexpected = Math.max(0, affected - total);
    return differing({ ...same, unexpected, missing: Math.max(0, total - affected) });
  }
  if (!comparesByHash(cell)) return { counts: same, differs: false };
  const hash = reachedHash(cell, control, part);
  if (hash === undefined) return { counts: { ...same, undetermined: affected }, differs: false };
  // The same number of other rows: at least one too many and one too few.
  return hash === (control.declaredHash ?? "0")
    ? { counts: same, differs: false }
    : differing({ ...same, unexpected: 1, missing: 1 });
}

function differing(counts: RowCounts): Measured {
  return { counts, differs: counts.unexpected + counts.missing > 0 };
}

/** `undefined` where what was written is no row of a single table: a view over several tables. */
function reachedHash(cell: Cell, control: ControlFacts, part: Part): string | undefined {
  if (reads(cell)) return part.hash ?? "0";
  if (part.rows === 0) return "0";
  if (!operationInfo[cell.operation].events.includes("delete")) return part.after ?? undefined;
  if (part.after === undefined || control.totalHash === undefined) return undefined;
  return (BigInt(control.totalHash) - BigInt(part.after.replace(/^\d+:/, ""))).toString();
}

/** `rows:hash` of what an INSTEAD OF trigger has left. */
function rowsLeft({ after }: Part): number | undefined {
  const rows = /^(\d+):/.exec(after ?? "")?.[1];
  return rows === undefined ? undefined : Number(rows);
}
