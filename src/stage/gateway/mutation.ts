import type { Relation } from "./catalog.ts";
import { refuse } from "./errors.ts";
import type { Condition } from "./filter.ts";
import { ident, join, nothing, sql } from "./fragment.ts";
import type { Sql } from "./fragment.ts";
import { payloadRows } from "./payload.ts";
import type { Field } from "./payload.ts";
import type { Mutation, Request } from "./request.ts";
import { all, columnOf, where } from "./where.ts";

/** A write with what it needs to become SQL. */
export interface Write {
  readonly request: Request;
  readonly relation: Relation;
  readonly table: Sql;
  readonly filters: readonly Condition[];
  readonly returning: Sql;
}

/** The statement of each kind of write. */
export const statements: Readonly<Record<Mutation, (write: Write) => Sql>> = {
  create: ({ request, relation, table, returning: back }) => {
    const { prefer, query } = request;
    const fields = fieldsOf(request, relation);
    const merges = prefer.resolution === "merge-duplicates";
    const target = prefer.resolution === undefined ? [] : (query.onConflict ?? relation.keyColumns);
    return sql`insert into ${table}${columnList(fields)} ${newRows(request, fields, prefer.missing === "default")}${
      merges ? sql`where ${counted("+")}` : nothing
    }${onConflict(target, merges, fields)} ${back}`;
  },
  upsert: (write) => {
    const { request, relation, table, filters, returning: back } = write;
    refuseUnlessByKey(write);
    const fields = fieldsOf(request, relation);
    return sql`insert into ${table}${columnList(fields)} ${newRows(request, fields, false)}where ${counted("+")} and ${all(
      sql`pgrst_body`,
      filters,
    )}${onConflict(relation.keyColumns, true, fields)} ${back}`;
  },
  update: ({ request, relation, table, filters, returning: back }) => {
    const fields = fieldsOf(request, relation);
    // `set` cannot be empty: nothing is updated, and the same privileges are asked as for reading what would come back.
    if (fields.length === 0) return sql`select ${nothingOf(request, relation)} from ${table} where false`;
    const assignments = fields.map(({ name }) => sql`${ident(name)} = pgrst_body.${ident(name)}`);
    const options = { limitOne: false, defaults: request.prefer.missing === "default" };
    return sql`update ${table} set ${join(assignments, ", ")} from ${payloadRows(
      request.payload?.json ?? "",
      fields,
      options,
    )}${where(table, filters)} ${back}`;
  },
  delete: ({ table, filters, returning: back }) => sql`delete from ${table}${where(table, filters)} ${back}`,
};

/** PUT names one row by its whole key, and nothing else. */
function refuseUnlessByKey({ request: { query }, relation: { keyColumns } }: Write): void {
  const keys = new Set(query.filterKeys);
  const byEquality = query.filters.every(
    ({ negated, test }) => !negated && test.kind === "compare" && test.operator === "=",
  );
  const wholeKey = keys.size === keyColumns.length && keyColumns.every((column) => keys.has(column));
  if (query.conditions.length > 0 || keyColumns.length === 0 || !wholeKey || !byEquality)
    throw refuse.putFilters();
}

function fieldsOf({ payload }: Request, { name, columns }: Relation): Field[] {
  return (payload?.columns ?? []).map((wanted) => {
    const column = columns.find((known) => known.name === wanted);
    if (column === undefined) throw refuse.column(name, wanted);
    return column;
  });
}

function columnList(fields: readonly Field[]): Sql {
  const names = fields.map(({ name }) => ident(name));
  return fields.length === 0 ? nothing : sql`(${join(names, ", ")})`;
}

function newRows({ payload }: Request, fields: readonly Field[], defaults: boolean): Sql {
  const names = fields.map(({ name }) => sql`pgrst_body.${ident(name)}`);
  return sql`select ${join(names, ", ")} from ${payloadRows(payload?.json ?? "", fields, { limitOne: false, defaults })}`;
}

function onConflict(target: readonly string[], merges: boolean, fields: readonly Field[]): Sql {
  if (target.length === 0) return nothing;
  const columns = target.map((column) => ident(column));
  const assignments = fields.map(({ name }) => sql`${ident(name)} = excluded.${ident(name)}`);
  const action =
    merges && fields.length > 0
      ? sql`do update set ${join(assignments, ", ")} where ${counted("-")}`
      : sql`do nothing`;
  return sql` on conflict (${join(columns, ", ")}) ${action}`;
}

/** Always true, and counts as it is read: each row once more when proposed, once less when it replaces one. */
function counted(sign: "+" | "-"): Sql {
  const change = sign === "+" ? sql`+ 1` : sql`- 1`;
  const never = sign === "+" ? sql`'0'` : sql`'-1'`;
  return sql`set_config('pgrst.inserted', (coalesce(nullif(current_setting('pgrst.inserted', true), '')::int, 0) ${change})::text, true) <> ${never}`;
}

/** Which columns come back: those selected and the key, all, or none (then the SELECT privilege is not needed). */
function returnedColumns({ prefer, query }: Request, { keyColumns }: Relation): string[] {
  if (prefer.return !== "representation" && prefer.return !== "headers-only") return [];
  const columns = query.select.map(({ column }) => column);
  return columns.includes("*") ? ["*"] : [...new Set([...columns, ...keyColumns])].toSorted();
}

export function returning(table: Sql, request: Request, relation: Relation): Sql {
  const columns = returnedColumns(request, relation).map((column) => columnOf(table, column));
  return columns.length === 0 ? sql`returning 1` : sql`returning ${join(columns, ", ")}`;
}

function nothingOf(request: Request, relation: Relation): Sql {
  const columns = returnedColumns(request, relation).map((column) => columnOf(ident(relation.name), column));
  return columns.length === 0 ? sql`null` : join(columns, ", ");
}
