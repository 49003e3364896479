import type { RelationInfo } from "../../model/catalog.ts";
import { membersOf, textOf } from "./json-text.ts";
import type { ControlRow } from "./snapshot.ts";

/** How the rows that were reached lie to those that are declared. Keys as JSON text, a few of each. */
export interface Differences {
  readonly extra: number;
  readonly missing: number;
  readonly extraKeys: readonly string[];
  readonly missingKeys: readonly string[];
}

export const shownKeys = 3;

/**
 * Reads rows out of an answer so that equal rows become equal texts: columns in the order asked for, points in time
 * in UTC (the gateway's session may live in another zone than the control's).
 */
export function rowReader(
  info: RelationInfo,
  columns: readonly string[],
): (row: string) => string | undefined {
  const types = new Map(info.columns.map(({ name, type }) => [name, type]));
  const inTime = new Set(columns.filter((name) => types.get(name)?.endsWith("with time zone") === true));
  return (row) => {
    const members = membersOf(row);
    if (members === undefined) return undefined;
    const values: string[] = [];
    for (const name of columns) {
      const value = members.get(name);
      if (value === undefined) return undefined;
      values.push(inTime.has(name) ? evenTime(value) : value);
    }
    return values.join(",");
  };
}

/** Rows that look the same are counted, not told apart: with n declared and n reached, none is too many. */
export function compareRows(
  reached: readonly string[],
  rows: readonly ControlRow[],
  shape: number,
  read: (row: string) => string | undefined,
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

const none: Differences = { extra: 0, missing: 0, extraKeys: [], missingKeys: [] };

function named(
  surplus: ReadonlyMap<string, number>,
  reached: readonly string[],
  rows: readonly ControlRow[],
  shape: number,
  read: (row: string) => string | undefined,
): Differences {
  const counts = [...surplus.values()];
  const isExtra = (row: string): boolean => (surplus.get(read(row) ?? "") ?? 0) > 0;
  const isMissing = (row: string): boolean => (surplus.get(read(row) ?? "") ?? 0) < 0;
  return {
    extra: counts.filter((count) => count > 0).reduce((sum, count) => sum + count, 0),
    missing: counts.filter((count) => count < 0).reduce((sum, count) => sum - count, 0),
    extraKeys: [...new Set(reached.filter(isExtra))].slice(0, shownKeys),
    missingKeys: rows
      .filter(({ declared, shapes }) => declared && isMissing(shapes[shape] ?? ""))
      .map(({ shapes }) => shapes[shape] ?? "")
      .slice(0, shownKeys),
  };
}

const time =
  /^(\d{4,})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(\.\d+)?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?( BC)?$/;

/** `"2024-01-01T05:30:00.5+05:30"` → `1704067200.5`: seconds since 1970. What is no such time (infinity) stays. */
export function evenTime(value: string): string {
  const parts = time.exec(textOf(value) ?? "");
  if (parts === null) return value;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number);
  const [zoneHours = 0, zoneMinutes = 0, zoneSeconds = 0] = parts
    .slice(9, 12)
    .map((part) => Number(part ?? 0));
  const at = new Date(Date.UTC(2000, month - 1, day, hour, minute, second));
  // Not by Date.UTC, which takes the years 0 to 99 for 1900 to 1999; 1 BC is the year 0.
  at.setUTCFullYear(parts[12] === undefined ? year : 1 - year, month - 1, day);
  const zone = (zoneHours * 60 + zoneMinutes) * 60 + zoneSeconds;
  return `${at.getTime() / 1000 - (parts[8] === "-" ? -zone : zone)}${parts[7] ?? ""}`;
}
