import type { RelationInfo } from "../../model/catalog.ts";
import { recent } from "../../lib/recent.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";

/**
 * Statements with `$1`, `$2`… in place of values: candidates with the same columns share one text, and one plan. Postgres
 * takes a parameter's type from the column that it goes into, so a value is read as a literal in its place would be.
 */

type Row = Readonly<Record<string, string | null>>;

export interface Templates {
  readonly insert: string;
  /** `null`: nothing was sent that could be compared. */
  readonly stored: string | null;
}

const templatesFor = recent((info: RelationInfo) =>
  recent((names: string): Templates => {
    const columns = JSON.parse(names) as string[];
    return { insert: insertTemplate(info, columns), stored: storedTemplate(info, columns) };
  }),
);

/** The templates for candidates with these columns; made once for all that have them. */
export function templatesOf(info: RelationInfo, columns: readonly string[]): Templates {
  return templatesFor(info)(JSON.stringify(columns));
}

/** The INSERT of a candidate with these columns. */
function insertTemplate(info: RelationInfo, columns: readonly string[]): string {
  const relation = quoteQualified(info);
  if (columns.length === 0) return `insert into ${relation} default values`;
  const names = columns.map(quoteIdent).join(", ");
  return `insert into ${relation} (${names}) values (${columns.map((_, index) => `$${index + 1}`).join(", ")})`;
}

/**
 * By the privileged connection, before the insert is undone: the columns that were not stored as sent, as a JSON array, behind a null.
 */
function storedTemplate(base: RelationInfo, columns: readonly string[]): string | null {
  const checks = base.columns
    .filter(({ name }) => columns.includes(name))
    .map(({ name, type }) => {
      const sent = `($${columns.indexOf(name) + 1}::${type})::text`;
      return `case when ${quoteIdent(name)}::text is distinct from ${sent} then ${quoteLiteral(name)} end`;
    });
  if (checks.length === 0) return null;
  return (
    `select null, to_json(differs)::text from (select array_remove(array[${checks.join(", ")}]::text[], null) as differs ` +
    `from ${quoteQualified(base)} where pg_catalog.age(xmin) < 0) x order by cardinality(differs) limit 1`
  );
}

const written = new WeakMap<Row, string>();

/** What goes into a template: `('a', null)`. Many personas are denied the very same row. */
export function argumentsOf(row: Row): string {
  const known = written.get(row);
  if (known !== undefined) return known;
  const values = Object.values(row).map((value) => (value === null ? "null" : quoteLiteral(value)));
  const text = values.length === 0 ? "" : `(${values.join(", ")})`;
  written.set(row, text);
  return text;
}
