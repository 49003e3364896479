/** Words of PostgREST's query string: a column of that name must stand in quotes. */
const reserved: ReadonlySet<string> = new Set([
  "select",
  "columns",
  "on_conflict",
  "order",
  "limit",
  "offset",
  "and",
  "or",
  "not",
]);

/** A column as PostgREST's query string names it: plain, or in double quotes (`"first name"`, `"a.b"`). */
export function restName(column: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(column) && !reserved.has(column) ? column : quoted(column);
}

export function restNames(columns: readonly string[]): string {
  return columns.map(restName).join(",");
}

/** A value within a list or a logic tree: always quoted, so that commas, parentheses and quotes are the value's own. */
export function quoted(value: string): string {
  return `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
