import type { ColumnInfo, Privileges, RelationInfo } from "../model/catalog.ts";
import type { Cell } from "../model/cell.ts";
import { blindTries, valuesOfColumn, wholeRowTries } from "./limits.ts";

/** Column or argument → text as Postgres reads it; `null` is NULL. */
export type TextRow = Readonly<Record<string, string | null>>;

export function privilegesOf(cell: Cell): Privileges {
  return cell.relation.info.privileges[cell.persona.role] ?? nothing;
}

const nothing: Privileges = {
  schemaUsage: false,
  delete: false,
  truncate: false,
  select: [],
  insert: [],
  update: [],
};

/** A column whose reading brings the SELECT policies in; where none may be read, the refusal is the answer. */
export function readColumn(cell: Cell): string {
  const { select } = privilegesOf(cell);
  const { key, info } = cell.relation;
  return key.find((name) => select.includes(name)) ?? select[0] ?? key[0] ?? info.columns[0]?.name ?? "";
}

/** Columns that an UPDATE or INSERT can write at all. */
export function writable(info: RelationInfo, granted: readonly string[]): readonly ColumnInfo[] {
  return info.columns.filter(
    (column) => granted.includes(column.name) && !column.generated && column.identity !== "always",
  );
}

/** Plain columns first: a key, a unique column or a foreign key would let a constraint speak before its time. */
export function plainFirst(info: RelationInfo, columns: readonly ColumnInfo[]): readonly ColumnInfo[] {
  const constrained = new Set(
    info.constraints.filter((one) => one.type !== "not null").flatMap((one) => one.columns),
  );
  const weight = (column: ColumnInfo): number =>
    (info.primaryKey.includes(column.name) ? 4 : 0) +
    (constrained.has(column.name) ? 2 : 0) +
    (column.domain ? 1 : 0);
  return columns.toSorted((a, b) => weight(a) - weight(b));
}

/** Columns that the persona may UPDATE, those first that neither a constraint nor a policy is about. */
export function updatable(cell: Cell): readonly string[] {
  const { info, base, key } = cell.relation;
  const policies = info.policies.map(({ using, check }) => `${using ?? ""} ${check ?? ""}`).join(" ");
  const weight = (name: string): number => (key.includes(name) ? 2 : 0) + (policies.includes(name) ? 1 : 0);
  return plainFirst(base ?? info, writable(info, privilegesOf(cell).update))
    .map(({ name }) => name)
    .toSorted((a, b) => weight(a) - weight(b));
}

/** Where nothing is granted, any column that Postgres would let be written: the refusal must be the grant's. */
export function ungranted(info: RelationInfo): string {
  const names = info.columns.map((column) => column.name);
  return (plainFirst(info, writable(info, names))[0] ?? info.columns[0])?.name ?? "";
}

/** Values that a column holds in other rows, and the persona's own identity where the column holds identities. */
function otherValues(cell: Cell, column: string): readonly string[] {
  const rows = [...cell.candidates.map(({ values }) => values), ...cell.relation.samples];
  const held = rows.map((row) => row[column]).filter((value) => typeof value === "string");
  return [...new Set(held)].slice(0, valuesOfColumn);
}

/** Rows whose values go together: a check that wants two columns changed at once is met by one that is there, or was built for it. */
function wholeRows(cell: Cell, columns: readonly string[]): readonly TextRow[] {
  const rows = [...cell.candidates.map(({ values }) => values), ...cell.relation.samples.slice(0, 4)];
  const plain = columns.filter((name) => !cell.relation.key.includes(name));
  const found = rows.map((row) => only(row, plain)).filter((row) => Object.keys(row).length > 1);
  return [...new Map(found.map((values) => [JSON.stringify(values), values])).values()].slice(
    0,
    wholeRowTries,
  );
}

/** Of a unique column no two rows may hold the same value, and all may hold none. */
function nullable({ relation: { info, base } }: Cell, columns: readonly string[]): readonly TextRow[] {
  return (base ?? info).columns
    .filter(({ name, notNull }) => !notNull && columns.includes(name))
    .map(({ name }) => ({ [name]: null }));
}

/**
 * What an UPDATE of all rows sets, one after the other until one is taken: constants, so that nothing is read. A check refuses the
 * whole statement for one row; other columns and values may pass it.
 */
export function valuesForAllRows(cell: Cell): readonly TextRow[] {
  if (cell.update?.set !== undefined) return [cell.update.set];
  const columns = updatable(cell);
  const [first] = columns;
  if (first === undefined) return [{ [ungranted(cell.relation.info)]: null }];
  const each = columns.map((name) => otherValues(cell, name).map((value): TextRow => ({ [name]: value })));
  // One value of each column before a second of any: the one that a check takes may be in the last column.
  const turns = Array.from({ length: valuesOfColumn }, (_, turn) =>
    each.flatMap((values) => values.slice(turn, turn + 1)),
  );
  const all = [
    ...(turns[0] ?? []),
    ...wholeRows(cell, columns),
    ...nullable(cell, columns),
    ...turns.slice(1).flat(),
  ];
  return all.length === 0 ? [{ [first]: null }] : all.slice(0, blindTries);
}

/**
 * What to set in one row once its own values were refused, until it takes something: values from elsewhere, then whole rows.
 * How a row's own values are written is each channel's own.
 */
export function otherValuesForRow(cell: Cell): readonly TextRow[] {
  const columns = updatable(cell);
  const others = columns.flatMap((name) =>
    otherValues(cell, name).map((value): TextRow => ({ [name]: value })),
  );
  return [...others, ...wholeRows(cell, columns)];
}

export function only(row: TextRow, columns: readonly string[]): TextRow {
  return Object.fromEntries(
    columns.flatMap((name) => (row[name] === undefined ? [] : [[name, row[name]] as const])),
  );
}

/** A view's INSTEAD OF trigger deletes in its place: how many rows, only the rows that are left say. */
export function deletesByTrigger({ relation: { info } }: Pick<Cell, "relation">): boolean {
  return info.triggers.some(
    ({ enabled, timing, events }) => enabled && timing === "instead of" && events.includes("delete"),
  );
}

/** A BEFORE row trigger may return NULL, a rule may do something else instead: 0 rows then say nothing. */
export function mayBeSuppressed(cell: Cell, event: "insert" | "update" | "delete"): boolean {
  const { info, base } = cell.relation;
  return [info, ...(base === undefined || base === info ? [] : [base])].some(
    (one) =>
      one.rules.length > 0 ||
      one.triggers.some(
        (trigger) =>
          trigger.enabled &&
          trigger.level === "row" &&
          trigger.timing !== "after" &&
          trigger.events.includes(event),
      ),
  );
}
