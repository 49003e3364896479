import type { RelationInfo } from "../../model/catalog.ts";
import type { PlannedRelation } from "../../model/cell.ts";
import type { Expectation } from "../../model/matrix.ts";
import type { Control } from "../../model/observation.ts";
import { quoteIdent, quoteQualified } from "../../model/sql-text.ts";
import { readSql } from "../../sql.ts";
import { type RowReader, rowReader } from "./row-reader.ts";
import type { Ask, Sight } from "./sight.ts";

/** Relations with more rows are compared by counts and a sample. */
export const comparedRowsLimit = 2_000;
/** Of a sample, for each side of the row set. */
const fromBeginning = 24;
const fromEnd = 6;

/** A row as full sight sees it. */
export interface ControlRow {
  /** The key's values as Postgres writes them; empty when nothing names a row. */
  readonly key: readonly (string | null)[];
  /** `{"id":7}`, for each of the snapshot's column lists. */
  readonly shapes: readonly string[];
  readonly declared: boolean;
}

export interface SnapshotRequest {
  readonly relation: PlannedRelation;
  readonly expectations: readonly Expectation[];
  /** Lists of columns that answers will be compared by. */
  readonly shapes: readonly (readonly string[])[];
  /** False: counts are enough. */
  readonly rows: boolean;
}

/** What is there, and what of it is declared: all of it from one moment. */
export class Snapshot {
  readonly total: number;
  readonly #declared: ReadonlyMap<string, number>;
  readonly #rows: ReadonlyMap<string, readonly ControlRow[]>;
  readonly #shapes: readonly string[];
  readonly #readers = new Map<string, RowReader>();

  constructor(
    total: number,
    declared: ReadonlyMap<string, number>,
    rows: ReadonlyMap<string, readonly ControlRow[]>,
    shapes: readonly string[],
  ) {
    this.total = total;
    this.#declared = declared;
    this.#rows = rows;
    this.#shapes = shapes;
  }

  /** Every row is here, and not a sample. */
  get complete(): boolean {
    return this.total <= comparedRowsLimit;
  }

  /** False: only counts were asked for. */
  get hasRows(): boolean {
    return this.#rows.size > 0;
  }

  control(expectation: Expectation): Control {
    return { total: this.total, declared: this.#declared.get(insideOf(expectation)) ?? 0 };
  }

  /** All rows of a small relation; of a large one the sample for this expectation. */
  rows(expectation: Expectation): readonly ControlRow[] {
    return this.#rows.get(insideOf(expectation)) ?? [];
  }

  /** Where `ControlRow.shapes` holds the row by these columns. */
  shapeOf(columns: readonly string[]): number {
    return this.#shapes.indexOf(JSON.stringify(columns));
  }

  /** `rowReader` that reads each row of the snapshot, and what looks like it, only once. */
  reader(info: RelationInfo, columns: readonly string[]): RowReader {
    const name = JSON.stringify(columns);
    const known = this.#readers.get(name);
    if (known !== undefined) return known;
    const read = rowReader(info, columns);
    const shape = this.shapeOf(columns);
    const own = [...this.#rows.values()].flatMap((rows) => rows.map(({ shapes }) => shapes[shape] ?? ""));
    const texts = new Map([...new Set(own)].map((row) => [row, read(row)]));
    const reader: RowReader = (row) => texts.get(row) ?? read(row);
    this.#readers.set(name, reader);
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

/** Throws ProbeFailure. */
export function takeSnapshot(sight: Sight, request: SnapshotRequest): Promise<Snapshot> {
  return sight.look(async (ask) => {
    const insides = [...new Set(request.expectations.map(insideOf))];
    const [total = 0, ...declared] = await counts(ask, request, insides);
    const rows = new Map<string, readonly ControlRow[]>();
    if (request.rows && total <= comparedRowsLimit) await readAll(ask, request, insides, rows);
    else if (request.rows) await readSamples(ask, request, insides, rows);
    const byInside = new Map(insides.map((inside, index) => [inside, declared[index] ?? 0]));
    const shapes = request.shapes.map((columns) => JSON.stringify(columns));
    return new Snapshot(total, byInside, rows, shapes);
  });
}

async function counts(
  ask: Ask,
  { relation }: SnapshotRequest,
  insides: readonly string[],
): Promise<number[]> {
  const filtered = insides.map((inside) => `count(*) filter (where (${inside}\n))`);
  const sql = `select array[${["count(*)", ...filtered].join(", ")}]::text[] as counts from ${quoteQualified(relation.control)}`;
  const [row] = await ask<{ counts: string[] }>(sql);
  return (row?.counts ?? []).map(Number);
}

interface SqlRow {
  readonly key: (string | null)[];
  readonly shapes: string[];
  readonly declared: string;
}

async function readAll(
  ask: Ask,
  request: SnapshotRequest,
  insides: readonly string[],
  into: Map<string, readonly ControlRow[]>,
): Promise<void> {
  const digits = insides.map((inside) => `case when (${inside}\n) then '1' else '0' end`);
  const read = await ask<SqlRow>(
    filled("sight_rows.sql", { ...pieces(request), declared: `concat(${digits.join(", ")})` }),
  );
  for (const [index, inside] of insides.entries()) {
    into.set(
      inside,
      read.map(({ key, shapes, declared }) => ({ key, shapes, declared: declared[index] === "1" })),
    );
  }
}

async function readSamples(
  ask: Ask,
  request: SnapshotRequest,
  insides: readonly string[],
  into: Map<string, readonly ControlRow[]>,
): Promise<void> {
  for (const inside of insides) {
    const ends = { first: String(fromBeginning), last: String(fromEnd) };
    const read = await ask<SqlRow>(filled("sight_sample.sql", { ...pieces(request), ...ends, inside }));
    // A row near both ends comes twice.
    const unique = new Map(read.map((row) => [JSON.stringify([row.key, row.shapes]), row]));
    into.set(
      inside,
      [...unique.values()].map(({ key, shapes, declared }) => ({ key, shapes, declared: declared === "1" })),
    );
  }
}

function pieces({ relation, shapes }: SnapshotRequest): Record<string, string> {
  const key = relation.key.map(quoteIdent);
  const shown = shapes.map(
    (columns) => `row_to_json((select x from (select ${columns.map(quoteIdent).join(", ")}) x))::text`,
  );
  return {
    key: `array[${key.map((name) => `${name}::text`).join(", ")}]::text[]`,
    shapes: `array[${shown.join(", ")}]::text[]`,
    relation: quoteQualified(relation.control),
    order: key.length === 0 ? "" : `order by ${key.join(", ")}`,
    back: key.length === 0 ? "" : `order by ${key.map((name) => `${name} desc`).join(", ")}`,
  };
}

/** One pass, so that braces within a piece stay what they are. */
export function filled(file: string, with_: Readonly<Record<string, string>>): string {
  return readSql(file)
    .replaceAll(/^--.*\n/gm, "")
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => with_[name] ?? "");
}
