import { fillSql } from "../../lib/sql-file.ts";
import { holdsValue, quoteIdent, quoteQualified } from "../../lib/sql-text.ts";
import type { Cell, PlannedRelation } from "../../model/cell.ts";
import type { Expectation } from "../../model/matrix.ts";
import { operationInfo } from "../../model/operations.ts";
import { ProbeFailure } from "./failure.ts";
import type { Ask, PrivilegedConnection } from "./privileged.ts";
import { shownColumns } from "./context.ts";
import { type ControlRow, Snapshot, comparedRowsLimit, insideOf } from "./snapshot.ts";

/** Of a sample, for each side of the row set. */
const fromBeginning = 24;
const fromEnd = 6;
const bytesAtMost = 16 * 1024 * 1024;
/** Rows that are known by their versions, where no others are read. */
const versionsOfACount = 8;

export interface SnapshotRequest {
  readonly relation: PlannedRelation;
  /** Only rows that hold a value in this column. */
  readonly column: string | undefined;
  readonly expectations: readonly Expectation[];
  /** Conditions whose rows are counted, and no more. */
  readonly among: readonly string[];
  /** Lists of columns that answers will be compared by. */
  readonly shapes: readonly (readonly string[])[];
  /** False: counts are enough. */
  readonly rows: boolean;
  /** Only the rows for which this holds. */
  readonly only?: string | undefined;
}

interface Counted {
  readonly total: number;
  /** In the order of the row sets asked for. */
  readonly declared: readonly number[];
  readonly rows: ReadonlyMap<string, readonly ControlRow[]>;
  /** Versions of a few rows, where no rows were read. */
  readonly some?: readonly string[];
}

/** Throws ProbeFailure. */
export function takeSnapshot(privileged: PrivilegedConnection, request: SnapshotRequest): Promise<Snapshot> {
  return privileged.inSnapshot(async (ask) => {
    const insides = [...new Set([...request.expectations.map(insideOf), ...request.among])];
    const seen =
      (request.rows ? await readAll(ask, request, insides) : undefined) ??
      (await count(ask, request, insides));
    const declared = new Map(insides.map((inside, index) => [inside, seen.declared[index] ?? 0]));
    return new Snapshot(
      seen.total,
      declared,
      seen.rows,
      request.shapes.map((columns) => JSON.stringify(columns)),
      seen.some,
    );
  });
}

interface SqlRow {
  readonly key: (string | null)[];
  readonly shapes: string[];
  readonly declared: string;
  readonly version: string;
}

/** Every row; `undefined` when there are too many. */
async function readAll(
  ask: Ask,
  request: SnapshotRequest,
  insides: readonly string[],
): Promise<Counted | undefined> {
  const digits = insides.map((inside) => `case when (${inside}\n) then '1' else '0' end`);
  const declared = digits.length === 0 ? "''" : digits.join(" || ");
  const limit = String(comparedRowsLimit + 1);
  const read = await askRows(ask, fillSql("sight_rows.sql", { ...pieces(request), declared, limit }));
  if (read.length > comparedRowsLimit) return undefined;
  const rows = insides.map((inside, index) => [inside, read.map((row) => controlRow(row, index))] as const);
  const counts = rows.map(([, all]) => all.filter((row) => row.declared).length);
  return { total: read.length, declared: counts, rows: new Map(rows) };
}

/** Counts over all rows, and a sample for each row set where rows were asked for. */
async function count(ask: Ask, request: SnapshotRequest, insides: readonly string[]): Promise<Counted> {
  const filtered = insides.map((inside) => `count(*) filter (where (${inside}\n))`);
  const from = source(request);
  const few = `array(select ${versionOf(request)} from ${from} ${pieces(request)["order"]} limit ${versionsOfACount})`;
  const sql = `select array[${["count(*)", ...filtered].join(", ")}]::text[] as counts, ${few} as some from ${from}`;
  const [found] = await ask<{ counts: string[]; some: string[] }>(sql);
  const [total = 0, ...declared] = (found?.counts ?? []).map(Number);
  const rows = new Map<string, readonly ControlRow[]>();
  const sampled = request.rows ? new Set(request.expectations.map(insideOf)) : [];
  for (const inside of sampled) rows.set(inside, await readSample(ask, request, inside));
  return { total, declared, rows, some: found?.some ?? [] };
}

async function readSample(
  ask: Ask,
  request: SnapshotRequest,
  inside: string,
): Promise<readonly ControlRow[]> {
  const ends = { first: String(fromBeginning), last: String(fromEnd) };
  const read = await askRows(ask, fillSql("sight_sample.sql", { ...pieces(request), ...ends, inside }));
  // A row near both ends comes twice.
  const unique = new Map(read.map((row) => [JSON.stringify([row.key, row.shapes]), row]));
  return [...unique.values()].map((row) => controlRow(row, 0));
}

/** Throws ProbeFailure for rows that are too large to be held here: no key tells them apart that a persona may read. */
async function askRows(ask: Ask, sql: string): Promise<readonly SqlRow[]> {
  const read = await ask<SqlRow & { shapes: string[] | null }>(
    `select key, case when sum(pg_column_size(shapes)) over (rows unbounded preceding) <= ${bytesAtMost} then shapes end as shapes, ` +
      `declared, version from (${sql}) seen`,
  );
  if (read.every(({ shapes }) => shapes !== null)) return read;
  const message = `the rows are too large to be compared: more than ${bytesAtMost} bytes of them would have to be held`;
  throw new ProbeFailure("not-sent", `${message}; let the key be readable, or name one (\`key:\`)`);
}

function controlRow({ key, shapes, declared, version }: SqlRow, digit: number): ControlRow {
  return { key, shapes, declared: declared[digit] === "1", version };
}

/** Where the privileged connection reads: the relation, or those of its rows that hold a value. */
function source({ relation, column, only }: SnapshotRequest): string {
  const whole = quoteQualified(relation.baseline);
  const where = [
    ...(column === undefined ? [] : [holdsValue(column)]),
    ...(only === undefined ? [] : [only]),
  ];
  return where.length === 0
    ? whole
    : `(select * from ${whole} where ${where.join(" and ")}) ${quoteIdent(relation.baseline.name)}`;
}

/**
 * A table's rows have a place and the transaction that wrote them: deleted and written anew, a row has others. Of what is
 * behind a view, or of some rows of a table read as one, only the rows themselves can be compared.
 */
function versionOf({ relation: { baseline: control }, column, only }: SnapshotRequest): string {
  const isTable = control.kind === "table" || control.kind === "partitioned";
  if (isTable && column === undefined && only === undefined) return "concat_ws('/', tableoid, ctid, xmin)";
  // `.*`: a column may be called like its table, or like any name of ours.
  return `pg_catalog.hashtextextended((${quoteIdent(control.name)}.*)::text, 0)::text`;
}

function pieces(request: SnapshotRequest): Record<string, string> {
  const { relation, shapes } = request;
  const key = relation.key.map(quoteIdent);
  const shown = shapes.map(
    (columns) => `(select row_to_json(x.*) from (select ${columns.map(quoteIdent).join(", ")}) x)::text`,
  );
  return {
    key: `array[${key.map((name) => `${name}::text`).join(", ")}]::text[]`,
    shapes: `array[${shown.join(", ")}]::text[]`,
    version: versionOf(request),
    relation: source(request),
    order: key.length === 0 ? "" : `order by ${key.join(", ")}`,
    back: key.length === 0 ? "" : `order by ${key.map((name) => `${name} desc`).join(", ")}`,
  };
}

/** What the privileged connection must see for these cells of one relation. */
export function snapshotFor(cells: readonly Cell[], relation: Cell["relation"]): SnapshotRequest {
  const measured = cells.filter(({ operation }) => operation !== "insert" && operation !== "truncate");
  const lists = [relation.key, ...measured.map(shownColumns)].filter((columns) => columns.length > 0);
  const unique = new Map(lists.map((columns) => [JSON.stringify(columns), columns]));
  return {
    relation,
    // Cells of one column, or of none: they are asked about together.
    column: cells[0]?.column,
    expectations: measured.map(({ expectation }) => expectation),
    among: measured.flatMap(({ among }) => among ?? []),
    shapes: [...unique.values()],
    rows: measured.some(needsRows),
  };
}

/** A SELECT of no row or of every row is compared by its count; writes may have to go row by row. */
function needsRows({ operation, expectation, relation, column }: Cell): boolean {
  if (operationInfo[operation].blind) return false;
  if (!operationInfo[operation].reads) return true;
  if (expectation.kind === "allow")
    return column !== undefined || relation.baseline.oid !== relation.info.oid;
  return expectation.kind === "rows" || expectation.kind === "within";
}

/** What the privileged connection sees for cells of one relation, by the column that they are about; `undefined`: a look failed. */
export type Controls = ReadonlyMap<string | undefined, Snapshot | undefined>;

/** One look for the cells of the relation, and one for each column that has cells of its own. */
export async function lookForAll(
  privileged: PrivilegedConnection,
  cells: readonly Cell[],
): Promise<Controls> {
  const columns = [...new Set(cells.map(({ column }) => column))];
  const looks = await Promise.all(
    columns.map((column) =>
      look(
        privileged,
        cells.filter((cell) => cell.column === column),
      ),
    ),
  );
  return new Map(columns.map((column, index) => [column, looks[index]]));
}

/** `undefined` when it failed: then each cell looks for itself, and the faulty one alone fails. */
async function look(privileged: PrivilegedConnection, cells: readonly Cell[]): Promise<Snapshot | undefined> {
  const [cell] = cells;
  if (cell === undefined) return undefined;
  return await takeSnapshot(privileged, snapshotFor(cells, cell.relation)).catch(() => undefined);
}
