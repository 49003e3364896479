import type { ColumnInfo, Privileges, RelationInfo } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import type { Expectation } from "../../model/matrix.ts";
import { holdsValue, quoteIdent, quoteLiteral, quoteQualified } from "../../model/sql-text.ts";
import { fillSql } from "../../sql.ts";
import { sourceSql, wholeRow } from "./source.ts";

/** Characters of a row's key, where it is shown. */
export const shownCharacters = 2_000;

/** Rows that are gone through one by one, and how many of those from each end, when a relation has more. */
export const rowByRowLimit = 60;

const nothing: Privileges = {
  schemaUsage: false,
  delete: false,
  truncate: false,
  select: [],
  insert: [],
  update: [],
};

export function privilegesOf(cell: Cell): Privileges {
  return cell.relation.info.privileges[cell.persona.role] ?? nothing;
}

/** A row as one text: by its key, or whole. Rows that a persona cannot tell apart have the same text. */
export function keyText(columns: readonly string[]): string {
  const names = columns.map(quoteIdent);
  return names.length === 1 ? `${names[0] ?? ""}::text` : `row(${names.join(", ")})::text`;
}

/** Order-free 64-bit sum over rows; as text, since JSON numbers would round it. */
export function hashOf(columns: readonly string[]): string {
  return `pg_catalog.sum(pg_catalog.hashtextextended(${keyText(columns)}, 0))`;
}

/** Columns by which rows are compared: the key if the persona may read it, else all that it and full sight may read. */
export function comparedColumns(
  { relation, column }: Pick<Cell, "relation" | "column">,
  readable: readonly string[],
): readonly string[] {
  const { key, control } = relation;
  const named = key.length > 0 && key.every((name) => readable.includes(name));
  if (column === undefined) {
    if (named) return key;
    return readable.filter((name) => control.columns.some((one) => one.name === name));
  }
  // A column cell compares values: the row's key, where it can be read, and the value.
  return named ? [...key.filter((name) => name !== column), column] : [column];
}

/** Where a cell's rows are read with full sight: a column's cell is about the rows that hold a value in it. */
function fromControl({ relation, column }: Cell): string {
  return `from ${quoteQualified(relation.control)}${whereHolding(column)}`;
}

/** Where the persona reads them: the relation, or what the call returns. */
function fromSource(cell: Cell): string {
  return `from ${sourceSql(cell)}${whereHolding(cell.column)}`;
}

function whereHolding(column: string | undefined): string {
  return column === undefined ? "" : ` where ${holdsValue(column)}`;
}

/** The rows of these cells are compared by number and hash; others are told by their number alone. */
export function comparesByHash({ expectation, column }: Cell): boolean {
  if (expectation.kind === "rows" || expectation.kind === "within") return true;
  // n of n values could be n other values (a mask).
  return column !== undefined && expectation.kind === "allow";
}

/** The rows that an expectation declares, as a condition over the control relation. */
export function declaredWhere(expectation: Expectation): string {
  if (expectation.kind === "rows" || expectation.kind === "within") return `(${expectation.predicate})`;
  return expectation.kind === "allow" ? "true" : "false";
}

/** With full sight: rows, declared rows, and `hash of declared:hash of all` (only where a comparison needs it). */
export function controlSql(cell: Cell, columns: readonly string[]): string {
  const { expectation, among } = cell;
  const joined = cell.column === undefined ? "where" : "and";
  const from = `${fromControl(cell)}${among === undefined ? "" : ` ${joined} (${among}\n)`}`;
  if (expectation.kind === "allow" && !comparesByHash(cell))
    return `select count(*), count(*), null::text ${from}`;
  if (!comparesByHash(cell)) return `select count(*), 0, null::text ${from}`;
  const where = declaredWhere(expectation);
  if (columns.length === 0) return `select count(*), count(*) filter (where ${where}), null::text ${from}`;
  const hash = hashOf(columns);
  return `select count(*), count(*) filter (where ${where}), concat(coalesce(${hash} filter (where ${where}), 0), ':', coalesce(${hash}, 0)) ${from}`;
}

export function selectSql(cell: Cell, columns: readonly string[]): string {
  const from = `${wholeRow(cell)} ${fromSource(cell)}`;
  return comparesByHash(cell) && columns.length > 0
    ? `select count(*), ${hashOf(columns)}::text${from}`
    : `select count(*), null::text${from}`;
}

/** A condition that every row meets and that reads a column, so that the SELECT policies apply. */
export function readingWhere(column: string): string {
  return `where (${quoteIdent(column)} is null or ${holdsValue(column)})`;
}

/** Columns that an UPDATE or INSERT can write at all. */
export function writable(info: RelationInfo, granted: readonly string[]): readonly ColumnInfo[] {
  return info.columns.filter(
    (column) => granted.includes(column.name) && !column.generated && column.identity !== "always",
  );
}

/** Plain columns first: a key, a unique column or a foreign key would let a constraint speak before its time. */
export function plainFirst(info: RelationInfo, columns: readonly ColumnInfo[]): readonly ColumnInfo[] {
  const constrained = new Set(
    info.constraints.filter((one) => one.type !== "not null").flatMap((one) => one.columns),
  );
  const weight = (column: ColumnInfo): number =>
    (info.primaryKey.includes(column.name) ? 4 : 0) +
    (constrained.has(column.name) ? 2 : 0) +
    (column.domain ? 1 : 0);
  return columns.toSorted((a, b) => weight(a) - weight(b));
}

export function literal(value: string | null): string {
  return value === null ? "null" : quoteLiteral(value);
}

export function assignments(values: Readonly<Record<string, string | null>>): string {
  return Object.entries(values)
    .map(([column, value]) => `${quoteIdent(column)} = ${literal(value)}`)
    .join(", ");
}

export function insertSql(info: RelationInfo, values: Readonly<Record<string, string | null>>): string {
  const columns = Object.keys(values);
  if (columns.length === 0) return `insert into ${quoteQualified(info)} default values`;
  const names = columns.map(quoteIdent).join(", ");
  return `insert into ${quoteQualified(info)} (${names}) values (${columns.map((name) => literal(values[name] ?? null)).join(", ")})`;
}

/** Rows of the base table that the probe's own subtransaction wrote: their xmin is younger than every row's in the snapshot. */
export function changedSql(base: RelationInfo, columns: readonly string[]): string {
  return `select count(*), ${hashOf(columns)}::text from ${quoteQualified(base)} where pg_catalog.age(xmin) <= 0`;
}

/** Rows that are still there; what a DELETE reached is the rest. */
export function remainingSql(control: RelationInfo, columns: readonly string[]): string {
  return `select count(*), coalesce(${hashOf(columns)}, 0)::text from ${quoteQualified(control)}`;
}

/** A row's key for people: `{"id":7}`. A row without a key is shown whole, as far as anybody would read. */
function keyJson(columns: readonly string[]): string {
  const members = columns.map((name) => `${quoteLiteral(name)}, ${quoteIdent(name)}`);
  return `left(json_build_object(${members.join(", ")})::text, ${shownCharacters})`;
}

/** Keys that go through the server's memory when two row sets differ; beyond it, counts still hold. */
export const comparedKeysLimit = 10_000;

/** The keys that a persona sees, as `text[]`; for a column cell each is the JSON array `[key, value]`, where there is a key. */
export function seenKeysSql(cell: Cell, columns: readonly string[]): string {
  const { column } = cell;
  const key = keyBeside(cell, columns);
  const seen =
    column === undefined || key.length === 0
      ? keyText(columns)
      : `json_build_array(${keyText(key)}, ${keyText([column])})::text`;
  return `select array_agg(k) from (select ${seen} as k ${fromSource(cell)} limit ${comparedKeysLimit}) x`;
}

/** What names the row of a column's value. */
function keyBeside({ column }: Cell, columns: readonly string[]): readonly string[] {
  return column === undefined ? columns : columns.filter((name) => name !== column);
}

/** The keys of the rows that a probe changed, as `text[]`, with full sight. */
export function changedKeysSql(base: RelationInfo, columns: readonly string[]): string {
  return `select array_agg(${keyText(columns)}) from ${quoteQualified(base)} where pg_catalog.age(xmin) <= 0`;
}

/** With full sight: `$1` (keys that were reached) against the declared rows. */
export function differencesSql(cell: Cell, columns: readonly string[]): string {
  const key = keyBeside(cell, columns);
  if (cell.column !== undefined && key.length > 0) {
    const pieces = {
      key: keyText(key),
      value: keyText([cell.column]),
      shown: keyJson(key),
      declared: declaredWhere(cell.expectation),
      rows: fromControl(cell),
    };
    return fillSql("differences_of_values.sql", pieces);
  }
  const extra = "filter (where reached and not declared)";
  const missing = "filter (where declared and not reached)";
  return (
    `select json_build_object('extra', count(*) ${extra}, 'missing', count(*) ${missing}, ` +
    `'extraKeys', (array_agg(shown) ${extra})[1:3], 'missingKeys', (array_agg(shown) ${missing})[1:3])::text ` +
    `from (select ${keyJson(columns)} as shown, coalesce(${declaredWhere(cell.expectation)}, false) as declared, ` +
    `coalesce(${keyText(columns)} = any ($1), false) as reached ${fromControl(cell)}) x`
  );
}

/**
 * With full sight: the rows to go through one by one, as three arrays (suffix, declared, key). All rows of a small
 * relation; of a large one, rows inside and outside the declared set, from both ends of the key.
 * `suffix` is an SQL expression that yields the text appended to each statement.
 */
export function rowListSql(cell: Cell, suffix: string, onlyDeclared = false): string {
  const { key, control } = cell.relation;
  const order = key.length > 0 ? key.map(quoteIdent).join(", ") : "ctid";
  const descending = key.length > 0 ? key.map((name) => `${quoteIdent(name)} desc`).join(", ") : "ctid desc";
  const shown = key.length > 0 ? keyJson(key) : "json_build_object('ctid', ctid)::text";
  const declared = `coalesce(${declaredWhere(cell.expectation)}, false)`;
  const half = rowByRowLimit / 2;
  return (
    "select array_agg(suffix order by first), array_agg(declared order by first), array_agg(shown order by first) from (" +
    `select ${suffix} as suffix, ${declared} as declared, ${shown} as shown, ` +
    `row_number() over (partition by ${declared} order by ${order}) as first, ` +
    `row_number() over (partition by ${declared} order by ${descending}) as last ` +
    `from ${quoteQualified(control)}) x where (first <= ${half - 5} or last <= 5)${onlyDeclared ? " and declared" : ""}`
  );
}

/** An SQL expression: ` where "id" = '7'`, built by the server for each row. */
export function rowSuffix(key: readonly string[]): string {
  // Partitions and children number their rows each from the start.
  if (key.length === 0) return "format(' where ctid = %L and tableoid = %s', ctid, tableoid)";
  const format = key.map((name) => `${quoteIdent(name).replaceAll("%", "%%")} = %L`).join(" and ");
  return `format(${quoteLiteral(` where ${format}`)}, ${key.map(quoteIdent).join(", ")})`;
}

/** What an upsert is made of: the columns that are sent, the key that may conflict, and the column that is set then. */
export interface UpsertShape {
  readonly columns: readonly string[];
  readonly key: readonly string[];
  readonly set: string;
}

/** `insert into …`, to be followed by `upsertValues`. */
export function upsertHead(info: RelationInfo, { columns }: UpsertShape): string {
  return `insert into ${quoteQualified(info)} (${columns.map(quoteIdent).join(", ")})`;
}

export function upsertValues(
  info: RelationInfo,
  { columns, key, set }: UpsertShape,
  values: readonly string[],
): string {
  const overriding = info.columns.some(
    (column) => column.identity === "always" && columns.includes(column.name),
  );
  const override = overriding ? " overriding system value" : "";
  return `${override} values (${values.join(", ")}) on conflict (${key.map(quoteIdent).join(", ")}) do update set ${quoteIdent(set)} = excluded.${quoteIdent(set)}`;
}

/** An SQL expression: the row as it stands, to be inserted again over itself. */
export function upsertSuffix(info: RelationInfo, shape: UpsertShape): string {
  // `%L` stands where the values will; every other percent sign is doubled.
  const marks = shape.columns.map((_, index) => `\u0000${index}`);
  const text = upsertValues(info, shape, marks).replaceAll("%", "%%").replaceAll(/\0\d+/g, "%L");
  return `format(${quoteLiteral(text)}, ${shape.columns.map(quoteIdent).join(", ")})`;
}
