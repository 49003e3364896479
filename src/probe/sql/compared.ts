import type { Cell } from "../../model/cell.ts";
import { holdsValue, quoteIdent } from "../../lib/sql-text.ts";
import { sourceSql, wholeRow } from "./source.ts";

/** The rows of these cells are compared by number and hash; of others only the number is compared. */
export function comparesByHash({ expectation, column }: Cell): boolean {
  if (expectation.kind === "rows" || expectation.kind === "within") return true;
  // n of n values could be n other values (a mask).
  return column !== undefined && expectation.kind === "allow";
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

/** Where the persona reads them: the relation, or what the call returns. */
function fromSource(cell: Cell): string {
  return `from ${sourceSql(cell)}${whereHolding(cell.column)}`;
}

export function whereHolding(column: string | undefined): string {
  return column === undefined ? "" : ` where ${holdsValue(column)}`;
}

/** What names the row of a column's value. */
export function keyBeside({ column }: Cell, columns: readonly string[]): readonly string[] {
  return column === undefined ? columns : columns.filter((name) => name !== column);
}

export function selectSql(cell: Cell, columns: readonly string[]): string {
  const from = `${wholeRow(cell)} ${fromSource(cell)}`;
  return comparesByHash(cell) && columns.length > 0
    ? `select count(*), ${hashOf(columns)}::text${from}`
    : `select count(*), null::text${from}`;
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
