import type { ColumnInfo, Privileges, RelationInfo } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import { holdsValue, quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";

export function privilegesOf(cell: Cell): Privileges {
  return cell.relation.info.privileges[cell.persona.role] ?? nothing;
}

const nothing: Privileges = {
  schemaUsage: false,
  delete: false,
  truncate: false,
  select: [],
  insert: [],
  update: [],
};

/** A condition that every row meets and that reads a column, so that the SELECT policies apply. */
export function readingWhere(column: string): string {
  return `where (${quoteIdent(column)} is null or ${holdsValue(column)})`;
}

/** A column whose reading brings the SELECT policies in; where none may be read, the refusal is the answer. */
export function readColumn(cell: Cell): string {
  const { select } = privilegesOf(cell);
  const { key, info } = cell.relation;
  return key.find((name) => select.includes(name)) ?? select[0] ?? key[0] ?? info.columns[0]?.name ?? "";
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

/** Where nothing is granted, any column that Postgres would let be written: the refusal must be the grant's. */
export function ungranted(info: RelationInfo): string {
  const names = info.columns.map((column) => column.name);
  return (plainFirst(info, writable(info, names))[0] ?? info.columns[0])?.name ?? "";
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
