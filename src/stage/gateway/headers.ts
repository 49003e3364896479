import { refuse } from "./errors.ts";

/** What `Prefer` headers may ask for. Source: https://docs.postgrest.org/en/v16/references/api/preferences.html */
export interface Preferences {
  readonly resolution: "merge-duplicates" | "ignore-duplicates" | undefined;
  readonly return: "representation" | "minimal" | undefined;
  readonly count: "exact" | undefined;
  readonly tx: "commit" | "rollback" | undefined;
  readonly missing: "default" | "null" | undefined;
  readonly timezone: string | undefined;
}

const choices = {
  resolution: ["merge-duplicates", "ignore-duplicates"],
  return: ["representation", "minimal"],
  count: ["exact"],
  tx: ["commit", "rollback"],
  missing: ["default", "null"],
} as const;

type Choices = typeof choices;

/** What PostgREST would do and this gateway does not. */
const unspoken = ["count=planned", "count=estimated", "return=headers-only", "handling=", "max-affected="];

/**
 * The first valid word of each kind counts. `txOverride` is false where the server decides how transactions end.
 * @throws {Refused} 501
 */
export function parsePrefer(header: string | undefined, txOverride: boolean): Preferences {
  const words = header === undefined || header === "" ? [] : header.split(",").map((word) => word.trim());
  const left = unspoken.find((one) => words.some((word) => word.startsWith(one)));
  if (left !== undefined) throw refuse.notSpoken(left);
  return {
    resolution: chosen("resolution", words),
    return: chosen("return", words),
    count: chosen("count", words),
    tx: txOverride ? chosen("tx", words) : undefined,
    missing: chosen("missing", words),
    timezone: after("timezone=", words),
  };
}

function chosen<K extends keyof Choices>(kind: K, words: readonly string[]): Choices[K][number] | undefined {
  const options: readonly Choices[K][number][] = choices[kind];
  for (const word of words) {
    const option = options.find((value) => word === `${kind}=${value}`);
    if (option !== undefined) return option;
  }
  return undefined;
}

function after(prefix: string, words: readonly string[]): string | undefined {
  return words.find((word) => word.startsWith(prefix))?.slice(prefix.length);
}

/** `Preference-Applied`, or nothing when no preference was honoured; its order is PostgREST's. */
export function preferenceApplied(honoured: Partial<Preferences>): string | undefined {
  const words = (["resolution", "missing", "return", "count", "tx", "timezone"] as const).flatMap((kind) =>
    honoured[kind] === undefined ? [] : [`${kind}=${honoured[kind]}`],
  );
  return words.length === 0 ? undefined : words.join(", ");
}

/** How rows are written: an array, or one object that must be the only row. */
export type Shape = "array" | "object";

export const contentTypes: Readonly<Record<Shape, string>> = {
  array: "application/json; charset=utf-8",
  object: "application/vnd.pgrst.object+json; charset=utf-8",
};

const shapes: Readonly<Record<string, Shape>> = {
  "*/*": "array",
  "application/json": "array",
  "application/json;charset=utf-8": "array",
  "application/vnd.pgrst.object": "object",
  "application/vnd.pgrst.object+json": "object",
};

/**
 * One type alone: several are not weighed.
 * @throws {Refused} 501 for any other, and where the database has its own handlers
 */
export function negotiate(accept: string | undefined, customHandlers: boolean): Shape {
  const type = (accept ?? "*/*").replaceAll(" ", "").toLowerCase();
  const shape = Object.hasOwn(shapes, type) ? shapes[type] : undefined;
  if (shape === undefined) throw refuse.notSpoken("this media type in Accept");
  if (customHandlers && shape === "array")
    throw refuse.notSpoken("media types that the database handles itself");
  return shape;
}

/** `application/json`, without parameters and in lower case. */
export function essence(mediaType: string): string {
  return (mediaType.split(";", 1)[0] ?? "").trim().toLowerCase();
}

/** Rows wanted, both ends included; `last` below `first` is the empty range, without `last` there is no end. */
export interface Range {
  readonly first: bigint;
  readonly last: bigint | undefined;
}

export const everything: Range = { first: 0n, last: undefined };
/** `limit=0`: allowed, and the only empty range that is. */
const noRows: Range = { first: 0n, last: -1n };

export function isEverything(range: Range): boolean {
  return range.first === 0n && range.last === undefined;
}

function isEmpty(range: Range): boolean {
  return range.last !== undefined && range.last < range.first;
}

/** How many rows, or no limit. */
export function limitOf(range: Range): bigint | undefined {
  return range.last === undefined ? undefined : range.last - range.first + 1n;
}

/** At most `rows` of them. */
export function restrict(range: Range, rows: number | undefined): Range {
  if (rows === undefined || isEmpty(range)) return range;
  return intersect(range, { first: 0n, last: range.first + BigInt(rows) - 1n });
}

/** From `limit` and `offset` as sent; what is no number is as if it had not been sent. */
export function rangeOf(limit: string | undefined, offset: string | undefined): Range {
  const rows = wholeNumber(limit);
  const first = wholeNumber(offset) ?? 0n;
  if (limit === undefined) return { first, last: undefined };
  // With an offset, a limit that is no number counts as 0.
  if (offset !== undefined) return { first, last: first + (rows ?? 0n) - 1n };
  return { first: 0n, last: rows === undefined ? undefined : rows - 1n };
}

/**
 * The rows that a request asks for, by its parameters and, for GET alone, its `Range` header.
 * @throws {Refused} PGRST103
 */
export function requestedRange(parameters: Range, header: string | undefined): Range {
  if (parameters.last === noRows.last) return noRows;
  const fromHeader = parseHeader(header);
  const range = intersect(fromHeader, parameters);
  if (!isEmpty(range)) return range;
  throw refuse.range(
    isEmpty(fromHeader)
      ? "The lower boundary must be lower than or equal to the upper boundary in the Range header."
      : "Limit should be greater than or equal to zero.",
  );
}

/** `0-9` or `10-`; anything else is ignored. */
function parseHeader(header: string | undefined): Range {
  const [, first, last = ""] = /^(\d+)-(\d*)$/.exec(header ?? "") ?? [];
  if (first === undefined) return everything;
  return { first: BigInt(first), last: last === "" ? undefined : BigInt(last) };
}

function intersect(a: Range, b: Range): Range {
  const first = a.first > b.first ? a.first : b.first;
  if (a.last === undefined || b.last === undefined) return { first, last: a.last ?? b.last };
  return { first, last: a.last < b.last ? a.last : b.last };
}

function wholeNumber(text: string | undefined): bigint | undefined {
  return text !== undefined && /^\s*-?\d+\s*$/.test(text) ? BigInt(text.trim()) : undefined;
}

/** `0-24/573`, or `*` where no row or no count is. `last` below `first` says that no row is. */
export function contentRange(first: bigint, last: bigint, total: number | undefined): string {
  const rows = total !== 0 && first <= last ? `${first}-${last}` : "*";
  return `${rows}/${total ?? "*"}`;
}

/** 416 beyond the end, 206 for a part of a known total, otherwise 200. */
export function rangeStatus(first: bigint, rows: number, total: number | undefined): 200 | 206 | 416 {
  if (total === undefined) return 200;
  if (first > BigInt(total)) return 416;
  return rows < total ? 206 : 200;
}
