import type { Relation } from "./catalog.ts";
import { bind, ident, qualified, sql } from "./fragment.ts";
import type { Sql } from "./fragment.ts";
import { negotiate } from "./media.ts";
import { returning, statements } from "./mutation.ts";
import type { Write } from "./mutation.ts";
import type { Plan } from "./plan.ts";
import { refuseUnknownPreferences, refuseUnreadable } from "./plan.ts";
import type { ReadRules } from "./read.ts";
import { asJson, responseSettings, rowCount, rowsOf } from "./read.ts";
import type { Mutation, Request } from "./request.ts";
import { arrayLiteral } from "./where.ts";

/**
 * POST, PATCH, PUT and DELETE of a table or view.
 * @throws {Refused}
 */
export function planWrite(request: Request, relation: Relation, mutation: Mutation, rules: ReadRules): Plan {
  refuseUnreadable(request, relation);
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
  refuseUnknownPreferences(request);
  const shape = negotiate(request.headers.accept, rules.hasMediaHandlers);
  // Where no row is returned, the select must not name a column: it would have to be readable.
  const full = request.prefer.return === "representation";
  const source = sql`pgrst_source as ${ident(relation.name)}`;
  const rows = full
    ? rowsOf(source, ident(relation.name), withoutFilters(request), undefined)
    : sql`select * from pgrst_source`;
  const main = sql`with pgrst_source as (${statement}) select null, ${rowCount}, ${
    full ? asJson(shape) : sql`''`
  }, ${responseSettings}, ${location(write, mutation)}, ${inserted(request, mutation)} from (${rows}) _postgrest_t`;
  return { main, readOnly: false, settings: {}, shape, target: relation, request };
}

/** The filters chose the rows to write; what comes back of those is not filtered again. */
function withoutFilters(request: Request): Request {
  return { ...request, query: { ...request.query, filters: [], conditions: [] } };
}

function inserted({ prefer }: Request, mutation: Mutation): Sql {
  const upserts =
    mutation === "upsert" || (mutation === "create" && prefer.resolution === "merge-duplicates");
  return upserts ? sql`nullif(current_setting('pgrst.inserted', true), '')::int` : sql`null`;
}

/** The key of the row that a POST with `return=headers-only` inserted, when it inserted one. */
function location({ request, relation }: Write, mutation: Mutation): Sql {
  if (mutation !== "create" || request.prefer.return !== "headers-only") return sql`null`;
  return sql`case when ${rowCount} = 1 then (
    select json_agg(json_build_array(member.key, coalesce('eq.' || member.value, 'is.null')))
    from (select row_to_json(_) as row from pgrst_source as _ limit 1) first_row, json_each_text(first_row.row) as member
    where member.key = any (${bind(arrayLiteral(relation.keyColumns))})
  ) end`;
}
