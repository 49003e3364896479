import type { Cell } from "../../model/cell.ts";
import type { Operation } from "../../model/matrix.ts";
import { operationInfo } from "../../model/operations.ts";
import { isRaisedByPolicy } from "../../model/raised.ts";
import type { Answer, Observation, RowsObservation } from "../../model/observation.ts";
import { probeBlindDelete, probeBlindUpdate, probeDelete, probeUpdate } from "./writing.ts";
import { probeInsert } from "./inserting.ts";
import { probeSelect } from "./reading.ts";
import { isWriteCall } from "./rpc.ts";
import { type ProbeContext, reachOf } from "./context.ts";
import { measureStable } from "./stable-read.ts";
import type { ControlRow, Snapshot } from "./snapshot.ts";
import { isRefusal } from "../../model/answers.ts";
import { rowsToTry, shownKeys } from "../limits.ts";
import { only, privilegesOf, type TextRow, writable } from "../what-to-write.ts";
import { withConstraint } from "./constraint.ts";
import type { Reply } from "./reply.ts";
import { valuesOf } from "./values.ts";

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

type Fate = "affected" | "unaffected" | "unknown";

/** Upsert: existing rows sent again unchanged, to be merged over themselves. */
async function probeUpsert(context: ProbeContext): Promise<RowsObservation> {
  const { cell, snapshot, privileged } = context;
  const { key } = cell.relation;
  const all = key.length === 0 ? [] : rowsToTry(snapshot.rows(cell.expectation));
  // What no row can change, one row shows.
  const rows = isGranted(context) ? all : all.slice(0, 1);
  const columns = payloadColumns(context);
  const own = await valuesOf(privileged, cell, rows, columns);
  const outcomes: { readonly row: ControlRow; readonly fate: Fate; readonly answer: Answer }[] = [];
  for (const row of rows)
    outcomes.push({ row, ...(await mergeOver(context, only(own.get(row) ?? {}, columns))) });

  const refusedAtOnce = outcomes[0];
  if (!isGranted(context) && refusedAtOnce?.fate === "unaffected")
    return reachOf(context, refusedAtOnce.answer);

  const label = snapshot.shapeOf(key);
  const shown = (of: typeof outcomes): string[] =>
    of.slice(0, shownKeys).map(({ row }) => row.shapes[label] ?? "");
  const affected = outcomes.filter(({ fate }) => fate === "affected");
  const extra = affected.filter(({ row }) => !row.declared);
  const missing = outcomes.filter(({ row, fate }) => fate === "unaffected" && row.declared);
  const refusal = outcomes.findLast(({ answer }) => answer.code !== null);
  return reachOf(context, refusal?.answer ?? { code: null, rows: affected.length }, {
    affected: affected.length,
    unexpected: extra.length,
    missing: missing.length,
    undetermined:
      key.length === 0 ? snapshot.total : outcomes.filter(({ fate }) => fate === "unknown").length,
    unexpectedKeys: shown(extra),
    missingKeys: shown(missing),
    method: outcomes.length === snapshot.total ? "row by row" : "sample",
  });
}

async function mergeOver(
  { cell, caller }: ProbeContext,
  values: TextRow,
): Promise<{ fate: Fate; answer: Answer }> {
  const reply = await caller.upsert(values, cell.partial?.onConflict ?? cell.relation.key);
  const answer = withConstraint(reply.answer, cell, ["insert", "update"], Object.keys(values));
  return { fate: isRaisedByPolicy(cell, answer) ? "unaffected" : fateOf({ ...reply, answer }), answer };
}

/** 200 tells that a row was merged; 201 that one was inserted, or that nothing happened at all (0 rows). */
function fateOf({ answer }: Reply): Fate {
  const { code, rows = 0, http } = answer;
  if (code === null) return rows > 0 && http?.status === 200 ? "affected" : "unknown";
  return isRefusal(answer) ? "unaffected" : "unknown";
}

/**
 * PostgREST sets every column that is sent, the key's included; so only those that may be both inserted and updated,
 * and the key, without which nothing is merged. Where nothing is granted, the refusal is the answer.
 */
function payloadColumns({ cell }: ProbeContext): readonly string[] {
  const { info } = cell.relation;
  const { sends, onConflict: key = cell.relation.key } = cell.partial ?? {};
  if (sends !== undefined) return [...new Set([...key, ...sends])];
  const { insert, update } = privilegesOf(cell);
  const both = writable(info, insert).filter(({ name }) => update.includes(name));
  // No request can write what Postgres generates, for any role.
  const all = writable(
    info,
    info.columns.map(({ name }) => name),
  );
  const names = (both.length > 0 ? both : all).map(({ name }) => name);
  return [...new Set([...key, ...names])];
}

function isGranted({ cell }: ProbeContext): boolean {
  const { insert, update, schemaUsage } = privilegesOf(cell);
  return schemaUsage && insert.length > 0 && update.length > 0;
}
