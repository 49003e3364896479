import type { ProofAnswer, RestsOn } from "../model/proof.ts";
import { closersOf, type Opener, openersOf } from "./analyse/openers.ts";
import { always } from "./analyse/policy.ts";
import { holdingAfter } from "./after-changes.ts";
import { type Change, changedBy } from "./analyse/changes.ts";
import type { ProofColumn } from "./analyse/schema.ts";
import type { Item, Tie } from "./analyse/ties.ts";
import { evaluate, type Row, rowText } from "./ask/evaluate.ts";
import { undecided } from "./compared.ts";
import type { Context } from "./context.ts";
import { contrast } from "./contrast.ts";
import { formatQualified, quoteIdent } from "../lib/sql-text.ts";
import { likelyValues, type OtherRow, putIn } from "./made-rows.ts";
import { changesOf, type Said, saidBy, stateValues, statesIn, valuesBeside } from "./states.ts";
import { tried, type Try } from "./tries.ts";
import { filledRows, insertSql, standingRows, typedLiteral } from "./show/rows.ts";
import {
  givenTo,
  namesPersona,
  parentsFirst,
  rowOf,
  spaceOf,
  strangersIds,
  type TiedValue,
} from "./tied-values.ts";
import type { Proved } from "./variants.ts";

type Undecided = Extract<ProofAnswer, { kind: "undecided" }>;

/** Rows of each kind that are tried, ways, and other values of the row that is put in. */
const atMost = { rows: 2, made: 40, first: 300, values: 16, tries: 80 };

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
  const withRows = ways.filter(({ items }) => items.length > 0);
  if (withRows.length === 0) return undefined;
  const telling = await tellingFor(context, proved);
  const closers = await telling.ways(withRows);
  if (closers.length === 0) return areAll ? undefined : tooMany();
  const said = saidBy(context.knowledge.schema, declared.tree, policy.tree);
  const open = openersOf(policy.tree, context.space.relation, context.knowledge);
  const changes: Changing = { said, ways: open.ways, made: new Map() };
  const { both: rows, outside } = await rowsOfBoth(context, proved);
  const tries = await Promise.all(
    closers.flatMap((closer) =>
      rows.map(async (one) => [
        await tryOf(context, closer, one),
        ...(await changing(context, closer, one, changes)),
      ]),
    ),
  );
  const first = await telling.tries(unlike(tries.flat()));
  const { opened } = await tried(context, proved, first.slice(0, atMost.first), "declared");
  if (opened !== undefined) return notClosedBy(opened);
  if (!areAll || first.length > atMost.first) return tooMany();
  // The policies see the row: they may want more of it than the matrix does, or find what they want in another row.
  const put = tries.flatMap(([plain]) => (plain === undefined ? [] : [plain]));
  const elsewhere = outside.flatMap((one) => closers.map((closer) => tryOf(context, closer, one)));
  const beside = unlike([...put, ...(await Promise.all(elsewhere))]);
  const others = await withOtherValues(context, beside, said);
  const again = await tried(context, proved, await telling.tries(others), "declared");
  return again.opened && notClosedBy(again.opened);
}

/** Leaves out what is known to tell nothing: the policies let nothing more through after it. */
interface Telling {
  /** Whatever rows are put in and changed for them. */
  ways(all: readonly Opener[]): Promise<readonly Opener[]>;
  tries(all: readonly Try[]): Promise<readonly Try[]>;
}

async function tellingFor(context: Context, proved: Proved): Promise<Telling> {
  const { knowledge, space } = context;
  const holds = await holdingAfter(context, proved);
  const without = async <T>(
    all: readonly T[],
    changesFor: (one: T) => readonly Change[],
  ): Promise<readonly T[]> => {
    const told = await Promise.all(all.map((one) => holds(changedBy(knowledge.schema, changesFor(one)))));
    return all.filter((_, index) => !told[index]);
  };
  return {
    ways: (all) =>
      without(all, ({ items }) => {
        const relations = new Set([space.relation, ...items.map((one) => one.relation)]);
        return [...relations].flatMap((relation) => [
          { relation, row: {}, isNew: true },
          // Rows of its own are not changed.
          ...(relation === space.relation ? [] : [{ relation, row: undefined, isNew: false }]),
        ]);
      }),
    tries: (all) =>
      without(all, ({ rows, row, place }) => [
        ...(place === undefined ? [] : [{ relation: space.relation, row, isNew: true }]),
        ...rows.map((one) => ({ ...one, isNew: !one.changes })),
      ]),
  };
}

/** Ways that change the same rows alike are one. */
function unlike(tries: readonly Try[]): readonly Try[] {
  return tries.filter(isFirst());
}

/** Says of each try whether it is unlike all that it was asked about before. */
function isFirst(): (one: Try) => boolean {
  const seen = new Set<string>();
  return ({ rows, place = "", row }) => {
    const before = seen.size;
    seen.add([...rows.map(({ sql }) => sql), place, rowText(row)].join("\0"));
    return seen.size > before;
  };
}

function tooMany(): Undecided {
  return undecided(
    `more than ${atMost.first} rows of other tables, or changes of them, that the row set may depend on`,
    "a row set with fewer subqueries, or a waiver with a reason",
  );
}

function notClosedBy({ rows, row, opener }: Try): Undecided {
  const put = rows.map(({ words, changes }) => `${words} (${changes ? "and" : "put in, and"} undone)`);
  return undecided(
    `with ${put.join(" and ")} the policies still let through ${JSON.stringify(row)}, and the matrix no longer does, by ${opener.sql}`,
    "the same condition in the policies (in a SECURITY DEFINER function where policies hide those rows from the persona), a row set without it, or a waiver with a reason",
  );
}

/** A row, and what makes it be there; `undefined`: it is. */
type OneRow = Pick<Try, "row" | "place">;

function there(row: Row): OneRow {
  return { row, place: undefined };
}

/** Rows that policies and matrix let through, those that are there and others' first, and a row that is there and that neither does. */
async function rowsOfBoth(
  context: Context,
  { policy, declared }: Proved,
): Promise<{ readonly both: readonly OneRow[]; readonly outside: readonly OneRow[] }> {
  const { as, full, session, space } = context;
  const asked = async (rows: readonly Row[], truth: "T" | "F"): Promise<readonly Row[]> => {
    const cases = rows.map((row) => ({ row }));
    const [reached, allowed] = await Promise.all(
      [
        { as, condition: policy },
        { as: full, condition: declared },
      ].map(({ as: who, condition: { alias, text } }) =>
        evaluate(session, { relation: space.relation, as: who, alias, texts: [text] }, cases),
      ),
    );
    const both = rows.filter((_, index) => reached?.[index] === truth && allowed?.[index] === truth);
    const others = both.filter((row) => !namesPersona(context, row));
    return [...others, ...both.filter((row) => !others.includes(row))].slice(0, atMost.rows);
  };
  const standing = (await standingRows(space)).map(({ row }) => row);
  const { more } = await contrast(context, policy, always(false), false);
  const made = await asked(more.slice(0, atMost.made), "T");
  const filled = await filledRows(space, made, undefined);
  return {
    both: [
      ...(await asked(standing, "T")).map(there),
      ...filled.slice(0, atMost.rows).map(({ row }): OneRow => ({ row, place: insertSql(space, row, true) })),
    ],
    outside: (await asked(standing, "F")).slice(0, 1).map(there),
  };
}

/** The rows that the way asks for, the persona's own among them. */
export async function tryOf(context: Context, opener: Opener, both: OneRow): Promise<Try> {
  const values = await likelyValues(context, opener, both.row);
  const rows = await Promise.all(
    parentsFirst(opener.items).map(async (item) => {
      const row = await rowOf(context, opener, item, values, true);
      const strange = await strangersIds(spaceOf(context, item.relation));
      return putIn(item.relation, { ...strange, ...row });
    }),
  );
  return { opener, rows, ...both, own: false, asReplica: false };
}

/** The same with another value in one column of one of their rows, as many as are tried. */
async function withOtherValues(context: Context, tries: readonly Try[], said: Said): Promise<readonly Try[]> {
  const found: Try[] = [];
  const isUnlike = isFirst();
  for (const one of tries) {
    const isState = await Promise.all(one.rows.map(({ relation }) => statesIn(context, relation, said)));
    for (const rows of otherRows(one, said, isState)) {
      const made = { ...one, rows };
      if (isUnlike(made)) found.push(made);
      if (found.length >= atMost.tries) return found;
    }
  }
  return found;
}

/** The first few: none is made that is not asked for. */
function* otherRows(
  { rows }: Try,
  said: Said,
  isState: readonly ((column: ProofColumn) => boolean)[],
): Generator<Try["rows"]> {
  let count = 0;
  for (const [place, { relation, row }] of rows.entries())
    for (const column of relation.columns) {
      const values = valuesBeside(column, row[column.name] ?? null, said, isState[place]?.(column) === true);
      for (const value of values) {
        if (count >= atMost.values) return;
        count += 1;
        yield rows.with(place, putIn(relation, { ...row, [column.name]: value }));
      }
    }
}

/** What is the same for all ways and rows. */
interface Changing {
  readonly said: Said;
  /** Through the policies. */
  readonly ways: readonly Opener[];
  /** By the rows that change: many ways lead to the same. */
  readonly made: Map<string, readonly OtherRow[]>;
}

/** Rows that the row set reads, in another state. */
async function changing(
  context: Context,
  opener: Opener,
  both: OneRow,
  { said, ways, made }: Changing,
): Promise<readonly Try[]> {
  const likely = await likelyValues(context, opener, both.row);
  // Rows that are there are not found by a value that was made up.
  const values = likely.map((one, index) => (isSaid(opener.ties[index]) ? one : noValue));
  const tries = await Promise.all(
    opener.items.map(async (item) => {
      const { relation } = item;
      if (relation === context.space.relation) return [];
      const linked = isLinked(context, opener, item);
      const isState = linked ? await statesIn(context, relation, said) : () => false;
      const given = givenTo(opener.ties, item, values);
      const of = relation.columns.flatMap((column) => {
        const value = given[column.name];
        return value === undefined || stateValues(column, said, isState(column)).length > 0
          ? []
          : [`${quoteIdent(column.name)} is not distinct from ${typedLiteral(column, value)}`];
      });
      const key = JSON.stringify([formatQualified(relation), linked, of]);
      const changes = made.get(key) ?? changesOf(relation, said, isState, ways, of);
      made.set(key, changes);
      return changes.map((rows): Try => ({ opener, rows: [rows], ...both, own: false, asReplica: false }));
    }),
  );
  return tries.flat();
}

const noValue: TiedValue = { value: undefined, excluded: [] };

function isSaid(tie: Tie | undefined): boolean {
  return tie !== undefined && (tie.columns.length + tie.persona.length > 0 || isFixed(tie));
}

function isFixed({ constant, value }: Tie): boolean {
  return constant !== undefined || value !== undefined;
}

/** Rows that are found by more than what they are called: by the row, the persona, or another table's row. */
function isLinked({ identities }: Context, { ties }: Opener, item: Item): boolean {
  return ties.some(
    ({ slots, columns, persona, constant }) =>
      slots.some((one) => one.item === item) &&
      (columns.length + persona.length > 0 ||
        identities.includes(constant ?? "") ||
        slots.some((one) => one.item !== item)),
  );
}
