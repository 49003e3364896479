import type { Condition, Filter, Test } from "./filter.ts";
import { bind, fromCatalog, ident, join, nothing, sql } from "./fragment.ts";
import type { Sql } from "./fragment.ts";

/** ` where …`, or nothing. `table` is what the columns are named with. */
export function where(table: Sql, conditions: readonly Condition[]): Sql {
  return conditions.length === 0 ? nothing : sql` where ${all(table, conditions)}`;
}

export function all(table: Sql, conditions: readonly Condition[]): Sql {
  return join(
    conditions.map((condition) => conditionSql(table, condition)),
    " and ",
  );
}

/** `table.column`; the name `*` means every column, even in quotes, as in PostgREST. */
export function columnOf(table: Sql, column: string): Sql {
  return column === "*" ? sql`${table}.*` : sql`${table}.${ident(column)}`;
}

function conditionSql(table: Sql, condition: Condition): Sql {
  if (condition.kind === "filter") return filterSql(table, condition.filter);
  const parts = condition.of.map((part) => conditionSql(table, part));
  const group = sql`(${join(parts, condition.kind === "and" ? " and " : " or ")})`;
  return condition.negated ? sql`not ${group}` : group;
}

function filterSql(table: Sql, { column, negated, test }: Filter): Sql {
  const held = sql`${columnOf(table, column)} ${testSql(test)}`;
  return negated ? sql`not ${held}` : held;
}

function testSql(test: Test): Sql {
  switch (test.kind) {
    case "compare":
      return sql`${operator(test.operator)} ${bind(test.value)}`;
    case "quantified":
      return test.quantifier === "any"
        ? sql`${operator(test.operator)} any(${bind(test.value)})`
        : sql`${operator(test.operator)} all(${bind(test.value)})`;
    case "distinct":
      return sql`is distinct from ${bind(test.value)}`;
    case "is":
      return sql`is ${operator(test.value)}`;
    case "in":
      // Not IN: it cannot be empty, and a statement with a list of another length would be another statement.
      return sql`= any (${bind(arrayLiteral(test.values))})`;
  }
}

/** An operator or keyword: the parser takes them from tables of its own. */
function operator(text: string): Sql {
  return fromCatalog(text);
}

/** `{"a","b"}`: an array whose element type Postgres infers. A single empty element is the empty array. */
export function arrayLiteral(values: readonly string[]): string {
  if (values.length === 1 && values[0] === "") return "{}";
  return `{${values.map((value) => `"${value.replaceAll(/["\\]/g, "\\$&")}"`).join(",")}}`;
}
