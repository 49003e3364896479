import type { Cell } from "../../model/cell.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import { otherValues } from "../sql/updates.ts";
import { plainFirst, privilegesOf, writable } from "../sql/statements.ts";
import type { TextRow } from "./json-text.ts";
import type { PrivilegedConnection } from "./privileged.ts";
import type { ControlRow } from "./snapshot.ts";

/** Columns that an UPDATE may write, those first that neither a constraint nor a policy is about. */
export function updatable(cell: Cell): readonly string[] {
  const { info, key } = cell.relation;
  const policies = info.policies.map(({ using, check }) => `${using ?? ""} ${check ?? ""}`).join(" ");
  const weight = (name: string): number => (key.includes(name) ? 2 : 0) + (policies.includes(name) ? 1 : 0);
  return plainFirst(info, writable(info, privilegesOf(cell).update))
    .map(({ name }) => name)
    .toSorted((a, b) => weight(a) - weight(b));
}

/** What the UPDATE of all rows writes: one plain column, with a value that some row holds already. */
export function updateValues(cell: Cell): TextRow {
  if (cell.update?.set !== undefined) return cell.update.set;
  const column = updatable(cell)[0] ?? anyColumn(cell);
  return { [column]: otherValues(cell, column)[0] ?? null };
}

/** Nothing is granted: the refusal itself is the answer, whichever column is named. */
function anyColumn({ relation }: Cell): string {
  const { info, key } = relation;
  const columns = info.columns.filter(({ generated, identity }) => !generated && identity !== "always");
  return (columns.find(({ name }) => !key.includes(name)) ?? columns[0] ?? info.columns[0])?.name ?? "";
}

/**
 * What to write to a row, one after the other, until it takes something: each granted column with the row's own value,
 * then with values from elsewhere, then whole rows (a check may want two columns changed together).
 */
export function updateAttempts(cell: Cell, own: TextRow): readonly TextRow[] {
  if (cell.update?.set !== undefined) return [cell.update.set];
  const columns = updatable(cell);
  const kept = columns.flatMap((name) => (own[name] === undefined ? [] : [{ [name]: own[name] }]));
  const others = columns.flatMap((name) =>
    otherValues(cell, name)
      .filter((value) => value !== own[name])
      .map((value) => ({ [name]: value })),
  );
  const plain = columns.filter((name) => !cell.relation.key.includes(name));
  const whole = cell.relation.samples.slice(0, 4).map((row) => only(row, plain));
  return [...kept, ...others, ...whole.filter((values) => Object.keys(values).length > 1)];
}

export function only(row: TextRow, columns: readonly string[]): TextRow {
  return Object.fromEntries(
    columns.flatMap((name) => (row[name] === undefined ? [] : [[name, row[name]] as const])),
  );
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
