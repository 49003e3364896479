import type { Cell, PlannedCall } from "../../model/cell.ts";
import { holdsValue, quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";

/**
 * What a SELECT of this cell selects from, ready to follow FROM: the relation, or what the call returns. A condition
 * may follow. A call that returns no set and comes back with NULLs only returned no row.
 */
export function sourceSql({ relation, call }: Cell): string {
  if (call === undefined) return quoteQualified(relation.info);
  const source = callSource(call);
  return call.routine.returnsSet
    ? source
    : `(select _row.* from ${source} where not (row(_row.*) is null)) as _row`;
}

/**
 * For a SELECT that names some columns only: a third column that reads all of them, so that a call runs as the caller
 * it would see it run. Otherwise an inlined function's other columns, and the errors that they raise, are optimized away.
 */
export function wholeRow({ call }: Cell): string {
  return call === undefined ? "" : ", pg_catalog.count(_row.*)";
}

/** Runs a call for what it does, whatever it returns: how many rows came back. */
export function runSql(call: PlannedCall): string {
  return `select count(*), null::text, pg_catalog.count(_row.*) from ${callSource(call)}`;
}

/** For people. */
export function shownCall({ relation, column }: Cell, call: PlannedCall): string {
  if (call.routine.returns === "record") return `select ${callSql(call)}`;
  if (column === undefined) return `select * from ${callSql(call)}`;
  const names = [...relation.key.filter((name) => name !== column), column].map(quoteIdent);
  return `select ${names.join(", ")} from ${callSource(call)} where ${holdsValue(column)}`;
}

function callSource(call: PlannedCall): string {
  const { returns } = call.routine;
  // A record has no columns that could be named behind FROM.
  if (returns === "record") return `(select ${callSql(call)}) as _row`;
  const columns = returns === "value" ? `(${quoteIdent(call.valueName)})` : "";
  return `${callSql(call)} as _row${columns}`;
}

/** `"public"."profiles"("org" => '1'::pg_catalog.int4)`: typed, so that it means this overload and no other. */
export function callSql({ routine, values }: Pick<PlannedCall, "routine" | "values">): string {
  const given = routine.arguments
    .map((argument, index) => ({ argument, name: argument.name === "" ? `$${index + 1}` : argument.name }))
    .filter(({ name }) => Object.hasOwn(values, name));
  // What has no name goes by its position, and so does everything before it.
  const byPlace = given.findLastIndex(({ argument }) => argument.name === "");
  const list = given.map(({ argument, name }, index) => {
    const variadic = argument.variadic ? "variadic " : "";
    const named = index > byPlace ? `${quoteIdent(name)} => ` : "";
    return `${variadic}${named}${typed(values[name] ?? null, argument)}`;
  });
  return `${quoteQualified(routine)}(${list.join(", ")})`;
}

function typed(value: string | null, { cast, type }: PlannedCall["routine"]["arguments"][number]): string {
  const literal = value === null ? "null" : quoteLiteral(value).trimStart();
  return `${literal}::${cast ?? (type === "anyarray" ? "pg_catalog._text" : "pg_catalog.text")}`;
}
