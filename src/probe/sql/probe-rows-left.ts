import { type ClientBase, DatabaseError } from "pg";
import { isCode } from "../../model/answers.ts";
import type { ColumnInfo, RelationInfo } from "../../model/catalog.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";

/** Column → text as it was sent. */
export type SentValues = Readonly<Record<string, string | null>>;

/** The number that the next transaction which writes will get: rows that are written from now on have it, or a later one. */
export async function nextTransaction(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ next: string }>(
    "select (pg_snapshot_xmax(pg_current_snapshot())::text::numeric % 4294967296)::text as next",
  );
  return rows[0]?.next ?? "0";
}

/**
 * Rows that carry values which a probe sent, and that were written since. Asked by the privileged connection; values that the column's
 * type cannot hold are in no row.
 */
export async function leftBehind(
  client: ClientBase,
  info: RelationInfo,
  sent: readonly SentValues[],
  since: string,
): Promise<number> {
  const conditions = sent.map((values) => carries(info, values)).filter((one) => one !== undefined);
  const all = await countRows(client, info, conditions, since);
  if (all !== undefined) return all;
  let most = 0;
  for (const one of conditions) most = Math.max(most, (await countRows(client, info, [one], since)) ?? 0);
  return most;
}

/** `undefined`: the type does not accept a value. */
async function countRows(
  client: ClientBase,
  info: RelationInfo,
  conditions: readonly string[],
  since: string,
): Promise<number | undefined> {
  if (conditions.length === 0) return 0;
  const where = [...writtenSince(info, since), `(${conditions.join(" or ")})`].join(" and ");
  const count = `select count(*)::int as rows from ${quoteQualified(info)} t where ${where}`;
  try {
    await client.query("begin read only; set local row_security = off");
    const { rows } = await client.query<{ rows: number }>(count);
    return rows[0]?.rows ?? 0;
  } catch (error) {
    if (error instanceof DatabaseError && isCode(error.code, "data")) return undefined;
    throw error;
  } finally {
    await client.query("rollback").catch(() => {});
  }
}

/** A view has no such column; there the values alone must do. */
function writtenSince({ kind }: RelationInfo, since: string): readonly string[] {
  if (kind !== "table" && kind !== "partitioned") return [];
  return [`age(t.xmin) between 0 and age(${quoteLiteral(since)}::xid)`];
}

/** Compared as the type itself reads and prints them: not every type has an equality. NULLs alone name no row. */
function carries({ columns }: RelationInfo, values: SentValues): string | undefined {
  const known = new Map(columns.map((column) => [column.name, column]));
  const parts = Object.entries(values).flatMap(([name, text]) => {
    const column = known.get(name);
    return column === undefined ? [] : [holds(column, text)];
  });
  const named = Object.entries(values).some(([name, text]) => text !== null && known.has(name));
  return named ? `(${parts.join(" and ")})` : undefined;
}

function holds({ name, type }: ColumnInfo, text: string | null): string {
  const column = `t.${quoteIdent(name)}`;
  return text === null ? `${column} is null` : `${column}::text = (${quoteLiteral(text)}::${type})::text`;
}
