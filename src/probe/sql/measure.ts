import type { Cell } from "../../model/cell.ts";
import { operationInfo } from "../../model/operations.ts";
import type { ControlFacts, Part } from "./protocol.ts";
import { comparesByHash } from "./compared.ts";

/** How far a statement reached, as far as its own answer tells. */
export interface Measured {
  readonly affected: number;
  readonly unexpected: number;
  readonly missing: number;
  /** Reached, but nothing tells which rows they are. */
  readonly undetermined: number;
  /** The rows are not the declared ones: which, is worth asking. */
  readonly differs: boolean;
}

/** Rows that come back, of a relation or of a call. */
export function reads({ operation }: Pick<Cell, "operation">): boolean {
  return operationInfo[operation].reads;
}

/** What a statement over all rows reached, against what is declared: by number, and where that says too little by hash. */
export function measure(cell: Cell, control: ControlFacts, part: Part): Measured {
  const reached = part.rows ?? 0;
  const { kind } = cell.expectation;
  const counted = { affected: reached, unexpected: 0, missing: 0, undetermined: 0 };
  if (kind === "deny" || kind === "candidates")
    return { ...counted, unexpected: reached, differs: reached > 0 };
  const total = kind === "allow" ? control.total : control.declared;
  const extra = Math.max(0, reached - total);
  const missing = Math.max(0, total - reached);
  if (extra + missing > 0 || !comparesByHash(cell))
    return { ...counted, unexpected: extra, missing, differs: extra + missing > 0 };
  const hash = reachedHash(cell, control, part);
  if (hash === undefined) return { ...counted, undetermined: reached, differs: false };
  if (hash === (control.declaredHash ?? "0")) return { ...counted, differs: false };
  // The same number of other rows: at least one too many and one too few.
  return { ...counted, unexpected: 1, missing: 1, differs: true };
}

/** `undefined` where no row of a table stands behind what was written: a view over several tables. */
function reachedHash(cell: Cell, control: ControlFacts, part: Part): string | undefined {
  if (reads(cell)) return part.hash ?? "0";
  if (part.rows === 0) return "0";
  if (!operationInfo[cell.operation].events.includes("delete")) return part.after ?? undefined;
  if (part.after === undefined || control.totalHash === undefined) return undefined;
  return (BigInt(control.totalHash) - BigInt(part.after)).toString();
}
