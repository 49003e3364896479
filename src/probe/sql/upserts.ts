import type { RelationInfo } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import { plainFirst, privilegesOf, ungranted, writable } from "../what-to-write.ts";
import { literal } from "./statements.ts";

/** What an upsert is made of: the columns that are sent, the key that may conflict, and the columns that are set then. */
export interface UpsertShape {
  readonly columns: readonly string[];
  readonly key: readonly string[];
  readonly set: readonly string[];
}

export function upsertShape(cell: Cell): UpsertShape {
  const { key, info } = cell.relation;
  const { sends, onConflict = key } = cell.partial ?? {};
  if (sends !== undefined) {
    const columns = [...new Set([...onConflict, ...sends])];
    const set = columns.filter((name) => !onConflict.includes(name));
    return { columns, key: onConflict, set: set.length > 0 ? set : onConflict };
  }
  const any = { ...info, columns: info.columns.map((one) => ({ ...one, identity: null })) };
  // Without its key an upsert is a plain INSERT of another row.
  const granted = writable(any, insertable(cell)).map(({ name }) => name);
  const columns = [...granted, ...onConflict.filter((name) => !granted.includes(name))];
  const set = plainFirst(info, writable(info, privilegesOf(cell).update)).find(({ name }) =>
    columns.includes(name),
  );
  return { columns, key: onConflict, set: [set?.name ?? ungranted(info)] };
}

/** All columns where nothing is granted: the refusal itself is the answer. */
function insertable(cell: Cell): readonly string[] {
  const { insert } = privilegesOf(cell);
  return insert.length > 0 ? insert : cell.relation.info.columns.map((column) => column.name);
}

/** `insert into …`, to be followed by `upsertValues`. */
export function upsertHead(info: RelationInfo, { columns }: UpsertShape): string {
  return `insert into ${quoteQualified(info)} (${columns.map(quoteIdent).join(", ")})`;
}

export function upsertValues(
  info: RelationInfo,
  { columns, key, set }: UpsertShape,
  values: readonly string[],
): string {
  const overriding = info.columns.some(
    (column) => column.identity === "always" && columns.includes(column.name),
  );
  const override = overriding ? " overriding system value" : "";
  return `${override} values (${values.join(", ")}) on conflict (${key.map(quoteIdent).join(", ")}) do update set ${set.map((name) => `${quoteIdent(name)} = excluded.${quoteIdent(name)}`).join(", ")}`;
}

/** An SQL expression: the existing row, to be inserted again over itself. */
export function upsertSuffix(info: RelationInfo, shape: UpsertShape): string {
  // `%L` marks the values' positions; every other percent sign is doubled.
  const marks = shape.columns.map((_, index) => `\u0000${index}`);
  const text = upsertValues(info, shape, marks).replaceAll("%", "%%").replaceAll(/\0\d+/g, "%L");
  return `format(${quoteLiteral(text)}, ${shape.columns.map(quoteIdent).join(", ")})`;
}

/** An upsert of one row, for people: the probe itself puts each row in its turn behind the head. */
export function shownUpsert(cell: Cell): string {
  const { info, samples } = cell.relation;
  const shape = upsertShape(cell);
  const values = shape.columns.map((name) => literal(samples[0]?.[name] ?? null));
  return `${upsertHead(info, shape)}${upsertValues(info, shape, values)}`;
}
