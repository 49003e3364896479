import type { Cell } from "../../model/cell.ts";
import type { Operation } from "../../model/matrix.ts";
import { operationInfo } from "../../model/operations.ts";
import type { Observation, RowsObservation } from "../../model/observation.ts";
import { probeBlindDelete, probeBlindUpdate, probeDelete, probeUpdate } from "./writing.ts";
import { probeInsert } from "./inserting.ts";
import { probeSelect } from "./reading.ts";
import { isWriteCall } from "./rpc.ts";
import type { ProbeContext } from "./context.ts";
import { measureStable } from "./stable-read.ts";
import type { Snapshot } from "./snapshot.ts";
import { probeUpsert } from "./upserting.ts";

type Reach = Exclude<Operation, "insert" | "truncate">;

export const measures: Record<Reach, (context: ProbeContext) => Promise<RowsObservation>> = {
  select: probeSelect,
  update: probeUpdate,
  delete: probeDelete,
  blind_update: probeBlindUpdate,
  blind_delete: probeBlindDelete,
  upsert: probeUpsert,
  execute: probeSelect,
};

export function isWrite(cell: Cell): boolean {
  return cell.operation === "execute" ? isWriteCall(cell) : !operationInfo[cell.operation].reads;
}

/** For people, when nothing was sent. */
export function plainRequest(cell: Cell): string {
  const { operation, relation } = cell;
  if (operation === "execute")
    return `${isWriteCall(cell) ? "POST" : "GET"} /rpc/${encodeURIComponent(relation.info.name)}`;
  return `${operationInfo[operation].method ?? operation.toUpperCase()} /${encodeURIComponent(relation.info.name)}`;
}

/** Probes a cell, as often as it takes to tell. */
export async function observe(
  cell: Cell,
  context: Omit<ProbeContext, "cell" | "snapshot">,
  snapshot: Snapshot,
  look: () => Promise<Snapshot>,
): Promise<Observation> {
  const { operation } = cell;
  if (operation === "truncate")
    return { kind: "skipped", reason: operationInfo.truncate.notOnRest ?? operation };
  if (operation === "insert") return await probeInsert({ ...context, cell, snapshot });
  if (operationInfo[operation].blind && !context.wholeWrites) {
    return {
      kind: "skipped",
      reason: `a blind write would touch all ${snapshot.total} rows of a database that others use`,
    };
  }
  const measure = (seen: Snapshot): Promise<RowsObservation> =>
    measures[operation]({ ...context, cell, snapshot: seen });
  return await measureStable(cell, measure, snapshot, look);
}
