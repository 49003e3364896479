import { refuse } from "./errors.ts";
import { readColumn, readName, tryName } from "./names.ts";
import { Scanner } from "./scanner.ts";

/** `alias:column::cast`; `column` may be `*`. */
export interface SelectItem {
  readonly column: string;
  readonly cast: string | undefined;
  readonly alias: string | undefined;
  readonly aggregated: boolean;
}

export interface OrderTerm {
  readonly column: string;
  readonly direction: "asc" | "desc" | undefined;
  readonly nulls: "first" | "last" | undefined;
}

export interface Ordering {
  readonly terms: readonly OrderTerm[];
  /** Embedded resources that the terms name: `order=author(name)`. */
  readonly embedded: readonly string[];
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
  return { column: "*", cast: undefined, alias: undefined, aggregated: false };
}

function readField(scanner: Scanner): SelectItem {
  const alias = scanner.attempt(() => {
    const name = tryName(scanner);
    return name !== undefined && scanner.match(/:(?!:)/y) ? name : undefined;
  });
  if (scanner.match(/count\(\)(?:::[\p{L}0-9_ $]+)?/uy) !== undefined)
    return { column: "*", cast: undefined, alias, aggregated: true };
  const column = readColumn(scanner);
  const cast = readCast(scanner);
  const aggregated = scanner.match(/\.(?:sum|avg|count|max|min)\(\)/y) !== undefined;
  // The cast of an aggregate; PostgREST reads it without one too, and forgets it.
  scanner.match(/::[\p{L}0-9_ $]+/uy);
  if (!endsHere(scanner)) throw scanner.unexpected('"->>", "->", "::", ".", ")", "," or end of input');
  return { column, cast, alias, aggregated };
}

/** A type's name, which goes into the SQL text as it is: letters, digits, `_` and blanks only. */
function readCast(scanner: Scanner): string | undefined {
  if (!scanner.eat("::")) return undefined;
  const type = scanner.match(/[\p{L}0-9_ $]+/uy)?.[0].trim();
  if (type === undefined) throw scanner.unexpected("letter or digit");
  // PostgREST passes a `$` on; there it can only open a dollar quote or a parameter, and so a syntax error.
  if (type.includes("$")) throw refuse.notSpoken("casts with a $");
  return type;
}

function endsHere(scanner: Scanner): boolean {
  return scanner.atEnd() || scanner.sees(",") || scanner.sees(")");
}

/** The value of `order`: `a.desc.nullslast,b`. */
export function parseOrder(text: string): Ordering {
  const scanner = new Scanner(text, "order");
  const terms: OrderTerm[] = [];
  const embedded: string[] = [];
  scanner.list(() => {
    const resource = scanner.attempt(() => tryRelated(scanner));
    if (resource !== undefined) embedded.push(resource);
    else terms.push(readTerm(scanner));
  });
  return { terms, embedded };
}

function tryRelated(scanner: Scanner): string | undefined {
  scanner.skipBlanks();
  const name = tryName(scanner);
  if (name === undefined || !scanner.eat("(")) return undefined;
  readName(scanner);
  return scanner.eat(")") && readDirection(scanner) ? name : undefined;
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
