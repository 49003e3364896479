import type { Cell } from "../../model/cell.ts";
import { operationInfo } from "../../model/operations.ts";
import { quoteIdent, quoteQualified } from "../../lib/sql-text.ts";
import {
  assignments,
  literal,
  plainFirst,
  privilegesOf,
  readColumn,
  readingWhere,
  ungranted,
  writable,
} from "./statements.ts";

export function filteredUpdate(cell: Cell): string {
  const { info, base } = cell.relation;
  const set = cell.update?.set;
  const relation = quoteQualified(info);
  if (set !== undefined)
    return `update ${relation} set ${assignments(set)} ${readingWhere(readColumn(cell))}`;
  const held = privilegesOf(cell);
  const columns = plainFirst(base ?? info, writable(info, held.update));
  const own = columns.find((column) => held.select.includes(column.name));
  if (own !== undefined) return `update ${relation} set ${quoteIdent(own.name)} = ${quoteIdent(own.name)}`;
  const written = columns[0];
  // Nothing that may be written may be read: a value from elsewhere, and a condition that reads.
  if (written !== undefined) {
    const value = literal(someValue(cell, written.name));
    return `update ${relation} set ${quoteIdent(written.name)} = ${value} ${readingWhere(readColumn(cell))}`;
  }
  const any = quoteIdent(ungranted(info));
  return `update ${relation} set ${any} = ${any}`;
}

function someValue(cell: Cell, column: string): string | null {
  for (const row of cell.relation.samples) {
    const value = row[column];
    if (value !== undefined && value !== null) return value;
  }
  return null;
}

/** Constants and no WHERE: nothing is read, so the SELECT policies do not apply. Several values, since WITH CHECK may refuse one. */
export function blindUpdates(cell: Cell): readonly string[] {
  const { info, base } = cell.relation;
  const relation = quoteQualified(info);
  const set = cell.update?.set;
  if (set !== undefined) return [`update ${relation} set ${assignments(set)}`];
  const columns = plainFirst(base ?? info, writable(info, privilegesOf(cell).update));
  const first = columns[0];
  if (first === undefined) return [`update ${relation} set ${quoteIdent(ungranted(info))} = null`];
  const rows = wholeRows(cell, columns).map((values) => assignments(values));
  const each = columns.map(({ name }) =>
    otherValues(cell, name).map((value) => assignments({ [name]: value })),
  );
  // One value of each column before a second of any: the one that a check takes may be in the last column.
  const turns = Array.from({ length: 4 }, (_, turn) => each.flatMap((values) => values[turn] ?? []));
  const sets = [...(turns[0] ?? []), ...rows, ...turns.slice(1).flat()].slice(0, blindVariants);
  if (sets.length === 0) sets.push(assignments({ [first.name]: null }));
  return sets.map((values) => `update ${relation} set ${values}`);
}

/** Values tried over all rows before a check counts as refusing them all; most statements need but the first. */
const blindVariants = 40;
export const triedAtOnce = 3;

/**
 * More values, over all rows, for an UPDATE that a check refused: one that goes through shows every row that the
 * policies let be changed. Row by row, a large relation shows a sample only.
 */
export function moreUpdates(cell: Cell): readonly string[] {
  const { update, select } = privilegesOf(cell);
  if (cell.update?.set !== undefined || update.length === 0) return [];
  const { blind, setsValues } = operationInfo[cell.operation];
  if (!setsValues) return [];
  if (blind) return blindUpdates(cell).slice(triedAtOnce);
  if (select.length === 0) return [];
  const where = readingWhere(readColumn(cell));
  return blindUpdates(cell).map((statement) => `${statement} ${where}`);
}

/** Rows whose values go together: a check that wants two columns changed at once is met by one that stands, or was built for it. */
function wholeRows(
  cell: Cell,
  columns: readonly { readonly name: string }[],
): readonly Readonly<Record<string, string | null>>[] {
  const rows = [...cell.candidates.map(({ values }) => values), ...cell.relation.samples.slice(0, 4)];
  const found = rows.flatMap((row) => {
    const own = columns.filter(({ name }) => !cell.relation.key.includes(name) && row[name] !== undefined);
    return own.length > 1 ? [Object.fromEntries(own.map(({ name }) => [name, row[name] ?? null]))] : [];
  });
  return [...new Map(found.map((values) => [JSON.stringify(values), values])).values()].slice(0, 8);
}

/** Values that a column holds in other rows, and the persona's own identity where the column holds identities. */
export function otherValues(cell: Cell, column: string): readonly string[] {
  const held = cell.relation.samples.map((row) => row[column]).filter((value) => typeof value === "string");
  const own = cell.candidates
    .map((candidate) => candidate.values[column])
    .filter((value) => typeof value === "string");
  return [...new Set([...own, ...held])].slice(0, 4);
}

/** Statements to be tried on one row, until one reaches it: each granted column, with the row's own value and with another's. */
export function rowStatements(cell: Cell): readonly string[] {
  const { info, base } = cell.relation;
  const relation = quoteQualified(info);
  if (!operationInfo[cell.operation].setsValues) return [`delete from ${relation}`];
  const wanted = cell.update?.set;
  if (wanted !== undefined) return [`update ${relation} set ${assignments(wanted)}`];
  const held = privilegesOf(cell);
  const columns = plainFirst(base ?? info, writable(info, held.update));
  const own = columns
    .filter((column) => held.select.includes(column.name))
    .map(({ name }) => `update ${relation} set ${quoteIdent(name)} = ${quoteIdent(name)}`);
  const others = columns.flatMap(({ name }) =>
    otherValues(cell, name).map((value) => `update ${relation} set ${quoteIdent(name)} = ${literal(value)}`),
  );
  const whole = wholeRows(cell, columns).map((values) => `update ${relation} set ${assignments(values)}`);
  return [...own, ...others, ...whole];
}
