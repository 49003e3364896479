import type { RelationInfo } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import type { Expectation } from "../../model/matrix.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import { fillSql } from "../../lib/sql-file.ts";
import { rowByRowLimit, sampleOfSide, shownCharacters } from "../limits.ts";
import { comparesByHash, hashOf, keyBeside, keyText, whereHolding } from "./compared.ts";

/** Where a cell's rows are read by the privileged connection: a column's cell is about the rows that hold a value in it. */
function fromControl({ relation, column }: Cell): string {
  return `from ${quoteQualified(relation.baseline)}${whereHolding(column)}`;
}

/** The rows that an expectation declares, as a condition over the control relation. */
export function declaredWhere(expectation: Expectation): string {
  if (expectation.kind === "rows" || expectation.kind === "within") return `(${expectation.predicate})`;
  return expectation.kind === "allow" ? "true" : "false";
}

/** By the privileged connection: rows, declared rows, and `hash of declared:hash of all` (only where a comparison needs it). */
export function controlSql(cell: Cell, columns: readonly string[]): string {
  const { expectation, among } = cell;
  const joined = cell.column === undefined ? "where" : "and";
  const from = `${fromControl(cell)}${among === undefined ? "" : ` ${joined} (${among}\n)`}`;
  if (expectation.kind === "allow" && !comparesByHash(cell))
    return `select count(*), count(*), null::text ${from}`;
  if (!comparesByHash(cell)) return `select count(*), 0, null::text ${from}`;
  const where = declaredWhere(expectation);
  if (columns.length === 0) return `select count(*), count(*) filter (where ${where}), null::text ${from}`;
  const hash = hashOf(columns);
  return `select count(*), count(*) filter (where ${where}), concat(coalesce(${hash} filter (where ${where}), 0), ':', coalesce(${hash}, 0)) ${from}`;
}

/**
 * Rows of the base table that the probe's own subtransaction wrote: their xmin is younger than every row's in the snapshot, and than
 * the transaction itself, which wrote what a migration puts in.
 */
export function changedSql(base: RelationInfo, columns: readonly string[]): string {
  return `select count(*), ${hashOf(columns)}::text from ${quoteQualified(base)} where pg_catalog.age(xmin) < 0`;
}

/** Rows that are still there; a DELETE affected the rest. */
export function remainingSql(control: RelationInfo, columns: readonly string[]): string {
  return `select count(*), coalesce(${hashOf(columns)}, 0)::text from ${quoteQualified(control)}`;
}

/** The same for what an INSTEAD OF trigger has deleted, as `rows:hash`: it counts every row that it was called for. */
export function remainingCountSql(control: RelationInfo, columns: readonly string[]): string {
  return `select count(*), concat(count(*), ':', coalesce(${hashOf(columns)}, 0)) from ${quoteQualified(control)}`;
}

/** The keys of the rows that a probe changed, as `text[]`, by the privileged connection. */
export function changedKeysSql(base: RelationInfo, columns: readonly string[]): string {
  return `select array_agg(${keyText(columns)}) from ${quoteQualified(base)} where pg_catalog.age(xmin) < 0`;
}

/** By the privileged connection: `$1` (keys of visible or affected rows) against the declared rows. */
export function differencesSql(cell: Cell, columns: readonly string[]): string {
  const key = keyBeside(cell, columns);
  if (cell.column !== undefined && key.length > 0) {
    const pieces = {
      key: keyText(key),
      value: keyText([cell.column]),
      shown: keyJson(key),
      declared: declaredWhere(cell.expectation),
      rows: fromControl(cell),
    };
    return fillSql("differences_of_values.sql", pieces);
  }
  const extra = "filter (where reached and not declared)";
  const missing = "filter (where declared and not reached)";
  return (
    `select json_build_object('unexpected', count(*) ${extra}, 'missing', count(*) ${missing}, ` +
    `'unexpectedKeys', (array_agg(shown) ${extra})[1:3], 'missingKeys', (array_agg(shown) ${missing})[1:3])::text ` +
    `from (select ${keyJson(columns)} as shown, coalesce(${declaredWhere(cell.expectation)}, false) as declared, ` +
    `coalesce(${keyText(columns)} = any ($1), false) as reached ${fromControl(cell)}) x`
  );
}

/** A row's key for people: `{"id":7}`. A row without a key is shown whole, as far as anybody would read. */
function keyJson(columns: readonly string[]): string {
  const members = columns.map((name) => `${quoteLiteral(name)}, ${quoteIdent(name)}`);
  return `left(json_build_object(${members.join(", ")})::text, ${shownCharacters})`;
}

/**
 * By the privileged connection: the rows to go through one by one, as three arrays (suffix, declared, key). All rows of a small
 * relation; of a large one, rows inside and outside the declared set, from both ends of the key.
 * `suffix` is an SQL expression that yields the text appended to each statement.
 */
export function rowListSql(cell: Cell, suffix: string, onlyDeclared = false): string {
  const { key, baseline: control } = cell.relation;
  const order = key.length > 0 ? key.map(quoteIdent).join(", ") : "ctid";
  const descending = key.length > 0 ? key.map((name) => `${quoteIdent(name)} desc`).join(", ") : "ctid desc";
  const shown = key.length > 0 ? keyJson(key) : "json_build_object('ctid', ctid)::text";
  const declared = `coalesce(${declaredWhere(cell.expectation)}, false)`;
  return (
    "select array_agg(suffix order by first), array_agg(declared order by first), array_agg(shown order by first) from (" +
    `select ${suffix} as suffix, ${declared} as declared, ${shown} as shown, ` +
    `row_number() over (partition by ${declared} order by ${order}) as first, ` +
    `row_number() over (partition by ${declared} order by ${descending}) as last, ` +
    `count(*) over () as rows from ${quoteQualified(control)}) x ` +
    `where (rows <= ${rowByRowLimit} or first <= ${sampleOfSide.first} or last <= ${sampleOfSide.last})${onlyDeclared ? " and declared" : ""}`
  );
}

/** An SQL expression: ` where "id" = '7'`, built by the server for each row. */
export function rowSuffix(key: readonly string[]): string {
  // Partitions and children number their rows each from the start.
  if (key.length === 0) return "format(' where ctid = %L and tableoid = %s', ctid, tableoid)";
  const format = key.map((name) => `${quoteIdent(name).replaceAll("%", "%%")} = %L`).join(" and ");
  return `format(${quoteLiteral(` where ${format}`)}, ${key.map(quoteIdent).join(", ")})`;
}
