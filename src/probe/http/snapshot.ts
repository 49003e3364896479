import type { RelationInfo } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import type { Expectation } from "../../model/matrix.ts";
import type { Baseline, RowsObservation } from "../../model/observation.ts";
import { shownKeys } from "../limits.ts";
import { membersOf, textOf } from "./json-text.ts";

/** Relations with more rows are compared by counts and a sample. */
export const comparedRowsLimit = 2_000;
/** A row as the privileged connection sees it. */
export interface ControlRow {
  /** The key's values as Postgres writes them; empty when nothing names a row. */
  readonly key: readonly (string | null)[];
  /** `{"id":7}`, for each of the snapshot's column lists. */
  readonly shapes: readonly string[];
  readonly declared: boolean;
  /** What distinguishes this row version from the same row after any write. */
  readonly version: string;
}

/** What is there, and what of it is declared: all of it from one moment. */
export class Snapshot {
  readonly total: number;
  readonly #declared: ReadonlyMap<string, number>;
  readonly #rows: ReadonlyMap<string, readonly ControlRow[]>;
  readonly #shapes: readonly string[];
  readonly #some: readonly string[];
  // By the list itself: lists are made once for each relation and role.
  readonly #readers = new Map<readonly string[], RowReader>();

  constructor(
    total: number,
    declared: ReadonlyMap<string, number>,
    rows: ReadonlyMap<string, readonly ControlRow[]>,
    shapes: readonly string[],
    some: readonly string[] = [],
  ) {
    this.total = total;
    this.#declared = declared;
    this.#rows = rows;
    this.#shapes = shapes;
    this.#some = some;
  }

  /** Every row is here, and not a sample. */
  get complete(): boolean {
    return this.total <= comparedRowsLimit;
  }

  /** False: only counts were asked for. */
  get hasRows(): boolean {
    return this.#rows.size > 0;
  }

  control({ expectation, among }: Pick<Cell, "expectation" | "among">): Baseline {
    const counted = (inside: string): number => this.#declared.get(inside) ?? 0;
    return {
      total: among === undefined ? this.total : counted(among),
      declared: counted(insideOf(expectation)),
    };
  }

  /** All rows of a small relation; of a large one the sample for this expectation. */
  rows(expectation: Expectation): readonly ControlRow[] {
    return this.#rows.get(insideOf(expectation)) ?? [];
  }

  /** Versions of rows inside and outside of what is declared: of all that are here, or of a few where only counts were asked for. */
  versions(expectation: Expectation): {
    readonly inside: readonly string[];
    readonly outside: readonly string[];
  } {
    if (!this.hasRows) return { inside: [], outside: this.#some };
    const rows = this.rows(expectation);
    const of = (declared: boolean): readonly string[] =>
      rows.filter((row) => row.declared === declared).map(({ version }) => version);
    return { inside: of(true), outside: of(false) };
  }

  /** Where `ControlRow.shapes` holds the row by these columns. */
  shapeOf(columns: readonly string[]): number {
    return this.#shapes.indexOf(JSON.stringify(columns));
  }

  /** `rowReader` that reads each row of the snapshot, and what looks like it, only once. */
  reader(info: RelationInfo, columns: readonly string[]): RowReader {
    const known = this.#readers.get(columns);
    if (known !== undefined) return known;
    const read = rowReader(info, columns);
    const shape = this.shapeOf(columns);
    const own = [...this.#rows.values()].flatMap((rows) => rows.map(({ shapes }) => shapes[shape] ?? ""));
    const texts = new Map([...new Set(own)].map((row) => [row, read(row)]));
    const reader: RowReader = (row) => texts.get(row) ?? read(row);
    this.#readers.set(columns, reader);
    return reader;
  }

  equals(other: Snapshot): boolean {
    return this.#text() === other.#text();
  }

  #text(): string {
    return JSON.stringify([this.total, [...this.#declared], [...this.#rows]]);
  }
}

/** The rows that an expectation declares, as a condition. */
export function insideOf(expectation: Expectation): string {
  if (expectation.kind === "rows" || expectation.kind === "within") return expectation.predicate;
  return expectation.kind === "allow" ? "true" : "false";
}

/** A row's JSON text → the one text for that row; `undefined` when it is no such row. */
export type RowReader = (row: string) => string | undefined;

/**
 * Reads rows out of an answer so that equal rows become equal texts: columns in the order asked for, points in time
 * in UTC (the gateway's session may live in another zone than the control's).
 */
export function rowReader(info: RelationInfo, columns: readonly string[]): RowReader {
  const types = new Map(info.columns.map(({ name, type }) => [name, type]));
  const inTime = new Set(columns.filter((name) => types.get(name)?.endsWith("with time zone") === true));
  return (row) => {
    const members = membersOf(row);
    if (members === undefined) return undefined;
    const values: string[] = [];
    for (const name of columns) {
      const value = members.get(name);
      if (value === undefined) return undefined;
      values.push(inTime.has(name) ? evenTime(value) : value);
    }
    return values.join(",");
  };
}

const time =
  /^(\d{4,})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(\.\d+)?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?( BC)?$/;

/** `"2024-01-01T05:30:00.5+05:30"` → `1704067200.5`: seconds since 1970. What is no such time (infinity) stays. */
export function evenTime(value: string): string {
  const parts = time.exec(textOf(value) ?? "");
  if (parts === null) return value;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number);
  const [zoneHours = 0, zoneMinutes = 0, zoneSeconds = 0] = parts
    .slice(9, 12)
    .map((part) => Number(part ?? 0));
  const at = new Date(Date.UTC(2000, month - 1, day, hour, minute, second));
  // Not by Date.UTC, which takes the years 0 to 99 for 1900 to 1999; 1 BC is the year 0.
  at.setUTCFullYear(parts[12] === undefined ? year : 1 - year, month - 1, day);
  const zone = (zoneHours * 60 + zoneMinutes) * 60 + zoneSeconds;
  return `${at.getTime() / 1000 - (parts[8] === "-" ? -zone : zone)}${parts[7] ?? ""}`;
}

/** Compares the visible or affected rows with the declared ones. Keys as JSON text, a few of each. */
export type Differences = Pick<RowsObservation, "unexpected" | "missing" | "unexpectedKeys" | "missingKeys">;

/** Rows that look the same are counted, not distinguished: with n declared and n visible, none is unexpected. */
export function compareRows(
  reached: readonly string[],
  rows: readonly ControlRow[],
  shape: number,
  read: RowReader,
): Differences | undefined {
  const balance = new Map<string, number>();
  for (const row of reached) {
    const text = read(row);
    if (text === undefined) return undefined;
    balance.set(text, (balance.get(text) ?? 0) + 1);
  }
  for (const { declared, shapes } of rows) {
    if (!declared) continue;
    const text = read(shapes[shape] ?? "") ?? "";
    balance.set(text, (balance.get(text) ?? 0) - 1);
  }
  const surplus = new Map([...balance].filter(([, count]) => count !== 0));
  return surplus.size === 0 ? none : named(surplus, reached, rows, shape, read);
}

const none: Differences = { unexpected: 0, missing: 0, unexpectedKeys: [], missingKeys: [] };

function named(
  surplus: ReadonlyMap<string, number>,
  reached: readonly string[],
  rows: readonly ControlRow[],
  shape: number,
  read: RowReader,
): Differences {
  const counts = [...surplus.values()];
  const isExtra = (row: string): boolean => (surplus.get(read(row) ?? "") ?? 0) > 0;
  const isMissing = (row: string): boolean => (surplus.get(read(row) ?? "") ?? 0) < 0;
  return {
    unexpected: counts.filter((count) => count > 0).reduce((sum, count) => sum + count, 0),
    missing: counts.filter((count) => count < 0).reduce((sum, count) => sum - count, 0),
    unexpectedKeys: [...new Set(reached.filter(isExtra))].slice(0, shownKeys),
    missingKeys: rows
      .filter(({ declared, shapes }) => declared && isMissing(shapes[shape] ?? ""))
      .map(({ shapes }) => shapes[shape] ?? "")
      .slice(0, shownKeys),
  };
}
