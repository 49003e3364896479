import type { RelationInfo } from "../../model/catalog.ts";
import { holdsValue, quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import type { TextRow } from "../what-to-write.ts";

/** A condition that every row meets and that reads a column, so that the SELECT policies apply. */
export function readingWhere(column: string): string {
  return `where (${quoteIdent(column)} is null or ${holdsValue(column)})`;
}

export function literal(value: string | null): string {
  return value === null ? "null" : quoteLiteral(value);
}

export function assignments(values: TextRow): string {
  return Object.entries(values)
    .map(([column, value]) => `${quoteIdent(column)} = ${literal(value)}`)
    .join(", ");
}

export function insertSql(
  info: RelationInfo,
  values: TextRow,
  returning?: readonly string[] | undefined,
): string {
  const columns = Object.keys(values);
  const back = returningSql(returning);
  if (columns.length === 0) return `insert into ${quoteQualified(info)} default values${back}`;
  const names = columns.map(quoteIdent).join(", ");
  return `insert into ${quoteQualified(info)} (${names}) values (${columns.map((name) => literal(values[name] ?? null)).join(", ")})${back}`;
}

export function returningSql(columns: readonly string[] = []): string {
  return columns.length === 0 ? "" : ` returning ${columns.map(quoteIdent).join(", ")}`;
}
