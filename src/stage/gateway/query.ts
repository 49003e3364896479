import { isUtf8 } from "node:buffer";
import { refuse } from "./errors.ts";
import { type Condition, type Filter, parseCondition, parseFilter, parseFilterOrArgument } from "./filter.ts";
import { type Range, rangeOf } from "./headers.ts";
import { parseNames, readColumn, readKey, Scanner, tryName } from "./scanner.ts";

/** The part of the URL after `?`, understood. */
export interface Query {
  readonly select: readonly SelectItem[];
  readonly filters: readonly Filter[];
  readonly conditions: readonly Condition[];
  readonly order: readonly OrderTerm[];
  readonly range: Range;
  /** `limit` or `offset` was sent. */
  readonly columns: readonly string[] | undefined;
  readonly onConflict: readonly string[] | undefined;
  /** Arguments of a function called by GET, in the order sent. */
  readonly parameters: readonly (readonly [string, string])[];
  /** Sorted and encoded anew, for `Content-Location`. */
  readonly canonical: string;
}

type Pair = readonly [string, string];

const reserved = new Set(["select", "columns", "on_conflict"]);
const endings = new Set(["order", "limit", "offset", "and", "or"]);

/**
 * `byGet`: the query carries a function's arguments.
 * @throws {Refused} PGRST100
 */
export function parseQuery(text: string, byGet: boolean): Query {
  const all = split(text);
  const pairs = all.filter((pair): pair is Pair => pair[1] !== undefined);
  const ending = (...words: string[]): Pair[] => pairs.filter(([key]) => words.includes(lastWord(key)));
  const value = (key: string): string | undefined => pairs.find(([name]) => name === key)?.[1];
  const last = (key: string): string | undefined => pairs.findLast(([name]) => name === key)?.[1];

  const orders = ending("order").map(([key, order]) => [readKey(key), parseOrder(order)] as const);
  const conditions = ending("and", "or").map(([key, tree]) => parseCondition(readLogicKey(key), tree));
  for (const [key] of ending("limit", "offset")) readKey(key);
  const columns = value("columns");
  const onConflict = value("on_conflict");
  const named = columns === undefined ? undefined : parseNames(columns, "columns");
  const select = parseSelect(value("select") ?? "*");
  const keys = pairs.filter(([key]) => !endings.has(lastWord(key)) && !reserved.has(key));
  const operands = keys.map(([key, operand]) => parseOperand(key, operand, byGet));
  return {
    select,
    filters: operands.flatMap(({ filter }) => filter ?? []),
    conditions,
    order: orders[0]?.[1] ?? [],
    range: rangeOf(last("limit"), last("offset")),
    columns: named,
    onConflict: onConflict === undefined ? undefined : parseNames(onConflict, "on_conflict"),
    parameters: operands.flatMap(({ argument }) => (argument === undefined ? [] : [argument])),
    canonical: canonical(all),
  };
}

interface Operand {
  readonly filter: Filter | undefined;
  readonly argument: Pair | undefined;
}

function parseOperand(key: string, operand: string, byGet: boolean): Operand {
  const name = readKey(key);
  const filter = byGet ? parseFilterOrArgument(name, operand) : parseFilter(name, operand);
  return { filter, argument: filter === undefined ? [name, operand] : undefined };
}

/** `or`, `and`, `not.or`, `not.and` */
function readLogicKey(key: string): string {
  return key.startsWith("not.") ? `not.${readKey(key.slice("not.".length))}` : readKey(key);
}

function lastWord(key: string): string {
  return key.slice(key.lastIndexOf(".") + 1);
}

/** `a=1&b` → `[["a", "1"], ["b", undefined]]` */
function split(text: string): (readonly [string, string | undefined])[] {
  if (text === "") return [];
  return text.split(/[&;]/).map((piece) => {
    const at = piece.indexOf("=");
    return at === -1 ? [decode(piece), undefined] : [decode(piece.slice(0, at)), decode(piece.slice(at + 1))];
  });
}

function decode(text: string): string {
  return percentDecode(text.replaceAll("+", " "));
}

/** `%C3%A9` → `é`. A `%` that begins no code stays, as in PostgREST, which fails on bytes that are no UTF-8. */
export function percentDecode(text: string): string {
  if (!text.includes("%")) return text;
  return text.replaceAll(/(?:%[0-9a-fA-F]{2})+/g, (codes) => {
    const bytes = Buffer.from(codes.replaceAll("%", ""), "hex");
    if (!isUtf8(bytes)) throw refuse.notSpoken("text that is not UTF-8");
    return bytes.toString("utf8");
  });
}

function canonical(pairs: readonly (readonly [string, string | undefined])[]): string {
  const values = new Map<string, string[]>();
  for (const [key, value = ""] of pairs.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
    values.set(key, [...(values.get(key) ?? []), encode(value)]);
  return [...values].map(([key, sent]) => `${encode(key)}=${sent.join(",")}`).join("&");
}

/** PostgREST takes each byte of UTF-8 for a character, and encodes that. */
function encode(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString("latin1")).replaceAll(/[!'()*]/g, percentCode);
}

function percentCode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** `alias:column`; `column` may be `*`. */
export interface SelectItem {
  readonly column: string;
  readonly alias: string | undefined;
}

export interface OrderTerm {
  readonly column: string;
  readonly direction: "asc" | "desc" | undefined;
  readonly nulls: "first" | "last" | undefined;
}

/** The value of `select`. Empty means no column was named. */
export function parseSelect(text: string): SelectItem[] {
  const scanner = new Scanner(text, "select parameter");
  return beginsItem.test(text) ? scanner.list(() => readItem(scanner)) : [];
}

/** PostgREST takes a text that begins no item for an empty list, and does not read on. */
const beginsItem = /^(?:\*(?:[,)]|$)|["\p{L}0-9_ $\t.])/u;

function readItem(scanner: Scanner): SelectItem {
  scanner.skipBlanks();
  refuseEmbedding(scanner);
  const item = scanner.attempt(() => tryStar(scanner)) ?? readField(scanner);
  scanner.skipBlanks();
  return item;
}

/** `author(name)`, `...author(name)`, `writer:author!key!inner(name)` */
function refuseEmbedding(scanner: Scanner): void {
  scanner.attempt(() => {
    if (scanner.eat("...")) throw refuse.notSpoken("resource embedding");
    const name = tryName(scanner);
    const target = scanner.match(/:(?!:)/y) ? tryName(scanner) : name;
    scanner.match(/(?:!(?:"[^"]*"|[^!(,]*)){0,2}/y);
    if (target !== undefined && target !== "count" && scanner.sees("("))
      throw refuse.notSpoken("resource embedding");
    return undefined;
  });
}

function tryStar(scanner: Scanner): SelectItem | undefined {
  if (!scanner.eat("*") || !endsHere(scanner)) return undefined;
  return { column: "*", alias: undefined };
}

function readField(scanner: Scanner): SelectItem {
  const alias = scanner.attempt(() => {
    const name = tryName(scanner);
    return name !== undefined && scanner.match(/:(?!:)/y) ? name : undefined;
  });
  if (scanner.match(/count\(\)/y) !== undefined) throw refuse.notSpoken("aggregate functions");
  const column = readColumn(scanner);
  if (scanner.sees("::")) throw refuse.notSpoken("casts (::)");
  if (scanner.match(/\.(?:sum|avg|count|max|min)\(\)/y) !== undefined)
    throw refuse.notSpoken("aggregate functions");
  if (!endsHere(scanner)) throw scanner.unexpected('"->>", "->", "::", ".", ")", "," or end of input');
  return { column, alias };
}

function endsHere(scanner: Scanner): boolean {
  return scanner.atEnd() || scanner.sees(",") || scanner.sees(")");
}

/** The value of `order`: `a.desc.nullslast,b`. */
export function parseOrder(text: string): OrderTerm[] {
  const scanner = new Scanner(text, "order");
  return scanner.list(() => {
    scanner.attempt(() => refuseRelated(scanner));
    return readTerm(scanner);
  });
}

/** `author(name)` */
function refuseRelated(scanner: Scanner): undefined {
  scanner.skipBlanks();
  if (tryName(scanner) !== undefined && scanner.sees("(")) throw refuse.notSpoken("resource embedding");
}

function readTerm(scanner: Scanner): OrderTerm {
  const column = readColumn(scanner);
  const found = readDirection(scanner);
  if (found === undefined) throw scanner.unexpected('"asc", "desc", "nullsfirst" or "nullslast"');
  return { column, ...found };
}

function readDirection(scanner: Scanner): Omit<OrderTerm, "column"> | undefined {
  const direction = scanner.match(/\.(asc|desc)/y)?.[1];
  const nulls = scanner.match(/\.nulls(first|last)/y)?.[1];
  if (!scanner.atEnd() && !scanner.sees(",")) return undefined;
  return {
    direction: direction === "asc" || direction === "desc" ? direction : undefined,
    nulls: nulls === "first" || nulls === "last" ? nulls : undefined,
  };
}
