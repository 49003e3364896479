import { quoteLiteral } from "../../lib/sql-text.ts";
import type { Relation } from "./catalog.ts";
import { refuse } from "./errors.ts";
import { columnOf, type Condition, where } from "./filter.ts";
import { bind, fromCatalog, ident, join, nothing, qualified, sql, type Sql } from "./fragment.ts";
import { negotiate } from "./headers.ts";
import {
  asJson,
  type Plan,
  type ReadRules,
  refuseRepresentations,
  responseSettings,
  rowCount,
  rowsOf,
} from "./read.ts";
import { isJsonObject, type Mutation, type Request } from "./request.ts";

/**
 * POST, PATCH, PUT and DELETE of a table or view.
 * @throws {Refused}
 */
export function planWrite(request: Request, relation: Relation, mutation: Mutation, rules: ReadRules): Plan {
  refuseRepresentations(request, relation);
  const table = qualified(relation.schema, relation.name);
  const { filters, conditions } = request.query;
  const write: Write = {
    request,
    relation,
    table,
    filters: [...filters.map((filter) => ({ kind: "filter" as const, filter })), ...conditions],
    returning: returning(table, request, relation),
  };
  const statement = statements[mutation](write);
  const shape = negotiate(request.headers.accept, rules.hasMediaHandlers);
  // Where no row is returned, the select must not name a column: it would have to be readable.
  const full = request.prefer.return === "representation";
  const source = sql`pgrst_source as ${ident(relation.name)}`;
  const rows = full
    ? rowsOf(source, ident(relation.name), withoutFilters(request), undefined)
    : sql`select * from pgrst_source`;
  const main = sql`with pgrst_source as (${statement}) select null, ${rowCount}, ${
    full ? asJson(shape) : sql`''`
  }, ${responseSettings}, ${inserted(request, mutation)} from (${rows}) _postgrest_t`;
  return { main, readOnly: false, settings: {}, shape, target: relation, request };
}

/** The filters chose the rows to write; what comes back of those is not filtered again. */
function withoutFilters(request: Request): Request {
  return { ...request, query: { ...request.query, filters: [], conditions: [] } };
}

function inserted({ prefer }: Request, mutation: Mutation): Sql {
  return mutation === "create" && prefer.resolution === "merge-duplicates"
    ? sql`nullif(current_setting('pgrst.inserted', true), '')::int`
    : sql`null`;
}

/** A write with what it needs to become SQL. */
interface Write {
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
  if (prefer.return !== "representation") return [];
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

/** A member of the payload and the type that it is read as, both out of the catalogue. */
interface Field {
  readonly name: string;
  readonly type: string;
  readonly default: string | null;
}

interface PayloadOptions {
  /** Take one row only: a function's arguments. */
  readonly limitOne: boolean;
  /** Members that are missing take their column's default (`Prefer: missing=default`) instead of null. */
  readonly defaults: boolean;
}

/** What follows `from`: the JSON payload as rows of the fields' types. Postgres reads the JSON, not this process. */
export function payloadRows(json: string, fields: readonly Field[], options: PayloadOptions): Sql {
  const single = isJsonObject(json);
  const type = options.defaults ? sql`jsonb` : sql`json`;
  const names = join(
    fields.map(({ name }) => ident(name)),
    ", ",
  );
  return sql`(select ${bind(json)}::${type} as json_data) pgrst_payload, ${withDefaults(fields, single, options)}lateral (select ${names} from ${records(
    fields,
    single,
    options,
  )}) pgrst_body `;
}

function withDefaults(fields: readonly Field[], single: boolean, { defaults }: PayloadOptions): Sql {
  if (!defaults) return nothing;
  const pairs = fields.flatMap((field) =>
    field.default === null ? [] : [fromCatalog(`${quoteLiteral(field.name)}, ${field.default}`)],
  );
  const object = sql`jsonb_build_object(${join(pairs, ", ")})`;
  return single
    ? sql`lateral (select ${object} || pgrst_payload.json_data as val) pgrst_json_defs, `
    : sql`lateral (select jsonb_agg(${object} || elem) as val from jsonb_array_elements(pgrst_payload.json_data) elem) pgrst_json_defs, `;
}

function records(fields: readonly Field[], single: boolean, { defaults, limitOne }: PayloadOptions): Sql {
  const payload = defaults ? sql`pgrst_json_defs.val` : sql`pgrst_payload.json_data`;
  const prefix = defaults ? sql`jsonb` : sql`json`;
  if (fields.length === 0)
    return single ? sql`(values (1)) _ ` : sql`${prefix}_array_elements(${payload}) _ `;
  const typed = join(
    fields.map(({ name, type }) => sql`${ident(name)} ${fromCatalog(type)}`),
    ", ",
  );
  const read = single ? sql`${prefix}_to_record` : sql`${prefix}_to_recordset`;
  return sql`${read}(${payload}) as _(${typed})${limitOne ? sql` limit 1` : nothing}`;
}
