import type { RelationInfo } from "../../model/catalog.ts";
import { membersOf, textOf } from "./json-text.ts";

/** A row's JSON text → the one text for that row; `undefined` when it is no such row. */
export type RowReader = (row: string) => string | undefined;

/**
 * Reads rows out of an answer so that equal rows become equal texts: columns in the order asked for, points in time
 * in UTC (the gateway's session may live in another zone than the control's).
 */
export function rowReader(info: RelationInfo, columns: readonly string[]): RowReader {
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
