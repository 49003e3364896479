import type { RelationInfo } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import type { Expectation } from "../../model/matrix.ts";
import type { Baseline } from "../../model/observation.ts";
import { type RowReader, rowReader } from "./row-reader.ts";

/** Relations with more rows are compared by counts and a sample. */
export const comparedRowsLimit = 2_000;
/** A row as full sight sees it. */
export interface ControlRow {
  /** The key's values as Postgres writes them; empty when nothing names a row. */
  readonly key: readonly (string | null)[];
  /** `{"id":7}`, for each of the snapshot's column lists. */
  readonly shapes: readonly string[];
  readonly declared: boolean;
  /** What tells this row as it stands from the same row after anybody has written it. */
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
