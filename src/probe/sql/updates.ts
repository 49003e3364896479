import type { Cell } from "../../model/cell.ts";
import { operationInfo } from "../../model/operations.ts";
import { quoteIdent, quoteQualified } from "../../lib/sql-text.ts";
import {
  otherValuesForRow,
  privilegesOf,
  readColumn,
  ungranted,
  updatable,
  valuesForAllRows,
} from "../what-to-write.ts";
import { assignments, readingWhere } from "./statements.ts";

export function filteredUpdate(cell: Cell): string {
  const { info } = cell.relation;
  const relation = quoteQualified(info);
  const held = privilegesOf(cell);
  if (cell.update?.set === undefined) {
    const own = updatable(cell).find((name) => held.select.includes(name));
    const any = held.update.length === 0 ? ungranted(info) : own;
    if (any !== undefined) return `update ${relation} set ${quoteIdent(any)} = ${quoteIdent(any)}`;
  }
  const [first = {}] = valuesForAllRows(cell);
  // Nothing that may be written may be read: a value from elsewhere, and a condition that reads.
  return `update ${relation} set ${assignments(first)} ${readingWhere(readColumn(cell))}`;
}

/** Constants and no WHERE: nothing is read, so the SELECT policies do not apply. */
export function blindUpdates(cell: Cell): readonly string[] {
  const relation = quoteQualified(cell.relation.info);
  return [
    ...valuesForAllRows(cell).map(assignments),
    ...freshTexts(cell).map((name) => `${quoteIdent(name)} = pg_catalog.gen_random_uuid()::text`),
  ].map((set) => `update ${relation} set ${set}`);
}

/** Text columns that no two rows may share a value of: each row gets one of its own, and nothing is read for it. */
function freshTexts(cell: Cell): readonly string[] {
  const { info, base } = cell.relation;
  if (cell.update?.set !== undefined) return [];
  const unique = (base ?? info).constraints
    .filter(({ type }) => type === "unique")
    .flatMap((one) => one.columns);
  const texts = info.columns.filter(({ type }) => /^(?:text|citext|character varying)$/.test(type));
  return updatable(cell).filter((name) => unique.includes(name) && texts.some((one) => one.name === name));
}

export const triedAtOnce = 3;

/**
 * More values, over all rows, for an UPDATE that a check refused: one that goes through shows every row that the
 * policies let be changed. Row by row, a large relation shows a sample only.
 */
export function moreUpdates(cell: Cell): readonly string[] {
  const { update, select } = privilegesOf(cell);
  const { blind, setsValues } = operationInfo[cell.operation];
  if (!setsValues || cell.update?.set !== undefined || update.length === 0) return [];
  if (blind) return blindUpdates(cell).slice(triedAtOnce);
  if (select.length === 0) return [];
  const where = readingWhere(readColumn(cell));
  return blindUpdates(cell).map((statement) => `${statement} ${where}`);
}

/** How a statement begins that looks whether a row is read, and can do nothing else. */
export const readsOneRow = "select from ";

/** Statements to be tried on one row, until one reaches it: each granted column with the row's own value, then other values. */
export function rowStatements(cell: Cell): readonly string[] {
  const relation = quoteQualified(cell.relation.info);
  if (operationInfo[cell.operation].reads) return [`${readsOneRow}${relation}`];
  if (!operationInfo[cell.operation].setsValues) return [`delete from ${relation}`];
  const wanted = cell.update?.set;
  if (wanted !== undefined) return [`update ${relation} set ${assignments(wanted)}`];
  const { select } = privilegesOf(cell);
  const own = updatable(cell)
    .filter((name) => select.includes(name))
    .map((name) => `update ${relation} set ${quoteIdent(name)} = ${quoteIdent(name)}`);
  const others = otherValuesForRow(cell).map((values) => `update ${relation} set ${assignments(values)}`);
  return [...own, ...others];
}
