import { quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { Catalog, RoutineInfo } from "../model/catalog.ts";
import type { Caller, Candidate, Table } from "./world.ts";

/** Other personas as whom an argument is tried as SQL; tables that it reads. */
const othersAtMost = 2;
const tablesAtMost = 12;

/**
 * SQL for an argument, should the function run it: it takes on the settings of another persona, which a policy believes, and reads
 * tables as that persona. Three columns of text, as crosstab functions want them. And an expression that only takes on the settings, for
 * a list that a body puts together (ORDER BY): a condition that comes after it is evaluated as the other persona for the rows that follow.
 */
export function sqlArguments(
  routine: RoutineInfo,
  { caller, others, tables }: { caller: Caller; others: readonly Caller[]; tables: readonly Table[] },
  { catalog, runsSql }: { readonly catalog: Catalog; readonly runsSql: boolean },
): readonly Candidate[] {
  const held = new Map(catalog.relations.map((one) => [one.oid, one.privileges[caller.role.name]]));
  const readable = tables.filter(({ info, rows }) => {
    const { select, schemaUsage } = held.get(info.oid) ?? { select: [], schemaUsage: false };
    return rows.length > 0 && schemaUsage && info.columns.every(({ name }) => select.includes(name));
  });
  const settingsOf = (one: Caller): ReadonlyMap<string, string> =>
    new Map(one.as(routine.schema, routine.name).settings);
  const own = settingsOf(caller);
  const reads = readable
    .slice(0, tablesAtMost)
    .map(
      ({ info }) =>
        `select to_jsonb(t)::text as v from ${quoteQualified(info)} as t where s.done is not null`,
    )
    .join(" union all ");
  if (reads === "") return [];
  return others
    .filter(({ role }) => role.name === caller.role.name)
    .slice(0, othersAtMost)
    .flatMap((other) => {
      const changed = [...settingsOf(other)].filter(
        ([name, value]) => name.includes(".") && own.get(name) !== value,
      );
      const sets = changed.map(
        ([name, value]) => `set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, true)`,
      );
      if (sets.length === 0) return [];
      const text =
        `select d.v as a, 'x'::text as b, d.v as c from (select concat(${sets.join(", ")}) as done offset 0) as s ` +
        `cross join lateral (${reads}) as d`;
      const expression = `(${sets.map((one) => `${one} is not null`).join(" and ")})`;
      const whose = `SQL as ${other.persona.name}`;
      return [{ text, whose }, ...(runsSql ? [{ text: expression, whose }] : [])];
    });
}
