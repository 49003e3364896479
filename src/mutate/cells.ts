import { grouped, inTurn } from "../lib/grouped.ts";
import type { Cell } from "../model/cell.ts";
import { isFor, operationInfo } from "../model/operations.ts";
import { type CellOptions, cellsOf, type Plan, type RelationWork, type Work } from "../plan/plan.ts";
import type { BodiesOf } from "./bodies.ts";
import type { ExpandOptions } from "../plan/options.ts";
import type { Mutant } from "./mutant.ts";
import { readersOf, type SqlText } from "./readers.ts";

/** A relation or function, with the cells of it that passed without any change. */
export interface Covered {
  readonly work: Work;
  readonly visible: ExpandOptions["visible"];
  readonly passed: ReadonlyMap<string, Cell>;
  /** Of them, those of `columns: { fixed, free }`, which no channel answers. */
  readonly columns: ReadonlyMap<string, Cell>;
}

export interface Coverage {
  readonly plan: Plan;
  readonly options: CellOptions;
  readonly covered: readonly Covered[];
  /** Roles that views and functions lend, and to which policies apply. */
  readonly lent: readonly string[];
  /** All SQL of the database that may read a relation. */
  readonly texts: readonly SqlText[];
  /** Functions of policies that are no more than an expression. */
  readonly bodies: BodiesOf;
}

/** The relation's own cells that can see the change, as they were planned without it. */
export function ownCells(mutant: Mutant, coverage: Coverage): readonly Cell[] {
  const own = coveredOwn(mutant, coverage);
  if (own === undefined) return [];
  if ("routine" in own.work) return cellsBehind(own, mutant, coverage);
  const seeing = [...own.passed.values()].filter((cell) => maySee(cell, mutant));
  return likeliestFirst(seeing, mutant);
}

/** Plans own cells anew, as the catalogue would show the relation with the change. */
export function plannedUnder(
  mutant: Mutant,
  coverage: Coverage,
): (cells: readonly Cell[]) => readonly Cell[] {
  const own = coveredOwn(mutant, coverage);
  if (own === undefined || "routine" in own.work) return (cells) => cells;
  const { plan, options } = coverage;
  const work = withInfo(own.work, mutant.after);
  return (cells) => {
    const ids = new Set(cells.map(({ id }) => id));
    const personas = [...new Set(cells.map(({ persona }) => persona))];
    const operations = new Set(cells.map(({ operation }) => operation));
    const wanted: CellOptions = { ...options, operations, wants: (id) => ids.has(id) };
    const planned = cellsOf(plan, work, personas, wanted, own.visible);
    return likeliestFirst(
      planned.filter(({ id }) => ids.has(id)),
      mutant,
    );
  };
}

export function coveredOwn({ after }: Mutant, { covered }: Pick<Coverage, "covered">): Covered | undefined {
  return covered.find(({ work }) => oidOf(work) === after.oid);
}

/** Cells of columns that writes assign: of a privilege, those of the columns of which it says something else. */
export function columnCells(mutant: Mutant, { covered }: Coverage): readonly Cell[] {
  const own = coveredOwn(mutant, { covered });
  return [...(own?.columns.values() ?? [])].filter(
    (cell) =>
      maySee(cell, mutant) &&
      (typeof mutant.alters !== "string" ||
        maySend(cell.relation.info, cell) !== maySend(mutant.after, cell)),
  );
}

function maySend({ privileges }: Mutant["after"], { role, operation, column = "" }: Cell): boolean {
  const held = operation === "insert" || operation === "update" ? privileges[role.name]?.[operation] : [];
  return held?.includes(column) === true;
}

/**
 * Reads cost least, and one read by each persona notices most changes; writes, row by row, cost most. Who is denied anyway loses
 * nothing by a privilege less, and is only refused otherwise.
 */
function likeliestFirst(cells: readonly Cell[], { operator }: Pick<Mutant, "operator">): readonly Cell[] {
  const isDenied = ({ expectation }: Cell): number =>
    Number(operator === "revoke" && expectation.kind === "deny");
  return cells.toSorted((a, b) => isDenied(a) - isDenied(b) || costOf(a) - costOf(b));
}

/**
 * One of each operation after the other. Behind `last`, which was answered otherwise and noticed nothing: its persona's cells come
 * first, since the change is about that persona, and other operations before the same one.
 */
export function inTurns(cells: readonly Cell[], last?: Cell): readonly Cell[] {
  const others = ({ persona }: Cell): number => Number(persona.name !== last?.persona.name);
  const turns = [...grouped(cells, ({ operation }) => operation)]
    .toSorted(([a], [b]) => Number(a === last?.operation) - Number(b === last?.operation))
    .map(([, same]) => same.toSorted((a, b) => others(a) - others(b)));
  return inTurn(turns);
}

function costOf({ operation, column }: Cell): number {
  if (column !== undefined) return 2;
  // An upsert goes from row to row from the start.
  if (operation === "upsert") return 4;
  const { reads, rowByRow } = operationInfo[operation];
  return reads ? 0 : rowByRow ? 3 : 1;
}

function maySee({ operation, role }: Cell, { alters, roles }: Mutant): boolean {
  const { policies, privileges } = operationInfo[operation];
  const sees =
    typeof alters === "string"
      ? privileges.includes(alters)
      : policies.some((command) => command !== "all" && alters.includes(command));
  return sees && isFor(roles, role);
}

/** Where a relation is read by itself, its baseline query and its base table are the relation, too. */
function withInfo(work: RelationWork, info: Mutant["after"]): RelationWork {
  const { relation } = work;
  const put = <T extends Mutant["after"] | undefined>(one: T): T =>
    one?.oid === info.oid ? (info as T) : one;
  return {
    ...work,
    relation: { ...relation, info, baseline: put(relation.baseline), base: put(relation.base) },
  };
}

/** What may read the changed relation, and has cells: views over it, relations whose policies lead to it, functions. */
export function coveredReaders(
  { after, alters, everywhere }: Mutant,
  { covered, texts }: Coverage,
): readonly Covered[] {
  if (everywhere === true) return covered.filter(({ passed }) => passed.size > 0);
  const writing = typeof alters === "string" ? alters !== "select" : !alters.includes("select");
  const readers = readersOf(after.oid, texts, writing);
  return covered.filter(({ work, passed }) => passed.size > 0 && readers.has(oidOf(work)));
}

function oidOf(work: Work): string {
  return "routine" in work ? work.routine.oid : work.relation.info.oid;
}

/** Views and functions may show what policies let through to a role that is no persona's; whom that inherits from is not known. */
export function isLent(before: Mutant["after"], { after }: Mutant, { lent, plan }: Coverage): boolean {
  const { roles } = plan.catalog;
  const others = lent.some((name) => name !== before.owner && !roles.some((role) => role.name === name));
  return others || (lent.includes(before.owner) && after.forceRls);
}

/** Their cells that may see the change: of the roles that it is about, and of all where a role is lent. */
export function cellsBehind({ passed }: Covered, mutant: Mutant, { lent }: Coverage): readonly Cell[] {
  return likeliestFirst(
    [...passed.values()].filter(({ role }) => lent.length > 0 || isFor(mutant.roles, role)),
    mutant,
  );
}
