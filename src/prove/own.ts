import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { ProofForeignKey } from "./analyse/schema.ts";
import type { Row } from "./ask/evaluate.ts";
import { privileged, isError } from "./ask/session.ts";
import type { Context } from "./context.ts";

/** Shorter values stand in too many texts. */
export function tellingIdentities(identities: readonly string[]): readonly string[] {
  return identities.filter((one) => one.length > 2);
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const strangersId = "5e5e5e5e-5e5e-4e5e-8e5e-5e5e5e5e5e5e";

export function isUuid(text: string): boolean {
  return uuid.test(text);
}

/** Another identity of the same form. */
export function strangersValue(identity: string): string {
  if (isUuid(identity)) return strangersId;
  return /^\d+$/.test(identity) ? "1000000007" : "rowgate-stranger";
}

/** A value that makes a row the persona's own. */
export interface OwnValue {
  readonly column: string;
  readonly value: string;
}

/**
 * Rows that hold an identity of the persona, or point by a foreign key to a row that does, with the values that do. A row that the
 * persona reaches because of what another table says of it (a membership, a list of admins) is not its own, nor is one whose owner
 * shares it.
 */
export async function rowsThatName(
  context: Context,
  rows: readonly Row[],
): Promise<ReadonlyMap<Row, readonly OwnValue[]>> {
  const names = tellingIdentities(context.identities);
  const single = context.space.relation.foreignKeys.filter(({ columns }) => columns.length === 1);
  const parents = await Promise.all(
    single.map(
      async (key) => [key.columns[0] ?? "", await parentsThatName(context, key, rows, names)] as const,
    ),
  );
  const naming = rows.map((row) =>
    Object.keys(row).filter((column) => names.some((one) => row[column]?.includes(one) === true)),
  );
  const { owning, optional } = naming.some((columns) => columns.length > 0)
    ? await ownersAsItIs(context)
    : { owning: new Set<string>(), optional: new Set<string>() };
  const isAnothers = (columns: readonly string[]): boolean =>
    owning.size > 0 && columns.every((column) => optional.has(column) && !owning.has(column));
  return new Map(
    rows.flatMap((row, index) => {
      const columns = naming[index] ?? [];
      const through = parents.flatMap(([column, keys]) => (keys.has(row[column] ?? "") ? [column] : []));
      const own = [...(isAnothers(columns) ? [] : columns), ...through];
      const values = own.map((column) => ({ column, value: row[column] ?? "" }));
      return values.length === 0 ? [] : [[row, values] as const];
    }),
  );
}

interface Owners {
  /** Columns that name a user in every row: whose row it is. */
  readonly owning: ReadonlySet<string>;
  /** Columns that name none in some row: whom it was shared with, assigned to. */
  readonly optional: ReadonlySet<string>;
}

/** Which columns say whose row it is, as the data has it. Where there is an owner in every row, whom a row is shared with is not its owner. */
async function ownersAsItIs({ session, space: { relation }, everybody }: Context): Promise<Owners> {
  const people = `array[${everybody.map(quoteLiteral).join(", ")}]::text[]`;
  const columns = relation.columns.filter(({ base }) =>
    /^(?:uuid|text|citext|character varying)$/.test(base),
  );
  const each = columns.map(({ name }) => {
    const value = `${quoteIdent(name)}::text`;
    return `pg_catalog.json_build_array(${quoteLiteral(name)}, count(*) = count(${value}), coalesce(pg_catalog.bool_or(${value} = any (${people})), false))`;
  });
  const answer = await session.ask(
    privileged,
    `select pg_catalog.json_build_array(${each.join(", ")})::text from ${quoteQualified(relation)} having count(*) > 0`,
  );
  const found =
    isError(answer) || !("value" in answer)
      ? []
      : (JSON.parse(answer.value ?? "[]") as [name: string, always: boolean, named: boolean][]);
  return {
    owning: new Set(found.flatMap(([name, always, named]) => (always && named ? [name] : []))),
    optional: new Set(found.flatMap(([name, always]) => (always ? [] : [name]))),
  };
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
