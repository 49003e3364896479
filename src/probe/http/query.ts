/** Columns and conditions in PostgREST's query string, by means of supabase-js's builders. */

/** Words of PostgREST's query string: a column of that name must be quoted. */
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

/**
 * supabase-js deletes spaces outside of quotes from a list of columns, and takes a quote within a name for the end of the
 * name: `a "b" c` would lose its spaces. For such a name alone the list is written past it.
 */
export function keepSpaces<Builder extends object>(builder: Builder, columns: readonly string[]): Builder {
  if (columns.some((name) => name.includes('"') && /\s/.test(name)))
    (builder as unknown as { readonly url: URL }).url.searchParams.set("select", restNames(columns));
  return builder;
}

/** Which rows a request is about. */
export type RowFilter =
  /** No condition: the request reads no column. */
  | { readonly kind: "none" }
  /** Every row, by a condition that reads a column, so that the SELECT policies apply. */
  | { readonly kind: "reads"; readonly column: string; readonly nullable: boolean }
  /** The row with this key; values as Postgres reads them. */
  | { readonly kind: "row"; readonly columns: readonly string[]; readonly key: readonly (string | null)[] }
  | { readonly kind: "among"; readonly column: string; readonly values: readonly string[] };

/** The filter methods of supabase-js's builders; each changes the builder that it is called on. */
export interface Filterable {
  filter(column: string, operator: string, value: unknown): unknown;
  or(filters: string): unknown;
}

type Apply<K extends RowFilter["kind"]> = (to: Filterable, filter: Extract<RowFilter, { kind: K }>) => void;

const apply: { readonly [K in RowFilter["kind"]]: Apply<K> } = {
  none: () => {},
  reads(to, { column, nullable }) {
    const name = restName(column);
    if (nullable) to.or(`${name}.not.is.null,${name}.is.null`);
    else to.filter(name, "not.is", null);
  },
  row(to, { columns, key }) {
    for (const [index, column] of columns.entries()) {
      const value = key[index] ?? null;
      to.filter(restName(column), value === null ? "is" : "eq", value);
    }
  },
  among: (to, { column, values }) =>
    void to.filter(restName(column), "in", `(${values.map(quoted).join(",")})`),
};

export function applyFilter(to: Filterable, filter: RowFilter): void {
  (apply[filter.kind] as Apply<RowFilter["kind"]>)(to, filter);
}
