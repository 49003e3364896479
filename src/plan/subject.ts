import type { ColumnInfo } from "../model/catalog.ts";
import type { Json } from "../model/matrix.ts";

export function subjectOf(claims: Readonly<Record<string, Json>> | undefined): string | undefined {
  const sub = claims?.["sub"];
  return typeof sub === "string" ? sub : undefined;
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A value that is none of the column's type would be refused before any policy is asked. */
export function fits(value: string, { type }: Pick<ColumnInfo, "type">): boolean {
  if (type === "uuid") return uuid.test(value);
  if (/^(?:smallint|integer|bigint)$/.test(type)) return /^-?\d{1,18}$/.test(value);
  if (/^(?:numeric|real|double)/.test(type)) return /^-?\d+(?:\.\d+)?$/.test(value);
  return type === "boolean" ? value === "true" || value === "false" : true;
}
