import { type Compared, ownReading } from "./analyse/own-reading.ts";
import type { Condition } from "./analyse/policy.ts";
import type { ProofColumn } from "./analyse/schema.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import { askTexts } from "./ask/texts.ts";
import type { Context } from "./context.ts";
import { tellingIdentities } from "./own.ts";

// A row that is put in may point at one that is there, where two rows of the relation are compared.

export interface Standing {
  readonly column: string;
  /** One of each kind of row that is there. */
  readonly values: readonly string[];
  /** There are more kinds. */
  readonly cut: boolean;
}

const kindsAtMost = 60;

/** What the column of the row that is put in may hold: of rows that policies cannot tell apart one, those that name the persona first. */
export async function standingValues(
  context: Context,
  conditions: readonly Condition[],
): Promise<readonly Standing[]> {
  const { relation } = context.space;
  const columnOf = (name: unknown): ProofColumn | undefined =>
    relation.columns.find((one) => one.name === name && !one.generated);
  const takes = ({ column, with: other }: Compared): boolean => {
    const base = columnOf(column)?.base;
    return base !== undefined && (base === "text" || base === columnOf(other)?.base);
  };
  const compared = comparedBy(context, conditions);
  const pairs = compared.filter((one) => one.standing === true && takes(one));
  const once = new Map(pairs.map((one) => [`${one.column} ${String(one.with)}`, one]));
  return Promise.all(
    [...once.values()].map(async ({ column, with: other }) => {
      const row = '"rowgate:standing"';
      const value = `${row}.${quoteIdent(String(other))}::text`;
      const names = tellingIdentities(context.identities).map(
        (one) => `pg_catalog.strpos(pg_catalog.to_jsonb(${row})::text, ${quoteLiteral(one)}) > 0`,
      );
      const kinds = await kindsOf(context, compared, row, String(other));
      const sql =
        `select min(${value}) from ${quoteQualified(relation)} as ${row} where ${value} is not null group by ${[...kinds, `${row}.tableoid`].join(", ")} ` +
        `order by pg_catalog.bool_or(${names.join(" or ") || "false"}) desc, 1 limit ${kindsAtMost + 1}`;
      const values = await askTexts(context.session, sql);
      return {
        column,
        values: values?.slice(0, kindsAtMost) ?? [],
        cut: values === undefined || values.length > kindsAtMost,
      };
    }),
  );
}

/** What policies tell rows that are there apart by: the values that they compare columns with; what they compare otherwise, as it is. */
async function kindsOf(
  context: Context,
  compared: readonly Compared[],
  row: string,
  other: string,
): Promise<readonly string[]> {
  const columns = new Set(compared.map(({ column }) => column));
  const kinds = await Promise.all(
    [...columns].map(async (column): Promise<readonly string[]> => {
      const text = `${row}.${quoteIdent(column)}::text`;
      // By the column that it is found by, the row that is put in is like it.
      const found = compared.filter(
        (one) => one.column === column && !(column === other && typeof one.with === "string"),
      );
      if (found.length === 0) return [];
      const questions = found.flatMap((one) =>
        typeof one.with === "string" || one.ordered === true ? [] : [one.with],
      );
      if (questions.length < found.length) return [text];
      const answers = await Promise.all(questions.map((one) => context.answer(one)));
      if (answers.includes(undefined)) return [text];
      const values = answers.flatMap((one) => one ?? []).filter((one) => one !== null);
      const list = [...new Set([...values, ...context.identities])].map(quoteLiteral).join(", ");
      return [
        `case when ${text} in (${list === "" ? "null" : list}) then ${text} when ${text} is not null then '' end`,
      ];
    }),
  );
  return kinds.flat();
}

export function moreStanding(standing: readonly Standing[]): string | undefined {
  const cut = standing.find((one) => one.cut);
  return cut && `there are more than ${kindsAtMost} kinds of rows that ${cut.column} may point at`;
}

export function comparedBy(context: Context, conditions: readonly Condition[]): readonly Compared[] {
  return conditions.flatMap(({ tree }) =>
    tree === undefined ? [] : ownReading(tree, aboutOwn(context)).compared,
  );
}

export function aboutOwn({ knowledge, space: { relation } }: Context): Parameters<typeof ownReading>[1] {
  return { relation, reading: knowledge };
}
