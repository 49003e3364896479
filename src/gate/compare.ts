import { grewWith, type Reach } from "../diff/reach.ts";
import type { BrokenCell, GateChange, Reached } from "../model/gate.ts";
import type { BoundCandidate } from "../model/cell.ts";
import type { RelationWaiver } from "../model/matrix.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Rows } from "./keys.ts";
import type { Measure, Measures } from "./measure.ts";
import type { Proof } from "./proofs.ts";

/** A difference between two states, the key of the cell that shows it, and what of the cell's answer it is about. */
export type Keyed<T> = T & { readonly key: string; readonly facet: Facet; readonly shownBy?: ShownBy };
/** The proof for all rows, or values that are tried; nothing: the cell's own probe. */
export type ShownBy = "proof" | { readonly tries: readonly BoundCandidate[] };

export interface Compared {
  readonly gained: readonly Keyed<GateChange>[];
  readonly lost: readonly Keyed<GateChange>[];
  readonly broken: readonly Keyed<BrokenCell>[];
  readonly compared: number;
  readonly unknown: readonly { readonly cell: string }[];
}

/** What each persona may do in the later state otherwise than in the earlier one. Pure. */
export function compare(before: Measures, after: Measures, waived: readonly RelationWaiver[] = []): Compared {
  const keys = [...new Set([...before.keys(), ...after.keys()])];
  const pairs = keys.map((key) => ({ key, was: before.get(key), is: after.get(key) }));
  const change = (more: typeof widening, way: "gained" | "lost"): readonly Keyed<GateChange>[] =>
    pairs.flatMap(({ key, was, is }) => {
      const [less, wide] = way === "gained" ? [was, is] : [is, was];
      const found = wide && more(less, wide);
      const shown = is ?? was;
      if (found === undefined || shown === undefined) return [];
      const declared =
        way === "gained" && !(is && hasAttached(was, is)) ? declaredBy(is, found, waived) : undefined;
      return [{ ...found, key, ...placeOf(shown), before: reached(was), after: reached(is), declared }];
    });
  return {
    gained: change(widening, "gained").toSorted(byWidth),
    lost: change(widening, "lost").toSorted(byWidth),
    broken: pairs.flatMap(({ key, was, is }) => brokenCell(key, was, is)),
    compared: pairs.filter(({ was, is }) => was?.reach !== undefined && is?.reach !== undefined).length,
    unknown: pairs.flatMap(({ was, is }) =>
      was?.reach !== undefined && is !== undefined && is.reach === undefined ? [{ cell: is.cell }] : [],
    ),
  };
}

export function placeOf({
  cell,
  persona,
  relation,
  operation,
  column,
  call,
}: Measure): Pick<GateChange, "cell" | "persona" | "relation" | "operation" | "column" | "call"> {
  return { cell, persona, relation, operation, column, call };
}

export function reached(one: Measure | undefined): Reached | undefined {
  return one?.reach && { count: one.reach.count, of: one.reach.of };
}

type Widening = Pick<GateChange, "examples" | "privilegeOnly" | "columns" | "rows"> & {
  /** What of a state's answer the change is about: the statement after which it stays the same is the one behind it. */
  readonly facet: Facet;
};
export type Facet = (seen: Measure | undefined, proof?: Proof, accepted?: Accepted) => unknown;
/** Of each value that is tried, by its name. */
export type Accepted = ReadonlyMap<string, boolean>;

/** What `wide` may do that `less` may not. */
function widening(less: Measure | undefined, wide: Measure): Widening | undefined {
  return reachWidens(less, wide) ?? columnsWiden(less, wide) ?? privilegeWidens(less, wide);
}

function reachWidens(less: Measure | undefined, wide: Measure): Widening | undefined {
  const { reach } = wide;
  if (reach === undefined) return undefined;
  const accepted = newlyAccepted(less, wide);
  const rows = reach.rows
    ? moreRows(less, wide)
    : !reach.accepted.length && reach.count > (less?.reach?.count ?? 0)
      ? {}
      : undefined;
  if (rows === undefined && accepted.length === 0) return undefined;
  const { keys } = rows ?? {};
  const named = keys?.map((key) => shownKey(wide, key)) ?? reach.unexpectedKeys;
  return {
    examples: [...named, ...accepted].slice(0, 3),
    rows: keys?.length,
    privilegeOnly: false,
    facet: (seen) => [
      accepted.filter((name) => seen?.reach?.accepted.includes(name) === true),
      rows !== undefined && (keys?.filter((key) => seen?.rows?.reached.includes(key)) ?? seen?.reach?.count),
    ],
  };
}

function shownKey({ key }: Measure, text: string): string {
  return key.length === 1 ? `${key[0] ?? ""} = ${text}` : `(${key.join(", ")}) = ${text}`;
}

interface MoreRows {
  /** `undefined`: only their number is known. */
  readonly keys?: readonly string[];
}

/** Rows that were there, and out of reach. Those that are new are more data; where no row has stayed, numbers say more than keys. */
function moreRows(less: Measure | undefined, wide: Measure): MoreRows | undefined {
  const { rows, reach } = wide;
  const before = less?.rows;
  if (reach === undefined) return undefined;
  if (hasAttached(less, wide)) return rowsOfAttached(less, wide);
  if (less === undefined || rows === undefined || before === undefined || !areComparable(before, rows))
    return rowsWiden(less?.reach, reach) ? {} : undefined;
  const [stood, inReach] = [new Set(before.all), new Set(before.reached)];
  const keys = rows.reached.filter((one) => stood.has(one) && !inReach.has(one));
  return keys.length === 0 ? undefined : { keys };
}

/** A table that was there before is one of those below it now: its rows are not new, they are in reach by another name. */
function hasAttached(less: Measure | undefined, wide: Measure): boolean {
  const { children, tables } = less ?? wide;
  return wide.children.some((child) => tables.has(child) && !children.includes(child));
}

function rowsOfAttached(less: Measure | undefined, { rows, reach }: Measure): MoreRows | undefined {
  if ((reach?.count ?? 0) <= (less?.reach?.count ?? 0)) return undefined;
  const inReach = new Set(less?.rows?.reached);
  const keys = rows?.reached.filter((one) => !inReach.has(one)) ?? [];
  return keys.length === 0 ? {} : { keys };
}

function areComparable(before: Rows, after: Rows): boolean {
  const there = new Set(before.all);
  return after.all.some((one) => there.has(one));
}

/** More rows, and not only because the relation has more rows: as many as before are out of reach. */
function rowsWiden(less: Reach | undefined, wide: Reach): boolean {
  if (less === undefined) return wide.count > 0;
  const grown = wide.of > less.of && grewWith(less, wide);
  return (wide.count > less.count && !grown) || (wide.unexpected > less.unexpected && !grown);
}

/** A candidate that was not tried before says nothing, unless none was accepted then. */
function newlyAccepted(less: Measure | undefined, wide: Measure): readonly string[] {
  const accepted = wide.reach?.accepted ?? [];
  const before = less?.reach?.accepted ?? [];
  if (before.length === 0 && !wide.reach?.rows) return accepted;
  return accepted.filter((name) => !before.includes(name) && less?.tried.includes(name) === true);
}

/** A column that was there before, or one that is new where not every column was granted. */
function columnsWiden(less: Measure | undefined, wide: Measure): Widening | undefined {
  if (less === undefined || !less.privileged || wide.column !== undefined) return undefined;
  if (!withColumns.has(wide.operation)) return undefined;
  const columns = renamed(less, wide)
    ? wide.granted.slice(less.granted.length)
    : wide.granted.filter(
        (name) => !less.granted.includes(name) && (isPartial(less) || less.columns.includes(name)),
      );
  const held: Facet = (seen) => columns.filter((name) => seen?.granted.includes(name) === true);
  return columns.length === 0 ? undefined : { examples: [], columns, privilegeOnly: true, facet: held };
}

const withColumns: ReadonlySet<string> = new Set(["select", "insert", "update"]);

function isPartial({ granted, columns }: Measure): boolean {
  return granted.length < columns.length;
}

/** As many columns as before, and some are called otherwise: which of them is which is not compared. */
function renamed(less: Measure, wide: Measure): boolean {
  return less.columns.length === wide.columns.length && less.columns.join() !== wide.columns.join();
}

function privilegeWidens(less: Measure | undefined, wide: Measure): Widening | undefined {
  const widens = wide.column === undefined && wide.privileged && less?.privileged !== true;
  return widens
    ? { examples: [], privilegeOnly: true, facet: (seen) => seen?.privileged === true }
    : undefined;
}

/**
 * The matrix says exactly who reaches which rows: a cell of it that passes agrees with what is reached. Columns it must name.
 * What was only observed declares nothing.
 */
function declaredBy(
  is: Measure | undefined,
  { columns = [] }: Widening,
  waived: readonly RelationWaiver[],
): GateChange["declared"] {
  if (is === undefined) return undefined;
  const agrees = is.verdict === "pass" && columns.every((name) => is.declaredColumns.includes(name));
  if (is.named) return agrees && !is.observed ? { how: "declared", at: is.at } : undefined;
  const waiver = waived.find((one) => formatQualified(one) === is.relation);
  return waiver && { how: "waived", at: `${waiver.at.file}:${waiver.at.line}` };
}

function brokenCell(
  key: string,
  was: Measure | undefined,
  is: Measure | undefined,
): readonly Keyed<BrokenCell>[] {
  const broke = was?.named === true && was.verdict === "pass" && is?.named === true && is.verdict !== "pass";
  return broke
    ? [{ key, cell: is.cell, verdict: is.verdict, because: is.because, at: is.at, facet: verdictOf }]
    : [];
}

const verdictOf: Facet = (seen) => seen?.verdict;

function rowsMore({ before, after, rows = 0 }: GateChange): number {
  return Math.max(rows, (after?.count ?? 0) - (before?.count ?? 0));
}

/** What is not declared first, then the greatest. */
function byWidth(a: GateChange, b: GateChange): number {
  const undeclared = Number(a.declared !== undefined) - Number(b.declared !== undefined);
  return undeclared || Number(a.privilegeOnly) - Number(b.privilegeOnly) || rowsMore(b) - rowsMore(a);
}
