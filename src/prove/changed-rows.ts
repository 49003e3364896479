import { formatQualified, quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import type { Opener } from "./analyse/openers.ts";
import type { Item } from "./analyse/ties.ts";
import type { Row } from "./ask/evaluate.ts";
import type { Context } from "./context.ts";
import {
  conditionsOn,
  hitsOf,
  likelyValues,
  type Made,
  type OtherRow,
  putIn,
  rowsMeeting,
} from "./made-rows.ts";
import { typedLiteral } from "./show/rows.ts";
import { givenTo, inColumn, namesPersona, ownValues, spaceOf, type TiedValue } from "./tied-values.ts";

/** Rows that are there and that the way reads for the hidden row, changed to what it asks of them; none that names the persona. */
export async function changedRows(context: Context, opener: Opener, hidden: Row): Promise<readonly Made[]> {
  const values = await likelyValues(context, opener, hidden);
  const changes = (links: boolean): Promise<readonly (OtherRow | undefined)[]> =>
    Promise.all(opener.items.map((item) => changeOf(context, opener, item, values, hidden, links)));
  const [alone, linked] = await Promise.all([changes(false), changes(true)]);
  const all = alone.filter((one) => one !== undefined);
  // A row that is there may come to point to one that is not.
  const put = await Promise.all(
    opener.items.map(async ({ relation }, index) => {
      const item = opener.items[index];
      if (item === undefined || linked[index] !== undefined) return [];
      const [row] = await rowsMeeting(context, relation, givenTo(opener.ties, item, values), []);
      return row === undefined || namesPersona(context, row) ? [] : [putIn(relation, row)];
    }),
  );
  const mixed = [...put.flat(), ...linked.filter((one) => one !== undefined)];
  return [all, put.flat().length > 0 ? mixed : []].flatMap((rows) =>
    rows.some(({ changes: is }) => is) ? [{ rows, row: ownValues(opener, values) }] : [],
  );
}

async function changeOf(
  context: Context,
  { ties, unmet }: Opener,
  item: Item,
  values: readonly TiedValue[],
  hidden: Row,
  /** Only a row that the hidden one leads to, which is made to point to others. */
  links: boolean,
): Promise<OtherRow | undefined> {
  const { relation } = item;
  const found: Record<string, string | null> = {};
  const sets: Record<string, string | null> = {};
  for (const [index, { slots, columns, constant, value: known }] of ties.entries()) {
    const { value } = values[index] ?? {};
    const isSaid = constant !== undefined || known !== undefined;
    for (const { column } of slots.filter((slot) => slot.item === item)) {
      const isKey = relation.uniques.some((one) => one.length === 1 && one[0] === column);
      const isLink = columns.length === 0 && !isSaid;
      if (value === undefined || (isLink && !links)) continue;
      if ((isSaid && !isKey) || isLink) sets[column] = value;
      else found[column] = value;
    }
  }
  if (links && Object.keys(found).length === 0) return undefined;
  const conditions = conditionsOn(item, unmet, hidden, new Map(), context.space.relation);
  const [hit] = await hitsOf(context, spaceOf(context, relation), { ...found, ...sets }, conditions);
  for (const [name, value] of Object.entries(hit ?? {})) if (!Object.hasOwn(found, name)) sets[name] = value;
  const columns = new Map(relation.columns.map((one) => [one.name, one]));
  const assigned = (row: Row): readonly string[] =>
    Object.entries(row).flatMap(([name, value]) => {
      const column = columns.get(name);
      return column === undefined || column.generated
        ? []
        : [`${quoteIdent(name)} = ${typedLiteral(column, inColumn(column, value))}`];
    });
  if (assigned(sets).length === 0) return undefined;
  const theirs = context.identities.map(
    (one) => `pg_catalog.strpos(pg_catalog.to_jsonb("rowgate:changed".*)::text, ${quoteLiteral(one)}) = 0`,
  );
  const where = [...assigned(found), ...theirs];
  const sql = `update ${quoteQualified(relation)} as "rowgate:changed" set ${assigned(sets).join(", ")}${where.length === 0 ? "" : ` where ${where.join(" and ")}`}`;
  const words = `rows of ${formatQualified(relation)}${Object.keys(found).length === 0 ? "" : ` with ${JSON.stringify(found)}`} changed to ${JSON.stringify(sets)}`;
  return { relation, row: sets, sql, words, changes: true };
}
