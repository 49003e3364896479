import type { Cell } from "../../model/cell.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import { otherValuesForRow, type TextRow, updatable, valuesForAllRows } from "../what-to-write.ts";
import type { PrivilegedConnection } from "./privileged.ts";
import type { ControlRow } from "./snapshot.ts";

/** What the UPDATE of all rows writes first. */
export function updateValues(cell: Cell): TextRow {
  return valuesForAllRows(cell)[0] ?? {};
}

/** What to write to a row, one after the other, until it takes something: each granted column with the row's own value, then others. */
export function updateAttempts(cell: Cell, own: TextRow): readonly TextRow[] {
  if (cell.update?.set !== undefined) return [cell.update.set];
  const kept = updatable(cell).flatMap((name) => (own[name] === undefined ? [] : [{ [name]: own[name] }]));
  const known = new Set(kept.map((values) => JSON.stringify(values)));
  return [...kept, ...otherValuesForRow(cell).filter((values) => !known.has(JSON.stringify(values)))];
}

/** The rows' own values as the privileged connection reads them. A column that the control relation lacks, and a value too long to send, are left out. */
export async function valuesOf(
  privileged: PrivilegedConnection,
  { relation }: Cell,
  rows: readonly ControlRow[],
  columns: readonly string[],
): Promise<ReadonlyMap<ControlRow, TextRow>> {
  const { baseline: control, key } = relation;
  const there = columns.filter((name) => control.columns.some((column) => column.name === name));
  if (rows.length === 0 || there.length === 0 || key.length === 0) return new Map();
  const found = await privileged.inSnapshot((ask) =>
    ask<{ key: (string | null)[]; own: (string | null)[]; long: boolean[] }>(
      `select ${texts(key)} as key, ${cut(there)} as own, ${areLong(there)} as long from ${quoteQualified(control)} where ${isOneOf(key, rows)}`,
    ),
  );
  const byKey = new Map(found.map((row) => [JSON.stringify(row.key), row]));
  return new Map(
    rows.map((row) => {
      const { own = [], long = [] } = byKey.get(JSON.stringify(row.key)) ?? {};
      const known = there.flatMap((name, index) =>
        own[index] === undefined || long[index] === true ? [] : [[name, own[index]]],
      );
      return [row, Object.fromEntries(known)];
    }),
  );
}

function texts(names: readonly string[]): string {
  return `array[${names.map((name) => `${quoteIdent(name)}::text`).join(", ")}]::text[]`;
}

/** Characters. */
const longestOwn = 65_536;

function cut(names: readonly string[]): string {
  return `array[${names.map((name) => `left(${quoteIdent(name)}::text, ${longestOwn})`).join(", ")}]::text[]`;
}

function areLong(names: readonly string[]): string {
  const long = names.map((name) => `coalesce(length(${quoteIdent(name)}::text) > ${longestOwn}, false)`);
  return `array[${long.join(", ")}]::bool[]`;
}

function isOneOf(key: readonly string[], rows: readonly ControlRow[]): string {
  const conditions = rows.map((row) =>
    key.map((name, index) => {
      const value = row.key[index] ?? null;
      return value === null ? `${quoteIdent(name)} is null` : `${quoteIdent(name)} = ${quoteLiteral(value)}`;
    }),
  );
  return conditions.map((terms) => `(${terms.join(" and ")})`).join(" or ");
}
