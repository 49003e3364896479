import type { Relation } from "./catalog.ts";
import type { Condition } from "./filter.ts";
import { bind, fromCatalog, ident, join, nothing, qualified, sql } from "./fragment.ts";
import type { Sql } from "./fragment.ts";
import { negotiate } from "./media.ts";
import type { Shape } from "./media.ts";
import type { Plan } from "./plan.ts";
import { refuseUnknownPreferences, refuseUnreadable } from "./plan.ts";
import type { Query } from "./query.ts";
import { isEverything, limitOf, restrict } from "./range.ts";
import type { Range } from "./range.ts";
import type { Request } from "./request.ts";
import type { OrderTerm, SelectItem } from "./select.ts";
import { columnOf, where } from "./where.ts";

export interface ReadRules {
  readonly maxRows: number | undefined;
  readonly hasMediaHandlers: boolean;
}

/**
 * GET and HEAD of a table or view.
 * @throws {Refused}
 */
export function planRead(request: Request, relation: Relation, rules: ReadRules): Plan {
  refuseUnreadable(request, relation);
  const shape = negotiate(request.headers.accept, rules.hasMediaHandlers);
  refuseUnknownPreferences(request);
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
export function filtersOf({ filters, conditions }: Query): Condition[] {
  return [...conditions, ...filters.map((filter) => ({ kind: "filter" as const, filter }))];
}

/** A count of its own is needed only where the answer may hold less than everything. */
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

export function selected(table: Sql, items: readonly SelectItem[]): Sql {
  if (items.length === 0) return columnOf(table, "*");
  return join(
    items.map((item) => itemSql(table, item)),
    ", ",
  );
}

function itemSql(table: Sql, { column, cast, alias }: SelectItem): Sql {
  const plain = columnOf(table, column);
  // Not quoted, since a quoted "int" would be no type; the parser lets only letters, digits, _ and blanks through.
  const value = cast === undefined ? plain : sql`cast(${plain} as ${fromCatalog(cast)})`;
  return alias === undefined ? value : sql`${value} as ${ident(alias)}`;
}

const directions = { asc: sql` asc`, desc: sql` desc` };
const nullsAt = { first: sql` nulls first`, last: sql` nulls last` };

export function orderBy(table: Sql, terms: readonly OrderTerm[]): Sql {
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
