import type { Cell } from "../../model/cell.ts";
import type { Answer, ReachObservation } from "../../model/observation.ts";
import { comparedColumns, privilegesOf } from "../direct/statements.ts";
import type { Caller } from "./caller.ts";
import type { Sight } from "./sight.ts";
import type { Snapshot } from "./snapshot.ts";

/** All that a cell's probe works with. */
export interface Scene {
  readonly cell: Cell;
  readonly caller: Caller;
  readonly sight: Sight;
  /** What full sight saw before the probe. */
  readonly snapshot: Snapshot;
  /** False: one statement over all rows would touch too many of a database that others use. */
  readonly wholeWrites: boolean;
}

/** Starts from "nothing was reached"; `over` says what was. */
export function reachOf(
  { cell, snapshot }: Scene,
  answer: Answer,
  over: Partial<ReachObservation> = {},
): ReachObservation {
  const control = snapshot.control(cell.expectation);
  return {
    kind: "reach",
    answer,
    control,
    reached: 0,
    extra: 0,
    missing: control.declared,
    undetermined: 0,
    extraKeys: [],
    missingKeys: [],
    method: "whole",
    mayBeHidden: false,
    moves: [],
    states: [],
    ...over,
  };
}

/** What a count alone tells. */
export function byCount(
  scene: Scene,
  reached: number,
): Pick<ReachObservation, "reached" | "extra" | "missing"> {
  const { declared } = scene.snapshot.control(scene.cell.expectation);
  return { reached, extra: Math.max(0, reached - declared), missing: Math.max(0, declared - reached) };
}

/** None and all are the same rows whichever way they are counted; any other number could be other rows. */
export function countTellsRows({ cell, snapshot }: Scene): boolean {
  const { kind } = cell.expectation;
  const sameRows = cell.relation.control.oid === cell.relation.info.oid;
  return kind === "deny" || kind === "candidates" || (kind === "allow" && sameRows) || snapshot.total === 0;
}

/** Columns by which rows of an answer can be told apart, and that full sight can read as well. */
export function shownColumns(cell: Cell): readonly string[] {
  const there = new Set(cell.relation.control.columns.map(({ name }) => name));
  return comparedColumns(cell.relation, privilegesOf(cell).select).filter((name) => there.has(name));
}

/** The key, when the persona may read it: what an UPDATE's answer can name rows by, since it changes the rest. */
export function shownKey(cell: Cell): readonly string[] {
  const { key } = cell.relation;
  const readable = privilegesOf(cell).select;
  return key.every((name) => readable.includes(name)) ? key : [];
}
