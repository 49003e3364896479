import type { RelationInfo } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import type { Operation } from "../../model/matrix.ts";
import { quoteIdent, quoteQualified } from "../../model/sql-text.ts";
import type { BatchRequest } from "./protocol.ts";
import * as sql from "./statements.ts";

/** What the server allows this login to do, besides the probes themselves. */
export interface Means {
  /** `session_replication_role` may be set: foreign keys and triggers can be put aside. */
  readonly replica: boolean;
  /** It is a superuser: it can take another login's place (SET SESSION AUTHORIZATION). */
  readonly logins: boolean;
}

type FirstRequest = (cell: Cell, means: Means) => BatchRequest;

/** The statement that opens each operation's probe: one, over all rows. */
export const firstRequest: Record<Exclude<Operation, "insert">, FirstRequest> = {
  select(cell) {
    const columns = sql.comparedColumns(cell, sql.privilegesOf(cell).select);
    return { kind: "r", control: sql.controlSql(cell, columns), statements: [sql.selectSql(cell, columns)] };
  },
  update(cell, means) {
    return updateRequest(cell, means, [filteredUpdate(cell)]);
  },
  blind_update(cell, means) {
    return updateRequest(cell, means, blindUpdates(cell).slice(0, triedAtOnce));
  },
  delete(cell, means) {
    return deleteRequest(cell, means, sql.readingWhere(readColumn(cell)));
  },
  blind_delete(cell, means) {
    return deleteRequest(cell, means, "");
  },
  upsert(cell) {
    const { info } = cell.relation;
    const shape = upsertShape(cell);
    return {
      kind: "e",
      control: sql.controlSql(cell, []),
      statements: [sql.upsertHead(info, shape)],
      list: sql.rowListSql(cell, sql.upsertSuffix(info, shape)),
    };
  },
  execute(cell) {
    return { ...firstRequest.select(cell, { replica: false, logins: false }), kind: "f" };
  },
  truncate(cell) {
    return { kind: "w", statements: [`truncate ${quoteQualified(cell.relation.info)}`] };
  },
};

function upsertShape(cell: Cell): sql.UpsertShape {
  const { key, info } = cell.relation;
  const any = { ...info, columns: info.columns.map((one) => ({ ...one, identity: null })) };
  const columns = sql.writable(any, insertable(cell)).map(({ name }) => name);
  const set = sql
    .plainFirst(info, sql.writable(info, sql.privilegesOf(cell).update))
    .find(({ name }) => columns.includes(name));
  return { columns, key, set: set?.name ?? ungranted(info) };
}

/** An upsert of one row, for people: the probe itself puts each row in its turn behind the head. */
export function shownUpsert(cell: Cell): string {
  const { info, samples } = cell.relation;
  const shape = upsertShape(cell);
  const values = shape.columns.map((name) => sql.literal(samples[0]?.[name] ?? null));
  return `${sql.upsertHead(info, shape)}${sql.upsertValues(info, shape, values)}`;
}

/** All columns where nothing is granted: the refusal itself is the answer. */
function insertable(cell: Cell): readonly string[] {
  const { insert } = sql.privilegesOf(cell);
  return insert.length > 0 ? insert : cell.relation.info.columns.map((column) => column.name);
}

/** A column whose reading brings the SELECT policies in; where none may be read, the refusal is the answer. */
function readColumn(cell: Cell): string {
  const { select } = sql.privilegesOf(cell);
  const { key, info } = cell.relation;
  return key.find((name) => select.includes(name)) ?? select[0] ?? key[0] ?? info.columns[0]?.name ?? "";
}

function filteredUpdate(cell: Cell): string {
  const { info, base } = cell.relation;
  const set = cell.update?.set;
  const relation = quoteQualified(info);
  if (set !== undefined)
    return `update ${relation} set ${sql.assignments(set)} ${sql.readingWhere(readColumn(cell))}`;
  const held = sql.privilegesOf(cell);
  const columns = sql.plainFirst(base ?? info, sql.writable(info, held.update));
  const own = columns.find((column) => held.select.includes(column.name));
  if (own !== undefined) return `update ${relation} set ${quoteIdent(own.name)} = ${quoteIdent(own.name)}`;
  const written = columns[0];
  // Nothing that may be written may be read: a value from elsewhere, and a condition that reads.
  if (written !== undefined) {
    const value = sql.literal(someValue(cell, written.name));
    return `update ${relation} set ${quoteIdent(written.name)} = ${value} ${sql.readingWhere(readColumn(cell))}`;
  }
  const any = quoteIdent(ungranted(info));
  return `update ${relation} set ${any} = ${any}`;
}

/** Where nothing is granted, any column that Postgres would let be written: the refusal must be the grant's. */
function ungranted(info: RelationInfo): string {
  const names = info.columns.map((column) => column.name);
  return (sql.plainFirst(info, sql.writable(info, names))[0] ?? info.columns[0])?.name ?? "";
}

function someValue(cell: Cell, column: string): string | null {
  for (const row of cell.relation.samples) {
    const value = row[column];
    if (value !== undefined && value !== null) return value;
  }
  return null;
}

/** Constants and no WHERE: nothing is read, so the SELECT policies do not apply. Several values, since WITH CHECK may refuse one. */
function blindUpdates(cell: Cell): readonly string[] {
  const { info, base } = cell.relation;
  const relation = quoteQualified(info);
  const set = cell.update?.set;
  if (set !== undefined) return [`update ${relation} set ${sql.assignments(set)}`];
  const columns = sql.plainFirst(base ?? info, sql.writable(info, sql.privilegesOf(cell).update));
  const first = columns[0];
  if (first === undefined) return [`update ${relation} set ${quoteIdent(ungranted(info))} = null`];
  const rows = wholeRows(cell, columns).map((values) => sql.assignments(values));
  const each = columns.map(({ name }) =>
    otherValues(cell, name).map((value) => sql.assignments({ [name]: value })),
  );
  // One value of each column before a second of any: the one that a check takes may be in the last column.
  const turns = Array.from({ length: 4 }, (_, turn) => each.flatMap((values) => values[turn] ?? []));
  const sets = [...(turns[0] ?? []), ...rows, ...turns.slice(1).flat()].slice(0, blindVariants);
  if (sets.length === 0) sets.push(sql.assignments({ [first.name]: null }));
  return sets.map((values) => `update ${relation} set ${values}`);
}

/** Values tried over all rows before a check counts as refusing them all; most statements need but the first. */
const blindVariants = 40;
const triedAtOnce = 3;

/**
 * More values, over all rows, for an UPDATE that a check refused: one that goes through shows every row that the
 * policies let be changed. Row by row, a large relation shows a sample only.
 */
export function moreUpdates(cell: Cell): readonly string[] {
  const { update, select } = sql.privilegesOf(cell);
  if (cell.update?.set !== undefined || update.length === 0) return [];
  if (cell.operation === "blind_update") return blindUpdates(cell).slice(triedAtOnce);
  if (cell.operation !== "update" || select.length === 0) return [];
  const where = sql.readingWhere(readColumn(cell));
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

function writeKey(cell: Cell, changed: readonly string[]): readonly string[] {
  const { key, base, info } = cell.relation;
  const names = new Set((base ?? info).columns.map((column) => column.name));
  if (key.length > 0 && key.every((name) => names.has(name))) return key;
  return [...names].filter((name) => !changed.includes(name));
}

function guard(cell: Cell, event: "update" | "delete", means: Means): 1 | 2 | undefined {
  if (!means.replica) return undefined;
  return maySwallow(cell, event) ? 2 : 1;
}

/** A BEFORE row trigger may return NULL, a rule may do something else instead: 0 rows then say nothing. */
export function maySwallow(cell: Cell, event: "insert" | "update" | "delete"): boolean {
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

function updateRequest(cell: Cell, means: Means, statements: readonly string[]): BatchRequest {
  const { base } = cell.relation;
  const columns = writeKey(cell, Object.keys(cell.update?.set ?? {}));
  return {
    kind: "w",
    control: sql.controlSql(cell, columns),
    statements,
    after: base !== undefined && comparesRows(cell) ? [sql.changedSql(base, columns)] : undefined,
    guard: guard(cell, "update", means),
  };
}

function deleteRequest(cell: Cell, means: Means, where: string): BatchRequest {
  const columns = writeKey(cell, []);
  return {
    kind: "w",
    control: sql.controlSql(cell, columns),
    statements: [`delete from ${quoteQualified(cell.relation.info)} ${where}`.trimEnd()],
    after: comparesRows(cell) ? [sql.remainingSql(cell.relation.control, columns)] : undefined,
    guard: guard(cell, "delete", means),
  };
}

/** 0 of n and n of n need no hash. */
function comparesRows(cell: Cell): boolean {
  return cell.expectation.kind === "rows" || cell.expectation.kind === "within";
}

/** Statements to be tried on one row, until one reaches it: each granted column, with the row's own value and with another's. */
export function rowStatements(cell: Cell): readonly string[] {
  const { info, base } = cell.relation;
  const relation = quoteQualified(info);
  if (cell.operation === "delete") return [`delete from ${relation}`];
  const wanted = cell.update?.set;
  if (wanted !== undefined) return [`update ${relation} set ${sql.assignments(wanted)}`];
  const held = sql.privilegesOf(cell);
  const columns = sql.plainFirst(base ?? info, sql.writable(info, held.update));
  const own = columns
    .filter((column) => held.select.includes(column.name))
    .map(({ name }) => `update ${relation} set ${quoteIdent(name)} = ${quoteIdent(name)}`);
  const others = columns.flatMap(({ name }) =>
    otherValues(cell, name).map(
      (value) => `update ${relation} set ${quoteIdent(name)} = ${sql.literal(value)}`,
    ),
  );
  const whole = wholeRows(cell, columns).map((values) => `update ${relation} set ${sql.assignments(values)}`);
  return [...own, ...others, ...whole];
}
