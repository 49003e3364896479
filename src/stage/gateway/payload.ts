import { isJsonObject } from "./body.ts";
import { bind, fromCatalog, ident, join, nothing, sql } from "./fragment.ts";
import type { Sql } from "./fragment.ts";
import { quoteLiteral } from "../../lib/sql-text.ts";

/** A member of the payload and the type that it is read as, both out of the catalogue. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly default: string | null;
}

export interface PayloadOptions {
  /** Take one row only: a function's arguments. */
  readonly limitOne: boolean;
  /** Members that are missing take their column's default (`Prefer: missing=default`) instead of null. */
  readonly defaults: boolean;
}

/** What stands behind `from`: the JSON payload as rows of the fields' types. Postgres reads the JSON, not this process. */
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
  const all = sql`jsonb_build_object(${join(pairs, ", ")})`;
  return single
    ? sql`lateral (select ${all} || pgrst_payload.json_data as val) pgrst_json_defs, `
    : sql`lateral (select jsonb_agg(${all} || elem) as val from jsonb_array_elements(pgrst_payload.json_data) elem) pgrst_json_defs, `;
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
