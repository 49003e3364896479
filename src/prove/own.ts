import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { ProofForeignKey } from "./analyse/schema.ts";
import { isJson } from "./analyse/types.ts";
import type { Row } from "./ask/evaluate.ts";
import { privileged, isError } from "./ask/step.ts";
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
  const owners = naming.some((columns) => columns.length > 0) ? await ownersAsItIs(context) : undefined;
  // Where the server did not say whose rows they are, none is taken for the persona's.
  const isAnothers = (columns: readonly string[]): boolean =>
    owners === undefined ||
    (owners.owning.size > 0 &&
      columns.every((column) => owners.optional.has(column) && !owners.owning.has(column)));
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
async function ownersAsItIs(context: Context): Promise<Owners | undefined> {
  const { relation } = context.space;
  const columns = relation.columns.filter(
    (one) => /^(?:uuid|text|citext|character varying)$/.test(one.base) || isJson(one) || one.element !== null,
  );
  const each = columns.map(({ name }) => {
    const value = `nullif(nullif(nullif(${quoteIdent(name)}::text, ''), '{}'), '[]')`;
    return `pg_catalog.json_build_array(${quoteLiteral(name)}, count(*) = count(${value}), coalesce(pg_catalog.bool_or(${value} = any (${peopleOf(context)})), false))`;
  });
  const found = await askJson<readonly [name: string, always: boolean, named: boolean]>(
    context,
    `select pg_catalog.json_build_array(${each.join(", ")})::text from ${quoteQualified(relation)} having count(*) > 0`,
  );
  if (found === undefined) return undefined;
  const always = found.filter(([, isAlways]) => isAlways);
  const named = always.flatMap(([name, , isNamed]) => (isNamed ? [name] : []));
  const others = always.map(([name]) => name);
  const owning = named.length > 0 ? named : await namingOthers(context, others);
  const optional = new Set(found.flatMap(([name, isAlways]) => (isAlways ? [] : [name])));
  return owning && { owning: new Set(owning), optional };
}

/**
 * Of columns that hold an identifier in every row, and no persona's, those that may name users: what they hold is no key of a table
 * of other things (an organization, a parent). A table of users holds the personas, too.
 */
async function namingOthers(
  context: Context,
  names: readonly string[],
): Promise<readonly string[] | undefined> {
  const { knowledge, space } = context;
  const { relation } = space;
  const columns = relation.columns.filter(
    ({ name, base }) =>
      base === "uuid" && names.includes(name) && !relation.keys.some((key) => key.join() === name),
  );
  const tables = [...knowledge.schema.relations].flatMap((table) =>
    table.definition === null
      ? table.columns
          .filter(({ name, base }) => base === "uuid" && table.keys.some((key) => key.join() === name))
          .map(({ name }) => ({ table: quoteQualified(table), key: quoteIdent(name) }))
      : [],
  );
  const each = columns.map(({ name }) => {
    const held = `select ${quoteIdent(name)} from ${quoteQualified(relation)}`;
    const others = tables.map(
      ({ table, key }) =>
        `(exists (select from ${table} where ${key} in (${held})) and not exists (select from ${table} where ${key}::text = any (${peopleOf(context)})))`,
    );
    return `case when ${["false", ...others].join(" or ")} then null else ${quoteLiteral(name)} end`;
  });
  const found = await askJson<string | null>(
    context,
    `select pg_catalog.json_build_array(${each.join(", ")})::text`,
  );
  return found?.filter((one) => one !== null);
}

function peopleOf({ everybody }: Context): string {
  return `array[${everybody.map(quoteLiteral).join(", ")}]::text[]`;
}

/** `undefined`: the server did not answer. */
async function askJson<T>({ session }: Context, sql: string): Promise<readonly T[] | undefined> {
  const answer = await session.ask(privileged, sql);
  return isError(answer) || !("value" in answer) ? undefined : (JSON.parse(answer.value ?? "[]") as T[]);
}

async function parentsThatName(
  context: Context,
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
  const found = await askJson<string>(
    context,
    `select coalesce(pg_catalog.json_agg(${key}), '[]')::text from ${quoteQualified(to)} as "rowgate:parent" ` +
      `where ${key} = any (array[${wanted.map(quoteLiteral).join(", ")}]) and (${named.join(" or ")})`,
  );
  return new Set(found);
}
