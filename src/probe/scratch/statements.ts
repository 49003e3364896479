import { randomBytes, randomInt } from "node:crypto";
import type { ClientBase } from "pg";
import { fillSql } from "../../lib/sql-file.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import type { ColumnInfo, RelationInfo } from "../../model/catalog.ts";
import type { RowName } from "../../model/scratch-row.ts";

/** `rowgat` in hexadecimal; version 8 of RFC 9562 is for layouts of one's own. */
const uuidTag = "726f7767-6174-8";

/** A value that no row has, and that tells whose row it is; `undefined`: nothing of this type can be made so. */
export function freshValue({ type, identity, generated }: ColumnInfo): string | undefined {
  if (identity === "always" || generated) return undefined;
  const long = /^(?:character varying|character)\((\d+)\)$/.exec(type)?.[1];
  if (long !== undefined) return Number(long) < 24 ? undefined : freshText();
  return makers[type]?.();
}

const makers: Readonly<Record<string, () => string>> = {
  uuid: () => {
    const digits = randomBytes(10).toString("hex");
    return `${uuidTag}${digits.slice(0, 3)}-8${digits.slice(3, 6)}-${digits.slice(6, 18)}`;
  },
  text: freshText,
  "character varying": freshText,
  citext: freshText,
  // From the far end of the type: a sequence that counts up does not get there.
  integer: () => String(2 ** 30 + randomInt(2 ** 30 - 1)),
  bigint: () => String(2n ** 62n + BigInt(randomInt(2 ** 47))),
};

function freshText(): string {
  return `rowgate-${randomBytes(8).toString("hex")}`;
}

/** A row that a copy may be made of. */
export interface Picked {
  readonly key: Readonly<Record<string, string>>;
}

export interface PickRequest {
  readonly info: RelationInfo;
  readonly key: readonly string[];
  /** The declared set, as a condition. */
  readonly inside: string;
  /** Who the persona is: rows that hold it are those that a policy most likely lets it have. */
  readonly sub: string;
}

/** Rows inside and outside of the declared set, of each some that hold the persona's `sub` and some that do not; by their keys. */
export async function pickRows(
  client: ClientBase,
  { info, key, inside, sub }: PickRequest,
): Promise<readonly Picked[]> {
  const pieces = {
    key: key.map((name) => `${quoteIdent(name)}::text`).join(", "),
    relation: quoteQualified(info),
    inside,
    sub: quoteLiteral(sub),
  };
  const text = fillSql("own_rows_pick.sql", pieces);
  await client.query("begin isolation level repeatable read read only; set local row_security = off");
  try {
    const { rows } = await client.query<{ key: string[] }>(text);
    return rows.map((row) => ({
      key: Object.fromEntries(key.map((name, index) => [name, row.key[index] ?? ""])),
    }));
  } finally {
    await client.query("rollback");
  }
}

/** The same row again, but for these values. */
export async function copyRow(
  client: ClientBase,
  info: RelationInfo,
  of: Readonly<Record<string, string>>,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  const columns = info.columns.filter(({ generated }) => !generated);
  const list = columns.map(({ name }) => quoteIdent(name)).join(", ");
  const from = columns
    .map(({ name, type }) =>
      values[name] === undefined ? quoteIdent(name) : `${quoteLiteral(values[name])}::${type}`,
    )
    .join(", ");
  const table = quoteQualified(info);
  await client.query(
    `insert into ${table} (${list}) overriding system value select ${from} from ${table} where ${isRow(of)}`,
  );
}

export async function isThere(client: ClientBase, { relation, key }: RowName): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    `select exists (select from ${quoteQualified(relation)} where ${isRow(key)}) as there`,
  );
  return rows[0]?.there === true;
}

/** Only if it was written since the run began: an older row with the same key belongs to another user. */
export async function removeRow(
  client: ClientBase,
  { relation, key }: RowName,
  since: string,
): Promise<number> {
  const { rowCount } = await client.query(
    `delete from ${quoteQualified(relation)} where ${isRow(key)} and age(xmin) between 0 and age(${quoteLiteral(since)}::xid)`,
  );
  return rowCount ?? 0;
}

export function isRow(key: Readonly<Record<string, string>>): string {
  return Object.entries(key)
    .map(([name, value]) => `${quoteIdent(name)} = ${quoteLiteral(value)}`)
    .join(" and ");
}
