import { type ClientBase, DatabaseError, type QueryResult } from "pg";
import type { RelationInfo } from "../../model/catalog.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";

/** Column → the value as Postgres prints it. */
export type SurveyRow = Readonly<Record<string, string | null>>;

/**
 * Fingerprints, samples and visible rows are read by the privileged connection, in a transaction that cannot write; its end undoes what
 * the predicates of a matrix may have set.
 */
async function readAll<T>(client: ClientBase, statements: readonly string[]): Promise<T[][]> {
  if (statements.length === 0) return [];
  const begin = "begin isolation level repeatable read read only; set local row_security = off";
  try {
    const results: unknown = await client.query([begin, ...statements, "rollback"].join(";\n"));
    return (results as QueryResult[]).slice(2, 2 + statements.length).map((result) => result.rows as T[]);
  } catch (error) {
    // A connection that answers no more would let this wait for its limit too.
    if (error instanceof DatabaseError) await client.query("rollback").catch(() => {});
    throw error;
  }
}

/**
 * Up to five rows of each relation, from both ends of its key, in its order: material for candidate rows. The last of them is the row
 * that an allowed INSERT copies, so that each database with the same keys must give the same one.
 */
export async function sampleRows(
  client: ClientBase,
  relations: readonly { readonly info: RelationInfo; readonly key: readonly string[] }[],
): Promise<readonly (readonly SurveyRow[])[]> {
  const statements = relations.flatMap(({ info, key }) => {
    const row = `select ${rowJson(info)} as row from ${quoteQualified(info)}`;
    if (key.length === 0) return [`${row} limit 5`, `${row} limit 0`];
    const ascending = key.map(quoteIdent).join(", ");
    const descending = key.map((name) => `${quoteIdent(name)} desc`).join(", ");
    return [`${row} order by ${ascending} limit 3`, `${row} order by ${descending} limit 2`];
  });
  const results = await readAll<{ row: string }>(client, statements);
  return relations.map((_, index) => {
    const [first = [], last = []] = results.slice(2 * index, 2 * index + 2);
    const texts = new Set([...first, ...last.toReversed()].map(({ row }) => row));
    return [...texts].map((text) => JSON.parse(text) as SurveyRow);
  });
}

/** How many rows share a value of these columns, where any do. */
export async function sharedKey(
  client: ClientBase,
  info: RelationInfo,
  key: readonly string[],
): Promise<number | undefined> {
  const columns = key.map(quoteIdent).join(", ");
  const shared = `select count(*)::int as rows from ${quoteQualified(info)} group by ${columns} having count(*) > 1 limit 1`;
  const [found] = await readAll<{ rows: number }>(client, [shared]);
  return found?.[0]?.rows;
}

/** How many rows there are that look alike in these columns, while some are under the predicate and some are not. */
export async function alike(
  client: ClientBase,
  info: RelationInfo,
  columns: readonly string[],
  predicate: string,
): Promise<number> {
  const texts = columns.map((name) => `${quoteIdent(name)}::text`).join(", ");
  const groups = `select count(*) as rows from ${quoteQualified(info)} group by ${texts} having bool_or(${predicate}) and not bool_and((${predicate}) is true)`;
  const [found] = await readAll<{ rows: number }>(client, [
    `select coalesce(sum(rows), 0)::int as rows from (${groups}) g`,
  ]);
  return found?.[0]?.rows ?? 0;
}

/** Up to two rows under each predicate: what each persona is declared to see. */
export async function rowsWhere(
  client: ClientBase,
  info: RelationInfo,
  predicates: readonly string[],
): Promise<readonly (readonly SurveyRow[])[]> {
  const statements = predicates.map(
    (where) => `select ${rowJson(info)} as row from ${quoteQualified(info)} where (${where}) limit 2`,
  );
  const results = await readAll<{ row: string }>(client, statements);
  return results.map((rows) => rows.map(({ row }) => JSON.parse(row) as SurveyRow));
}

/**
 * Characters of a value that is taken from a row. Each persona's candidates repeat it; of a longer one the beginning must do, which
 * is text where text is meant, and elsewhere no value at all: then the candidate is refused for its type, and proves nothing.
 */
const longestValue = 65_536;

function rowJson(info: RelationInfo): string {
  // A function takes 100 arguments: objects of 50 columns are joined.
  const parts: string[] = [];
  for (let from = 0; from < info.columns.length; from += 50) {
    const pairs = info.columns
      .slice(from, from + 50)
      .map(
        ({ name }) => `${quoteLiteral(name)}, pg_catalog.left(${quoteIdent(name)}::text, ${longestValue})`,
      );
    parts.push(`jsonb_build_object(${pairs.join(", ")})`);
  }
  return `(${parts.length === 0 ? "'{}'" : parts.join(" || ")})::text`;
}

export interface Fingerprint {
  readonly rows: number;
  /** Order-free sum of 64-bit hashes of whole rows, as text. */
  readonly hash: string;
}

/** Rows and an order-free hash of each relation, by the privileged connection. */
export async function fingerprint(
  client: ClientBase,
  relations: readonly RelationInfo[],
): Promise<readonly Fingerprint[]> {
  const statements = relations.map(
    (info) =>
      `select count(*)::int as rows, coalesce(sum(hashtextextended((t.*)::text, 0)), 0)::text as hash from ${quoteQualified(info)} t`,
  );
  const results = await readAll<Fingerprint>(client, statements);
  return results.map((rows) => rows[0] ?? { rows: 0, hash: "0" });
}
