import { refuse } from "./errors.ts";
import { bind, fromCatalog, ident, join, nothing, sql, type Sql } from "./fragment.ts";
import { readColumn, Scanner, tryQuoted } from "./scanner.ts";

/** What a column is compared with. `operator` is SQL, out of the tables below. */
type Test =
  | { readonly kind: "compare"; readonly operator: string; readonly value: string }
  | { readonly kind: "is"; readonly value: string }
  | { readonly kind: "in"; readonly values: readonly string[] };

export interface Filter {
  readonly column: string;
  readonly negated: boolean;
  readonly test: Test;
}

export type Condition =
  | { readonly kind: "filter"; readonly filter: Filter }
  | {
      readonly kind: "and" | "or";
      readonly negated: boolean;
      readonly of: readonly Condition[];
    };

// Source: https://docs.postgrest.org/en/v16/references/api/tables_views.html#operators
const operators: Readonly<Record<string, string>> = {
  eq: "=",
  neq: "<>",
  gte: ">=",
  gt: ">",
  lte: "<=",
  lt: "<",
  like: "like",
  ilike: "ilike",
};

/** Those of PostgREST that are left out, by what they are called in the refusal. */
const unspoken: readonly (readonly [RegExp, string])[] = [
  [/(?:fts|plfts|phfts|wfts)(?:\([^)]*\))?\./y, "full-text search"],
  [/(?:eq|gte|gt|lte|lt|like|ilike|match|imatch)\((?:any|all)\)\./y, "operators with (any) or (all)"],
  [/(?:match|imatch)\./y, "regular expressions (match, imatch)"],
  [/isdistinct\./y, "isdistinct"],
  [/(?:cs|cd|ov|sl|sr|nxr|nxl|adj)\./y, "operators of arrays and ranges (cs, cd, ov, sl, sr, nxr, nxl, adj)"],
];

const tristates: Readonly<Record<string, string>> = {
  null: "null",
  not_null: "not null",
  true: "true",
  false: "false",
  unknown: "unknown",
};

/** The value of `column=…`, such as `eq.5` or `not.in.(1,2)`. */
export function parseFilter(column: string, text: string): Filter {
  const scanner = new Scanner(text, "filter");
  const filter = tryFilter(scanner, column, () => scanner.rest());
  if (filter === undefined) throw scanner.unexpected('"not" or operator (eq, gt, ...)');
  return filter;
}

/** As `parseFilter`, for a function called by GET: text without an operator is an argument, not a filter. */
export function parseFilterOrArgument(column: string, text: string): Filter | undefined {
  const scanner = new Scanner(text, "filter");
  return tryFilter(scanner, column, () => scanner.rest());
}

/** The value of `and=` and `or=`, with the operator before it: `or(a.eq.1,not.and(b.is.null,c.gt.2))`. */
export function parseCondition(operator: string, text: string): Condition {
  const scanner = new Scanner(operator + text, "logic tree");
  return readCondition(scanner);
}

function readCondition(scanner: Scanner): Condition {
  const filter = scanner.attempt(() => tryNamedFilter(scanner));
  if (filter !== undefined) return { kind: "filter", filter };
  const negated = scanner.eat("not.");
  const kind = scanner.eat("and") ? "and" : scanner.eat("or") ? "or" : undefined;
  if (kind === undefined) throw scanner.unexpected("logic operator (and, or)");
  open(scanner);
  const of = scanner.list(() => readCondition(scanner));
  close(scanner);
  return { kind, negated, of };
}

function tryNamedFilter(scanner: Scanner): Filter | undefined {
  // `and(…)`, `or(…)` and their negations are no columns, though their names could be.
  if (scanner.match(/[ \t]*(?:not\.)?(?:and|or)[ \t]*\(/y) !== undefined) return undefined;
  const column = readColumn(scanner);
  scanner.expect(".");
  const filter = tryFilter(scanner, column, () => readLogicValue(scanner));
  if (filter === undefined) throw scanner.unexpected('"not" or operator (eq, gt, ...)');
  return filter;
}

function tryFilter(scanner: Scanner, column: string, value: () => string): Filter | undefined {
  const negated = scanner.eat("not.");
  const test = tryTest(scanner, value);
  if (test === undefined && negated) throw scanner.unexpected("operator (eq, gt, ...)");
  return test && { column, negated, test };
}

function tryTest(scanner: Scanner, value: () => string): Test | undefined {
  if (scanner.eat("in.")) return { kind: "in", values: readList(scanner) };
  if (scanner.eat("is.")) return { kind: "is", value: readTristate(scanner) };
  for (const [pattern, what] of unspoken) if (scanner.match(pattern)) throw refuse.notSpoken(what);
  const name = scanner.match(/(eq|neq|gte|gt|lte|lt|like|ilike)\./y)?.[1];
  const operator = name === undefined ? undefined : operators[name];
  if (operator === undefined) return undefined;
  const operand = operator.endsWith("like") ? value().replaceAll("*", "%") : value();
  return { kind: "compare", operator, value: operand };
}

function readTristate(scanner: Scanner): string {
  const word = scanner.match(/null|not_null|true|false|unknown/iy)?.[0].toLowerCase();
  const test = word === undefined ? undefined : tristates[word];
  if (test === undefined) throw scanner.unexpected("isVal: (null, not_null, true, false, unknown)");
  return test;
}

function readList(scanner: Scanner): string[] {
  open(scanner);
  const values = [readElement(scanner)];
  while (scanner.eat(",")) values.push(readElement(scanner));
  close(scanner);
  return values;
}

function readElement(scanner: Scanner): string {
  return wholeQuoted(scanner) ?? scanner.match(/[^,)]*/y)?.[0] ?? "";
}

function readLogicValue(scanner: Scanner): string {
  return wholeQuoted(scanner) ?? scanner.match(/\{[^{}]*\}/y)?.[0] ?? readElement(scanner);
}

/** A quoted value counts as one only when nothing but a separator follows it. */
function wholeQuoted(scanner: Scanner): string | undefined {
  return scanner.attempt(() => {
    const text = tryQuoted(scanner);
    return scanner.atEnd() || scanner.sees(",") || scanner.sees(")") ? text : undefined;
  });
}

function open(scanner: Scanner): void {
  scanner.skipBlanks();
  scanner.expect("(");
  scanner.skipBlanks();
}

function close(scanner: Scanner): void {
  scanner.skipBlanks();
  scanner.expect(")");
  scanner.skipBlanks();
}

/** ` where …`, or nothing. `table` is what the columns are named with. */
export function where(table: Sql, conditions: readonly Condition[]): Sql {
  return conditions.length === 0 ? nothing : sql` where ${all(table, conditions)}`;
}

export function all(table: Sql, conditions: readonly Condition[]): Sql {
  return join(
    conditions.map((condition) => conditionSql(table, condition)),
    " and ",
  );
}

/** `table.column`; the name `*` means every column, even in quotes, as in PostgREST. */
export function columnOf(table: Sql, column: string): Sql {
  return column === "*" ? sql`${table}.*` : sql`${table}.${ident(column)}`;
}

function conditionSql(table: Sql, condition: Condition): Sql {
  if (condition.kind === "filter") return filterSql(table, condition.filter);
  const parts = condition.of.map((part) => conditionSql(table, part));
  const group = sql`(${join(parts, condition.kind === "and" ? " and " : " or ")})`;
  return condition.negated ? sql`not ${group}` : group;
}

function filterSql(table: Sql, { column, negated, test }: Filter): Sql {
  const held = sql`${columnOf(table, column)} ${testSql(test)}`;
  return negated ? sql`not ${held}` : held;
}

function testSql(test: Test): Sql {
  switch (test.kind) {
    case "compare":
      // Operators and keywords come from the parser's own tables.
      return sql`${fromCatalog(test.operator)} ${bind(test.value)}`;
    case "is":
      return sql`is ${fromCatalog(test.value)}`;
    case "in":
      // Not IN: it cannot be empty, and a statement with a list of another length would be another statement.
      return sql`= any (${bind(arrayLiteral(test.values))})`;
  }
}

/** `{"a","b"}`: an array whose element type Postgres infers. A single empty element is the empty array. */
export function arrayLiteral(values: readonly string[]): string {
  if (values.length === 1 && values[0] === "") return "{}";
  return `{${values.map((value) => `"${value.replaceAll(/["\\]/g, "\\$&")}"`).join(",")}}`;
}
