import type { Catalog } from "../model/catalog.ts";
import type { Cell, PlannedRelation } from "../model/cell.ts";
import {
  type Matrix,
  type Persona,
  type RelationOperation,
  relationOperations,
  type RelationSpec,
} from "../model/matrix.ts";
import { countCalls, expandCalls } from "./calls.ts";
import type { Wants } from "./filters.ts";
import type { PlannedFunction } from "./function.ts";
import type { ExpandOptions } from "./options.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { cellOf, type Planned } from "./cell-of.ts";
import { assignmentExpectations, bindPredicate, columnExpectations } from "./columns.ts";
import { resolveExpectation } from "./expectation.ts";
import { subjectsOf } from "./subject.ts";

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

/** The cells of one relation for some personas, operation by operation, so that neighbours are different personas. */
export function expandCells(
  matrix: Matrix,
  spec: RelationSpec,
  relation: PlannedRelation,
  catalog: Catalog,
  personas: readonly Persona[],
  options: ExpandOptions,
): readonly Cell[] {
  const subjects = subjectsOf(matrix.personas);
  const roles = new Map(catalog.roles.map((role) => [role.name, role]));
  return relationOperations.flatMap((operation) =>
    options.operations?.has(operation) !== false && applies(operation, relation, spec)
      ? personas.flatMap((persona) => {
          const id = `${persona.name}/${formatQualified(spec)}/${operation}`;
          const role = roles.get(persona.role);
          const resolved = role && resolveExpectation(spec, persona.name, operation);
          if (role === undefined || resolved === undefined) return [];
          const planned = { matrix, spec, relation, persona, operation, resolved, role, subjects, id };
          const whole = options.wants(id, persona.name)
            ? [cellOf({ ...planned, column: undefined }, options)]
            : [];
          return [...whole, ...columnCells(planned, options), ...assignmentCells(planned, options)];
        })
      : [],
  );
}

/** How many of a relation's cells there will be, without making them. */
function countCells(
  spec: RelationSpec,
  relation: PlannedRelation,
  personas: readonly Persona[],
  wants: ExpandOptions["wants"],
): number {
  let count = 0;
  for (const operation of relationOperations) {
    if (!applies(operation, relation, spec)) continue;
    for (const { name } of personas) {
      const id = `${name}/${formatQualified(spec)}/${operation}`;
      const resolved = resolveExpectation(spec, name, operation);
      if (resolved === undefined) continue;
      if (wants(id, name)) count += 1;
      for (const { column } of [
        ...columnExpectations(resolved, relation),
        ...assignmentExpectations(resolved),
      ]) {
        if (wants(fineId(id, column), name, id)) count += 1;
      }
    }
  }
  return count;
}

/** On the direct channel alone: what was stored is seen there. */
const assignedDirect = "columns that a write assigns are tried on the direct channel";

/** The cells of the columns that an UPDATE or INSERT assigns: tried by a stage of their own, on the direct channel. */
function assignmentCells(planned: Omit<Planned, "column">, options: ExpandOptions): readonly Cell[] {
  return assignmentExpectations(planned.resolved).flatMap(({ column, expectation, at }) => {
    const id = fineId(planned.id, column);
    if (!options.wants(id, planned.persona.name, planned.id)) return [];
    const resolved = { ...planned.resolved, expectation };
    const cell = cellOf({ ...planned, resolved, column, id }, options);
    const channels = cell.channels.filter((channel) => channel === "direct");
    const notOn = options.channels.includes("rest") ? { rest: assignedDirect } : {};
    return [{ ...cell, update: undefined, channels, notOn, at }];
  });
}

/** The cells of a SELECT's columns, which follow its own cell. */
function columnCells(planned: Omit<Planned, "column">, options: ExpandOptions): readonly Cell[] {
  return columnExpectations(planned.resolved, planned.relation).flatMap((one) => {
    const id = fineId(planned.id, one.column);
    if (!options.wants(id, planned.persona.name, planned.id)) return [];
    const resolved = { ...planned.resolved, expectation: one.expectation, implied: one.implied };
    const fine = { ...planned, resolved, column: one.column, id };
    const among = one.among === undefined ? undefined : bindPredicate(one.among, fine);
    return [{ ...cellOf(fine, options), among, everywhere: one.everywhere, at: one.at }];
  });
}

function fineId(id: string, column: string): string {
  return `${id}/${column}`;
}

function applies(operation: RelationOperation, { info, key }: PlannedRelation, spec: RelationSpec): boolean {
  const isTable = info.kind === "table" || info.kind === "partitioned";
  if (operation === "truncate") return isTable;
  if (operation !== "upsert") return true;
  // Spelled out anew each time: last.
  const isNamed = (): boolean => spec.declarations.some(({ partial }) => partial?.onConflict !== undefined);
  return isTable && key.length > 0 && (isUnique(key, info) || isNamed());
}

/** ON CONFLICT needs a unique index over just these columns. */
function isUnique(key: readonly string[], info: PlannedRelation["info"]): boolean {
  const same = (columns: readonly string[]): boolean =>
    columns.length === key.length && columns.every((name) => key.includes(name));
  return same(info.primaryKey) || info.uniqueKeys.some(same);
}
