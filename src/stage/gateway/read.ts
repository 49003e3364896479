import type { Relation, Routine } from "./catalog.ts";
import { refuse } from "./errors.ts";
import { columnOf, type Condition, where } from "./filter.ts";
import { bind, ident, join, nothing, qualified, type Sql, sql } from "./fragment.ts";
import { isEverything, limitOf, negotiate, type Range, restrict, type Shape } from "./headers.ts";
import type { OrderTerm, Query, SelectItem } from "./query.ts";
import type { Request } from "./request.ts";

/** One row in this order, all as text: what each main statement answers. */
export interface Outcome {
  /** Rows of the whole table, where they were counted. */
  readonly total: number | undefined;
  /** Rows of this answer, or rows written. */
  readonly rows: number;
  readonly body: string;
  /** Settings `response.headers` and `response.status`, which a function may set. */
  readonly responseHeaders: string | null;
  readonly responseStatus: string | null;
  /** Rows inserted less rows updated, for an upsert. */
  readonly inserted: number | undefined;
}

export function readOutcome(row: readonly (string | null)[]): Outcome {
  const [total, rows, body, responseHeaders, responseStatus, inserted] = row;
  return {
    total: count(total),
    rows: count(rows) ?? 0,
    body: body ?? "",
    responseHeaders: responseHeaders ?? null,
    responseStatus: responseStatus ?? null,
    inserted: count(inserted),
  };
}

function count(text: string | null | undefined): number | undefined {
  return text === null || text === undefined ? undefined : Number(text);
}

/** What is to run, and how its outcome is to be read. */
export interface Plan {
  readonly main: Sql;
  readonly readOnly: boolean;
  /** Settings that the called function wants for the whole transaction. */
  readonly settings: Readonly<Record<string, string>>;
  readonly shape: Shape;
  readonly target: Relation | Routine;
  readonly request: Request;
}

/** @throws {Refused} 501 where PostgREST would convert values with casts of the database's own */
export function refuseRepresentations({ action }: Request, relation: Relation | undefined): void {
  if (relation?.columns.some(({ represented }) => represented))
    throw refuse.notSpoken(`data representations, which ${action.kind} of this relation would apply`);
}

export interface ReadRules {
  readonly maxRows: number | undefined;
  readonly hasMediaHandlers: boolean;
}

/**
 * GET and HEAD of a table or view.
 * @throws {Refused}
 */
export function planRead(request: Request, relation: Relation, rules: ReadRules): Plan {
  refuseRepresentations(request, relation);
  const shape = negotiate(request.headers.accept, rules.hasMediaHandlers);
  const table = qualified(relation.schema, relation.name);
  const headersOnly = request.action.kind === "read" && request.action.headersOnly;
  const main = sql`with pgrst_source as (${rowsOf(table, table, request, rules.maxRows)})${countOf(
    table,
    table,
    request,
    rules.maxRows,
  )} select ${totalOf(request, rules.maxRows, rowCount)}, ${rowCount}, ${
    headersOnly ? sql`''` : asJson(shape)
  }, ${responseSettings} from (select * from pgrst_source) _postgrest_t`;
  return { main, readOnly: true, settings: {}, shape, target: relation, request };
}

export const rowCount: Sql = sql`pg_catalog.count(_postgrest_t)`;

/** What a pre-request function, a trigger or a called function wants the answer to look like. */
export const responseSettings: Sql = sql`nullif(current_setting('response.headers', true), ''), nullif(current_setting('response.status', true), '')`;

/** All rows as one JSON text, made by the server. */
export function asJson(shape: Shape): Sql {
  return shape === "object"
    ? sql`coalesce(json_agg(_postgrest_t)->0, 'null')::text`
    : sql`coalesce(json_agg(_postgrest_t), '[]')::text`;
}

/** The rows that a request asks for: its select, filters, order and range over `source`, whose columns `table` names. */
export function rowsOf(source: Sql, table: Sql, { query, range }: Request, maxRows: number | undefined): Sql {
  const rows = restrict(range, maxRows);
  return sql`select ${selected(table, query.select)} from ${source}${where(table, filtersOf(query))}${orderBy(
    table,
    query.order,
  )}${limit(rows)}`;
}

/** `and=` and `or=` first, then the filters of single columns. */
function filtersOf({ filters, conditions }: Query): Condition[] {
  return [...conditions, ...filters.map((filter) => ({ kind: "filter" as const, filter }))];
}

/** A separate count is needed only where the answer may hold less than everything. */
function countsApart({ prefer, range }: Request, maxRows: number | undefined): boolean {
  return prefer.count === "exact" && (maxRows !== undefined || !isEverything(range));
}

export function countOf(source: Sql, table: Sql, request: Request, maxRows: number | undefined): Sql {
  if (!countsApart(request, maxRows)) return nothing;
  return sql`, pgrst_source_count as (select 1 from ${source}${where(table, filtersOf(request.query))})`;
}

export function totalOf(request: Request, maxRows: number | undefined, ofThisAnswer: Sql): Sql {
  if (request.prefer.count !== "exact") return sql`null`;
  return countsApart(request, maxRows)
    ? sql`(select pg_catalog.count(*) from pgrst_source_count)`
    : ofThisAnswer;
}

function selected(table: Sql, items: readonly SelectItem[]): Sql {
  if (items.length === 0) return columnOf(table, "*");
  return join(
    items.map((item) => itemSql(table, item)),
    ", ",
  );
}

function itemSql(table: Sql, { column, alias }: SelectItem): Sql {
  const value = columnOf(table, column);
  return alias === undefined ? value : sql`${value} as ${ident(alias)}`;
}

const directions = { asc: sql` asc`, desc: sql` desc` };
const nullsAt = { first: sql` nulls first`, last: sql` nulls last` };

function orderBy(table: Sql, terms: readonly OrderTerm[]): Sql {
  if (terms.length === 0) return nothing;
  const texts = terms.map(
    ({ column, direction, nulls }) =>
      sql`${columnOf(table, column)}${direction ? directions[direction] : nothing}${nulls ? nullsAt[nulls] : nothing}`,
  );
  return sql` order by ${join(texts, ", ")}`;
}

function limit(range: Range): Sql {
  if (isEverything(range)) return nothing;
  const rows = limitOf(range);
  const most = rows === undefined ? sql`all` : sql`${bind(String(rows))}`;
  return sql` limit ${most} offset ${bind(String(range.first))}`;
}
