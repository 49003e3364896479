import type { Client } from "pg";
import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { ProofColumn, ProofRelation } from "../prove/analyse/schema.ts";
import { columnOf } from "./belonging.ts";
import { type Sql, sqlNull, sqlText } from "./values.ts";

/** A row, column by column. */
export type Values = Readonly<Record<string, Sql>>;

export function insertOf(relation: ProofRelation, rows: readonly Values[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row) => `  (${names.map((name) => row[name] ?? "default").join(", ")})`);
  const always = relation.columns.some(({ name, identity }) => identity === "always" && names.includes(name));
  if (names.length === 0) return `insert into ${quoteQualified(relation)} default values`;
  return `insert into ${shownName(relation)} (${names.map(shownIdent).join(", ")})${always ? " overriding system value" : ""} values\n${lines.join(",\n")}`;
}

/** A sequence goes on after the keys that were given. */
export function advance(
  relation: ProofRelation,
  { name, identity, expression }: ProofColumn,
): readonly string[] {
  const sequence = /^nextval\('(.*)'::regclass\)$/.exec(expression ?? "")?.[1];
  const of =
    sequence === undefined
      ? `pg_get_serial_sequence(${quoteLiteral(quoteQualified(relation))}, ${quoteLiteral(name)})`
      : quoteLiteral(sequence);
  if (identity === null && sequence === undefined) return [];
  return [`select setval(${of}, (select max(${shownIdent(name)}) from ${shownName(relation)}));`];
}

function shownIdent(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !keywords.has(name) ? name : quoteIdent(name);
}

function shownName({ schema, name }: ProofRelation): string {
  return `${shownIdent(schema)}.${shownIdent(name)}`;
}

const keywords: ReadonlySet<string> = new Set(
  "all analyse analyze and any array as asc authorization both case cast check collate column constraint create current_date current_role current_user default desc distinct do else end except false for foreign from grant group having in initially intersect into is join leading left like limit natural not null offset on only or order outer placing primary references right select session_user similar some symmetric table then to trailing true union unique user using variadic when where window with".split(
    " ",
  ),
);

/** Rows that are there: keys that the database made up are asked for by what else their rows say. */
export async function existing(client: Client, relation: ProofRelation): Promise<readonly Values[]> {
  const keys = [...new Set([...relation.keys, ...relation.uniques].flat())].filter(
    (name) => columnOf(relation, name) !== undefined,
  );
  if (keys.length === 0) {
    const { rowCount } = await client.query(`select from ${quoteQualified(relation)} limit 1`);
    return rowCount === 0 ? [] : [{}];
  }
  const listed = keys.map((name) => `t.${quoteIdent(name)}::text as ${quoteIdent(name)}`).join(", ");
  const order = `(to_jsonb(t) - ${quoteLiteral(`{${keys.map((name) => JSON.stringify(name)).join(",")}}`)}::text[])::text`;
  const { rows } = await client.query<Record<string, string | null>>(
    `select ${listed} from ${quoteQualified(relation)} t order by ${order} limit 5`,
  );
  return rows.map((row, index) =>
    Object.fromEntries(
      keys.map((name) => {
        const made = /random|uuid|now\(|clock/i.test(columnOf(relation, name)?.expression ?? "");
        const value = row[name];
        return [
          name,
          made
            ? `(select t.${quoteIdent(name)} from ${quoteQualified(relation)} t order by ${order} limit 1 offset ${index})`
            : value === null || value === undefined
              ? sqlNull
              : sqlText(value),
        ];
      }),
    ),
  );
}
