import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { ProofForeignKey } from "./analyse/schema.ts";
import type { Row } from "./ask/evaluate.ts";
import { privileged, isError } from "./ask/session.ts";
import type { Context } from "./context.ts";

/** Shorter values stand in too many texts. */
export function tellingIdentities(identities: readonly string[]): readonly string[] {
  return identities.filter((one) => one.length > 2);
}

/**
 * Rows that hold an identity of the persona, or point by a foreign key to a row that does. A row that the persona reaches because of
 * what another table says of it (a membership, a list of admins) is not its own.
 */
export async function rowsThatName(context: Context, rows: readonly Row[]): Promise<readonly Row[]> {
  const names = tellingIdentities(context.identities);
  const single = context.space.relation.foreignKeys.filter(({ columns }) => columns.length === 1);
  const parents = await Promise.all(
    single.map(
      async (key) => [key.columns[0] ?? "", await parentsThatName(context, key, rows, names)] as const,
    ),
  );
  return rows.filter(
    (row) =>
      Object.values(row).some((value) => names.some((one) => value?.includes(one) === true)) ||
      parents.some(([column, keys]) => keys.has(row[column] ?? "")),
  );
}

async function parentsThatName(
  { session }: Context,
  { columns, to, referenced }: ProofForeignKey,
  rows: readonly Row[],
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  const wanted = [...new Set(rows.flatMap((row) => row[columns[0] ?? ""] ?? []))].toSorted();
  if (wanted.length === 0 || names.length === 0) return new Set();
  const key = `"rowgate:parent".${quoteIdent(referenced[0] ?? "")}::text`;
  const named = names.map(
    (one) => `pg_catalog.strpos(pg_catalog.to_jsonb("rowgate:parent")::text, ${quoteLiteral(one)}) > 0`,
  );
  const answer = await session.ask(
    privileged,
    `select coalesce(pg_catalog.json_agg(${key}), '[]')::text from ${quoteQualified(to)} as "rowgate:parent" ` +
      `where ${key} = any (array[${wanted.map(quoteLiteral).join(", ")}]) and (${named.join(" or ")})`,
  );
  return new Set(
    isError(answer) || !("value" in answer) ? [] : (JSON.parse(answer.value ?? "[]") as string[]),
  );
}
