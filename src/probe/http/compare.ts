import type { RowReader } from "./row-reader.ts";
import type { ControlRow } from "./snapshot.ts";

/** How the rows that were reached lie to those that are declared. Keys as JSON text, a few of each. */
export interface Differences {
  readonly unexpected: number;
  readonly missing: number;
  readonly unexpectedKeys: readonly string[];
  readonly missingKeys: readonly string[];
}

export const shownKeys = 3;

/** Rows that look the same are counted, not told apart: with n declared and n reached, none is too many. */
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
