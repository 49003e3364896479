import { quoted, restName } from "./names.ts";

/** Which rows a request is about. */
export type RowFilter =
  /** No condition: the request reads no column. */
  | { readonly kind: "none" }
  /** Every row, by a condition that reads a column, so that the SELECT policies apply. */
  | { readonly kind: "reads"; readonly column: string; readonly nullable: boolean }
  /** The row with this key; values as Postgres reads them. */
  | { readonly kind: "row"; readonly columns: readonly string[]; readonly key: readonly (string | null)[] }
  | { readonly kind: "among"; readonly column: string; readonly values: readonly string[] };

/** The filter methods of the PostgREST client's builders; each changes the builder that it is called on. */
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
