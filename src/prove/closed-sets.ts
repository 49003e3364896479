import type { Node } from "libpg-query";
import type { ProofAnswer, RestsOn } from "../model/proof.ts";
import { closersOf, type Opener } from "./analyse/openers.ts";
import { always } from "./analyse/policy.ts";
import type { ProofColumn } from "./analyse/schema.ts";
import { isJson, isNumeric, isTemporal, isTextual } from "./analyse/types.ts";
import { namedIn } from "./analyse/named.ts";
import { evaluate, type Row } from "./ask/evaluate.ts";
import { undecided } from "./compared.ts";
import type { Context } from "./context.ts";
import { contrast } from "./contrast.ts";
import { formatQualified, quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import { likelyValues, putIn } from "./made-rows.ts";
import { tried, type Try } from "./tries.ts";
import { filledRows, insertSql, standingRows, typedLiteral } from "./show/rows.ts";
import { givenTo, namesPersona, parentsFirst, rowOf, spaceOf, strangersIds } from "./tied-values.ts";
import type { Proved } from "./variants.ts";

type Undecided = Extract<ProofAnswer, { kind: "undecided" }>;

/** Rows of each kind that are tried, ways, and other values of the row that is put in. */
const atMost = { rows: 2, made: 40, first: 300, values: 16, tries: 80, changed: 200, texts: 8 };

/**
 * A row set that holds unless another table has a row (a block, a ban) is the policy's only while the policies see that row, too: they may
 * not ask for it, ask otherwise, or read a table whose own policies hide it from the persona. Such rows are put in: what the policies let
 * through, and the matrix then no longer does, is not proved.
 */
export async function keptOpen(
  context: Context,
  proved: Proved,
  { claims, time }: RestsOn,
): Promise<Undecided | undefined> {
  const { declared, policy } = proved;
  // What hangs on claims or the time is no pass as it is.
  if (claims.length + time.length > 0) return undefined;
  if (declared.tree === undefined || policy.tree === undefined) return undefined;
  const { ways, areAll } = closersOf(declared.tree, context.space.relation, context.knowledge);
  const closers = ways.filter(({ items }) => items.length > 0);
  if (closers.length === 0) return undefined;
  const said = saidBy(context, declared.tree, policy.tree);
  const rows = await rowsOfBoth(context, proved);
  const tries = await Promise.all(
    closers.flatMap((closer) =>
      rows.map(async (one) => [
        await tryOf(context, closer, one),
        ...(await changing(context, closer, one, said)),
      ]),
    ),
  );
  const first = unlike(tries.flat());
  const { opened } = await tried(context, proved, first.slice(0, atMost.first));
  if (opened !== undefined) return notClosedBy(opened);
  if (!areAll || first.length > atMost.first) return tooMany();
  // The policies see the row: they may want more of it than the matrix does.
  const others = tries.flatMap(([plain]) =>
    plain === undefined ? [] : withOtherValues(context, plain, said),
  );
  const again = await tried(context, proved, others.slice(0, atMost.tries));
  return again.opened && notClosedBy(again.opened);
}

/** Ways that change the same rows alike are one. */
function unlike(tries: readonly Try[]): readonly Try[] {
  const keys = tries.map(({ rows, place, row }) => JSON.stringify([rows.map(({ sql }) => sql), place, row]));
  return tries.filter((_, index) => keys.indexOf(keys[index] ?? "") === index);
}

function tooMany(): Undecided {
  return undecided(
    `more than ${atMost.first} rows of other tables, or changes of them, that the row set may depend on`,
    "a row set with fewer subqueries, or a waiver with a reason",
  );
}

function notClosedBy({ rows, row, opener }: Try): Undecided {
  const there = rows.map(({ words, changes }) => `${words} (${changes ? "and" : "put in, and"} undone)`);
  return undecided(
    `with ${there.join(" and ")} the policies still let through ${JSON.stringify(row)}, and the matrix no longer does, by ${opener.sql}`,
    "the same condition in the policies (in a SECURITY DEFINER function where policies hide those rows from the persona), a row set without it, or a waiver with a reason",
  );
}

/** A row that policies and matrix let through, and what makes it be there; `undefined`: it is. */
type Both = Pick<Try, "row" | "place">;

/** Rows that are there, others' first, and rows that could be. */
async function rowsOfBoth(context: Context, { policy, declared }: Proved): Promise<readonly Both[]> {
  const { as, full, session, space } = context;
  const isAllowed = async (rows: readonly Row[]): Promise<readonly Row[]> => {
    const cases = rows.map((row) => ({ row }));
    const asked = { relation: space.relation };
    const [reached, allowed] = await Promise.all([
      evaluate(session, { ...asked, as, alias: policy.alias, texts: [policy.text] }, cases),
      evaluate(session, { ...asked, as: full, alias: declared.alias, texts: [declared.text] }, cases),
    ]);
    const both = rows.filter((_, index) => reached[index] === "T" && allowed[index] === "T");
    const others = both.filter((row) => !namesPersona(context, row));
    return [...others, ...both.filter((row) => !others.includes(row))].slice(0, atMost.rows);
  };
  const standing = (await standingRows(space)).map(({ row }) => row);
  const { more } = await contrast(context, policy, always(false), false);
  const made = await isAllowed(more.slice(0, atMost.made));
  const filled = await filledRows(space, made, undefined);
  return [
    ...(await isAllowed(standing)).map((row): Both => ({ row, place: undefined })),
    ...filled.slice(0, atMost.rows).map(({ row }): Both => ({ row, place: insertSql(space, row, true) })),
  ];
}

async function tryOf(context: Context, opener: Opener, both: Both): Promise<Try> {
  const values = await likelyValues(context, opener, both.row);
  const rows = await Promise.all(
    parentsFirst(opener.items).map(async (item) => {
      const row = await rowOf(context, opener, item, values, true);
      const strange = await strangersIds(spaceOf(context, item.relation));
      return putIn(context, item.relation, { ...strange, ...row });
    }),
  );
  return { opener, rows, ...both, own: false, asReplica: false };
}

/** The same with another value in one column of one of its rows. */
function withOtherValues(context: Context, one: Try, said: Said): readonly Try[] {
  const changed = one.rows.flatMap(({ relation, row }, place) =>
    relation.columns.flatMap((column) =>
      [...unsetValues(column, row[column.name]), ...otherValuesOf(column, row[column.name], said)].map(
        (value) => one.rows.with(place, putIn(context, relation, { ...row, [column.name]: value })),
      ),
    ),
  );
  return changed.slice(0, atMost.values).map((rows) => ({ ...one, rows }));
}

/** Rows that the row set reads, in another state: of a column that it names, and that has a few values only, a moment, a default, or a part in the policies. */
async function changing(context: Context, opener: Opener, both: Both, said: Said): Promise<readonly Try[]> {
  const values = await likelyValues(context, opener, both.row);
  return opener.items.flatMap((item) => {
    const { relation } = item;
    if (relation === context.space.relation) return [];
    const given = Object.entries(givenTo(opener.ties, item, values));
    const of = given.flatMap(([name, value]) => {
      const column = relation.columns.find((one) => one.name === name);
      return column === undefined || stateValues(column, said).length > 0
        ? []
        : [`${quoteIdent(name)} is not distinct from ${typedLiteral(column, value)}`];
    });
    const where = `ctid = any (array(select ctid from ${quoteQualified(relation)}${of.length > 0 ? ` where ${of.join(" and ")}` : ""} limit ${atMost.changed}))`;
    return relation.columns
      .filter(({ name }) => said.columns.has(name))
      .flatMap((column) =>
        stateValues(column, said).map((value): Try => {
          const set = `${quoteIdent(column.name)} = ${typedLiteral(column, value)}`;
          const sql = `update ${quoteQualified(relation)} set ${set} where ${where}`;
          const words = `${set} in rows of ${formatQualified(relation)}`;
          const row = { [column.name]: value };
          const rows = [{ relation, row, sql, words, changes: true }];
          return { opener, rows, ...both, own: false, asReplica: false };
        }),
      );
  });
}

/** Columns that a row set names, those that the policies name as well, and texts that it compares with. */
interface Said {
  readonly columns: ReadonlySet<string>;
  readonly byBoth: ReadonlySet<string>;
  readonly texts: readonly string[];
}

function saidBy({ knowledge: { schema } }: Context, declared: Node, policy: Node): Said {
  const { columns, texts } = namedIn(declared, schema);
  const byPolicy = namedIn(policy, schema).columns;
  const byBoth = new Set([...columns].filter((name) => byPolicy.has(name)));
  const short = [...texts].filter((one) => one.length < longestText);
  return { columns, byBoth, texts: short.slice(0, atMost.texts) };
}

const longestText = 24;

/** Of a column that says in which state a row is; none of one that names it. */
function stateValues(column: ProofColumn, said: Said): readonly (string | null)[] {
  const { expression, notNull } = column;
  const values = otherValuesOf(column, undefined, said);
  if (values.some((one) => one !== null)) return values;
  const isConstant = expression !== null && /^(?:'[^']*'|-?[\d.]+)(?:::[\w ".]+)?$/.test(expression);
  if (!isConstant && !(isTextual(column) && said.byBoth.has(column.name))) return [];
  const other = isTextual(column) ? ["rowgate", ...said.texts] : isNumeric(column) ? ["-1", "1000000"] : [];
  return [...other, ...(notNull ? [] : [null])];
}

/** Of a column that the row leaves out: that it holds something may be what counts. */
function unsetValues(column: ProofColumn, value: string | null | undefined): readonly string[] {
  if ((value ?? null) !== null) return [];
  return isTextual(column) ? ["rowgate"] : isNumeric(column) ? ["1"] : [];
}

const moments = ["2000-01-01", "2100-01-01"];

/** What a condition on the column may tell apart. */
function otherValuesOf(
  column: ProofColumn,
  value: string | null | undefined,
  { texts }: Said,
): readonly (string | null)[] {
  const { labels, notNull, generated, identity } = column;
  if (generated || identity !== null) return [];
  const documents = texts.flatMap((key) =>
    ["true", "false"].map((is) => `{"${key.replaceAll(/["\\]/g, "\\$&")}": ${is}}`),
  );
  const usual =
    labels ??
    (column.base === "boolean"
      ? ["true", "false"]
      : isTemporal(column)
        ? moments
        : isJson(column)
          ? documents
          : []);
  return [...usual, ...(notNull ? [] : [null])].filter((one) => one !== (value ?? null));
}
