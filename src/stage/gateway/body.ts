import { refuse } from "./errors.ts";
import { essence } from "./media.ts";

/** What a request brings to be written, or a function's arguments. */
export interface Payload {
  /** JSON as sent: Postgres reads it, so that no number is rounded on the way. */
  readonly json: string;
  readonly columns: readonly string[];
}

export interface BodyOf {
  readonly contentType: string | undefined;
  readonly isCall: boolean;
  /** The `columns` parameter, where it applies. */
  readonly columns: readonly string[] | undefined;
}

const spokenElsewhere: Readonly<Record<"call" | "write", readonly string[]>> = {
  call: [
    "text/csv",
    "application/x-www-form-urlencoded",
    "text/plain",
    "text/xml",
    "application/octet-stream",
  ],
  write: ["text/csv", "application/x-www-form-urlencoded"],
};

/**
 * Reads a request's body.
 * @throws {Refused} PGRST102; 501 for a body that is not JSON where PostgREST would take it
 */
export function parseBody(bytes: Buffer, { contentType, isCall, columns }: BodyOf): Payload {
  const type = essence(contentType ?? "application/json");
  if (spokenElsewhere[isCall ? "call" : "write"].includes(type))
    throw refuse.notSpoken(`bodies of type ${type}`);
  if (!jsonTypes.has(type)) throw refuse.body(`Content-Type not acceptable: ${contentType ?? ""}`);
  if (columns !== undefined) return { json: bytes.toString("utf8"), columns: sorted(columns) };
  if (isCall && bytes.length === 0) return { json: "{}", columns: [] };
  return keysOf(decode(bytes));
}

const jsonTypes = new Set([
  "application/json",
  "application/vnd.pgrst.array+json",
  "application/vnd.pgrst.array",
]);

function decode(bytes: Buffer): { json: string; value: unknown } {
  try {
    const json = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return { json, value: JSON.parse(json) };
  } catch {
    throw refuse.body("Empty or invalid json");
  }
}

function keysOf({ json, value }: { json: string; value: unknown }): Payload {
  if (!Array.isArray(value)) return isObject(value) ? { json, columns: keys(value) } : nothing;
  const [first] = value as readonly unknown[];
  if (value.length === 0) return nothing;
  const columns = isObject(first) ? keys(first) : undefined;
  if (columns === undefined || !value.every((row) => isObject(row) && sameKeys(row, columns)))
    throw refuse.body("All object keys must match");
  return { json, columns };
}

/** What PostgREST makes of `[]`, and of a number or a string. */
const nothing: Payload = { json: "[]", columns: [] };

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sameKeys(row: Readonly<Record<string, unknown>>, columns: readonly string[]): boolean {
  const own = Object.keys(row);
  return own.length === columns.length && columns.every((column) => Object.hasOwn(row, column));
}

function keys(row: Readonly<Record<string, unknown>>): string[] {
  return sorted(Object.keys(row));
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].toSorted();
}

/** Whether JSON text is an object and not an array, which Postgres's functions want to know. */
export function isJsonObject(json: string): boolean {
  return /^[ \t\n\r]*\{/.test(json);
}
