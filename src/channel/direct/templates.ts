import type { RelationInfo } from "../../model/catalog.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../../model/sql-text.ts";

/**
 * Statements with `%1$L`, `%2$L`… where values stand, for the server's `format()`: candidates with the same columns share
 * one text, and a batch that holds hundreds of them stays short.
 */

/** The INSERT of a candidate with these columns. */
export function insertTemplate(info: RelationInfo, columns: readonly string[]): string {
  const relation = literally(quoteQualified(info));
  if (columns.length === 0) return `insert into ${relation} default values`;
  const names = columns.map((name) => literally(quoteIdent(name))).join(", ");
  return `insert into ${relation} (${names}) values (${columns.map((_, index) => `%${index + 1}$L`).join(", ")})`;
}

/**
 * With full sight, before the insert is undone: the columns that were not stored as sent, as a JSON array. `null`: nothing
 * was sent that could be compared.
 */
export function storedTemplate(base: RelationInfo, columns: readonly string[]): string | null {
  const checks = base.columns
    .filter(({ name }) => columns.includes(name))
    .map(({ name, type }) => {
      const sent = `(%${columns.indexOf(name) + 1}$L::${literally(type)})::text`;
      return `case when ${literally(quoteIdent(name))}::text is distinct from ${sent} then ${literally(quoteLiteral(name))} end`;
    });
  if (checks.length === 0) return null;
  return (
    `select to_json(differs)::text from (select array_remove(array[${checks.join(", ")}]::text[], null) as differs ` +
    `from ${literally(quoteQualified(base))} where pg_catalog.age(xmin) <= 0) x order by cardinality(differs) limit 1`
  );
}

function literally(text: string): string {
  return text.replaceAll("%", "%%");
}
