import type { Cell, PlannedRelation } from "../../model/cell.ts";
import type { Answer, RowsObservation } from "../../model/observation.ts";
import { shownCharacters } from "../limits.ts";
import { comparedColumns } from "../what-to-compare.ts";
import { privilegesOf } from "../what-to-write.ts";
import type { Caller } from "./caller.ts";
import type { RowFilter } from "./query.ts";
import type { PrivilegedConnection } from "./privileged.ts";
import type { Snapshot } from "./snapshot.ts";

/** All that a cell's probe works with. */
export interface ProbeContext {
  readonly cell: Cell;
  readonly caller: Caller;
  readonly privileged: PrivilegedConnection;
  /** What the privileged connection saw before the probe. */
  readonly snapshot: Snapshot;
  /** False: one statement over all rows would touch too many of a database that others use. */
  readonly wholeWrites: boolean;
  /** The rows are the run's own: each is named by its key, whether the persona may read that or not. */
  readonly own?: boolean | undefined;
}

/** Starts from "no row affected"; `over` says what was. */
export function reachOf(
  { cell, snapshot }: ProbeContext,
  answer: Answer,
  over: Partial<RowsObservation> = {},
): RowsObservation {
  const control = snapshot.control(cell);
  return {
    kind: "rows",
    answer,
    baseline: control,
    affected: 0,
    unexpected: 0,
    missing: control.declared,
    undetermined: 0,
    method: "whole",
    mayBeHidden: false,
    forbiddenUpdates: [],
    states: [],
    ...over,
    unexpectedKeys: shown(over.unexpectedKeys),
    missingKeys: shown(over.missingKeys),
  };
}

/** A row without a key is shown whole, as far as anybody would read. */
function shown(keys: readonly string[] = []): readonly string[] {
  return keys.map((key) => key.slice(0, shownCharacters));
}

/** What a count alone tells. */
export function byCount(
  context: ProbeContext,
  reached: number,
): Pick<RowsObservation, "affected" | "unexpected" | "missing"> {
  const { declared } = context.snapshot.control(context.cell);
  return {
    affected: reached,
    unexpected: Math.max(0, reached - declared),
    missing: Math.max(0, declared - reached),
  };
}

/** None and all are the same rows whichever way they are counted; any other number could be other rows. */
export function countTellsRows({ cell, snapshot }: ProbeContext): boolean {
  const { kind } = cell.expectation;
  const sameRows = cell.column === undefined && cell.relation.baseline.oid === cell.relation.info.oid;
  return kind === "deny" || kind === "candidates" || (kind === "allow" && sameRows) || snapshot.total === 0;
}

/** By role, and by column where the cell is a column's. */
const shownBy = new WeakMap<PlannedRelation, Map<string, readonly string[]>>();

/** Columns that distinguish the rows of an answer, and that the privileged connection can read as well. */
export function shownColumns(cell: Cell): readonly string[] {
  const { relation, persona, column } = cell;
  // Once for each relation and role: a matrix has many cells of both.
  const known = shownBy.get(relation) ?? new Map<string, readonly string[]>();
  shownBy.set(relation, known);
  const place = JSON.stringify([persona.role, column]);
  const before = known.get(place);
  if (before !== undefined) return before;
  const columns = comparedColumns(cell, privilegesOf(cell).select);
  known.set(place, columns);
  return columns;
}

/** The key, when the persona may read it: without it, no filter names a row. */
export function shownKey(cell: Cell): readonly string[] {
  const { key } = cell.relation;
  // Plain values have no column that a filter or an order could name.
  if (cell.call?.routine.returns === "value") return [];
  const readable = privilegesOf(cell).select;
  return key.every((name) => readable.includes(name)) ? key : [];
}

/** PostgREST adds the primary key to every RETURNING: where it may not be read, asking for rows is what is refused. */
export function mayReturn(cell: Cell): boolean {
  const { info, base } = cell.relation;
  const readable = privilegesOf(cell).select;
  const columns = new Set(info.columns.map(({ name }) => name));
  const primary = [...info.primaryKey, ...(base?.primaryKey ?? [])].filter((name) => columns.has(name));
  return primary.every((name) => readable.includes(name));
}

/**
 * The persona sees none of the rows: then a write that reads a column has none to change, whatever triggers and rules
 * would make of one.
 */
export async function isUnseen({ cell, caller }: ProbeContext, filter: RowFilter): Promise<boolean> {
  const { answer } = await caller.read({ columns: shownColumns(cell), filter, limit: 1 });
  return answer.code === null && answer.rows === 0;
}
