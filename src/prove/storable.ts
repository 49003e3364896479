import { quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import { row } from "./analyse/tree.ts";
import type { ForeignKeyUse } from "../model/proof.ts";
import { evaluate, type Row } from "./ask/evaluate.ts";
import { privileged } from "./ask/step.ts";
import type { Context } from "./context.ts";

export type Storable = "alone" | "with the others";

export interface Refused {
  readonly rows: ReadonlySet<Row>;
  readonly keys: readonly ForeignKeyUse[];
  /** Some are refused because of the rows that are there. */
  readonly doubles: boolean;
}

export const nothingRefused: Refused = { rows: new Set(), keys: [], doubles: false };

/** Rows that cannot be added to the existing ones: they reference nothing, or another row has their key. */
export async function unstorableRows(
  context: Context,
  rows: readonly Row[],
  storable: Storable,
): Promise<Refused> {
  const orphans = await orphanedRows(context, rows);
  const keys = [...new Map([...orphans.values()].map((one) => [one.column, one])).values()];
  const taken = storable === "with the others" ? await doubles(context, rows) : [];
  return { rows: new Set([...orphans.keys(), ...taken]), keys, doubles: taken.length > 0 };
}

async function doubles({ space, session }: Context, rows: readonly Row[]): Promise<readonly Row[]> {
  const { relation } = space;
  const [first] = rows;
  const keys = relation.keys.filter(
    (names) => first !== undefined && names.every((name) => Object.hasOwn(first, name)),
  );
  if (keys.length === 0) return [];
  const [theirs, ours] = ["rowgate:other", row].map(quoteIdent);
  const texts = keys.map((names) => {
    const same = names.map((name) => `${theirs}.${quoteIdent(name)} = ${ours}.${quoteIdent(name)}`);
    return `exists (select from ${quoteQualified(relation)} as ${theirs} where ${same.join(" and ")})`;
  });
  const taken = await evaluate(
    session,
    { as: privileged, relation, alias: row, texts },
    rows.map((one) => ({ row: one })),
  );
  return rows.filter((_, index) => taken[index]?.includes("T") === true);
}

/** Rows that point to nothing, with the foreign key that says so. */
async function orphanedRows(
  { space }: Context,
  rows: readonly Row[],
): Promise<ReadonlyMap<Row, ForeignKeyUse>> {
  const out = new Map<Row, ForeignKeyUse>();
  for (const { columns, to } of space.relation.foreignKeys) {
    for (const column of columns) {
      const parents = await space.material.parents(space.relation, column);
      if (parents?.all !== true) continue;
      const known = new Set(parents.values);
      for (const one of rows) {
        const value = one[column];
        if (typeof value === "string" && !known.has(value)) out.set(one, { column, to });
      }
    }
  }
  return out;
}
