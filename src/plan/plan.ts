import type { Catalog } from "../model/catalog.ts";
import type { Cell, PlannedRelation } from "../model/cell.ts";
import type { Matrix, Persona, RelationSpec } from "../model/matrix.ts";
import { countCalls, expandCalls } from "./calls.ts";
import { countCells, expandCells } from "./expand.ts";
import type { Wants } from "./filters.ts";
import type { PlannedFunction } from "./function.ts";
import type { ExpandOptions } from "./options.ts";

/** A relation of the matrix with all that its cells need. */
export interface RelationWork {
  readonly spec: RelationSpec;
  readonly relation: PlannedRelation;
}

export type Work = RelationWork | PlannedFunction;

/** A matrix and the database that it fits: everything that cells are made of. */
export interface Plan {
  readonly matrix: Matrix;
  readonly catalog: Catalog;
  readonly work: readonly RelationWork[];
  readonly functions: readonly PlannedFunction[];
}

/** What decides which cells a run has, besides the matrix and the database. */
export type CellOptions = Omit<ExpandOptions, "visible">;

/** The cells of some personas on one relation or function. `visible`: see {@link ExpandOptions}. */
export function cellsOf(
  { matrix, catalog }: Plan,
  work: Work,
  personas: readonly Persona[],
  options: CellOptions,
  visible: ExpandOptions["visible"] = new Map(),
): readonly Cell[] {
  return "routine" in work
    ? expandCalls(matrix, work, catalog, personas, options)
    : expandCells(matrix, work.spec, work.relation, catalog, personas, { ...options, visible });
}

export function countOf({ matrix: { personas }, work, functions }: Plan, wants: Wants): number {
  return [
    ...work.map((one) => countCells(one.spec, one.relation, personas, wants)),
    ...functions.map((one) => countCalls(one, personas, wants)),
  ].reduce((sum, count) => sum + count, 0);
}

/**
 * Cells that may show whether `sub` arrives: first SELECTs and calls whose declared rows depend on who asks, then what goes
 * through and may depend on it (inserts, reads, calls). Planned as they are asked for.
 */
export function* cellsOfIdentity(plan: Plan, options: CellOptions): Generator<Cell> {
  const signedIn = plan.matrix.personas.filter(({ claims }) => typeof claims?.["sub"] === "string");
  for (const takes of [dependsOnSub, mayGoThrough]) {
    let found = 0;
    for (const work of [...plan.work, ...plan.functions]) {
      const wants = "routine" in work ? (): boolean => true : isSelectOrInsert;
      const cells = cellsOf(plan, work, signedIn.slice(0, 50), { ...options, wants }).filter(takes);
      found += Math.min(4, cells.length);
      yield* cells.slice(0, 4);
      if (found >= 12) break;
    }
  }
}

/** Every call of the run, whatever was asked for: some of them must be known to go through before others are believed. */
export function allCalls(plan: Plan, options: CellOptions): readonly Cell[] {
  const all = { ...options, wants: () => true };
  return plan.functions.flatMap((work) => cellsOf(plan, work, plan.matrix.personas, all));
}

function isSelectOrInsert(id: string): boolean {
  return id.endsWith("/select") || id.endsWith("/insert");
}

function dependsOnSub({ expectation, persona, channels }: Cell): boolean {
  const sub = persona.claims?.["sub"];
  return (
    channels.includes("rest") &&
    expectation.kind === "rows" &&
    typeof sub === "string" &&
    expectation.predicate.includes(sub)
  );
}

function mayGoThrough(cell: Cell): boolean {
  return cell.channels.includes("rest") && cell.expectation.kind !== "deny" && !dependsOnSub(cell);
}
