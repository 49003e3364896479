import { formatQualified, type QualifiedName } from "../lib/sql-text.ts";
import type { ForeignKeyUse, ProofAnswer, RestsOn } from "../model/proof.ts";
import { isAbsence } from "./analyse/denied.ts";
import { choiceLimit, type Opener, openersOf, openersOfRows } from "./analyse/openers.ts";
import type { Item, Unmet } from "./analyse/ties.ts";
import { callOf, show } from "./analyse/tree.ts";
import { wayLimit } from "./analyse/way-parts.ts";
import { evaluate, type Row } from "./ask/evaluate.ts";
import { privileged } from "./ask/step.ts";
import { undecided } from "./compared.ts";
import type { Context } from "./context.ts";
import { couldOpen } from "./could-open.ts";
import { changedRows } from "./changed-rows.ts";
import { neverMet, otherRows, solvedRows } from "./made-rows.ts";
import { personsRows } from "./persons-rows.ts";
import { saysWho } from "./who.ts";
import { namesPersona, withoutPersona } from "./tied-values.ts";
import type { RowToPutIn } from "./put-in.ts";
import { changedTry } from "./show/place.ts";
import { fill, insertSql, type StandingRow, standingRows } from "./show/rows.ts";
import { type Refusal, type Try, tried } from "./tries.ts";
import type { Proved } from "./variants.ts";

type Undecided = Extract<ProofAnswer, { kind: "undecided" }>;

/**
 * A proof takes other tables as they are. Rows that they lack, of others than the persona, are put in, rows that they hold are changed,
 * and policy and matrix are asked once more: where the policy lets through what the matrix does not, the matrix does not know of a
 * branch that the data never opens. Where no row could be made that opens a branch, and the branch would let more through, it is not proved.
 * @param keys foreign keys of which only the keys that exist were tried: a new row of the table that they point to counts, too
 */
export async function openedByOthers(
  context: Context,
  { policy, declared, ...more }: Proved,
  rests: RestsOn,
  keys: readonly ForeignKeyUse[],
): Promise<Undecided | undefined> {
  // What hangs on claims or the time is no pass as it is.
  const passes = rests.claims.length + rests.time.length === 0;
  if (!passes || policy.tree === undefined || declared.text === "true") return undefined;
  const proved: Proved = { policy, declared, ...more };
  const { ways, areAll } = openersOf(policy.tree, context.space.relation, context.knowledge);
  const openers = [...ways, ...newParents(context, keys)];
  if (openers.length === 0) return undefined;
  const hidden = await rowNotDeclared(context, declared);
  const first = await Promise.all(
    openers.map(async (opener) => tried(context, proved, await firstTries(context, opener, hidden))),
  );
  const found = first.find(({ opened }) => opened !== undefined)?.opened;
  if (found !== undefined) return openedBy(found);
  const ofPersona = await Promise.all(openers.map(({ asksWho }) => saysWho(context, asksWho)));
  for (const [index, opener] of openers.entries()) {
    if (opener.through.length === 0 || first[index]?.met === true) continue;
    const who = ofPersona[index] === true && !opener.guess;
    const persons = who ? await personsRows(context, opener) : undefined;
    const beside = persons?.choices ?? [undefined];
    if (beside.length === 0 || !(await couldOpen(context, proved, opener))) continue;
    const tries = await Promise.all(beside.map((own) => moreTries(context, opener, hidden, own)));
    const again = await tried(context, proved, tries.flat());
    if (again.opened !== undefined) return openedBy(again.opened);
    // Which rows would name the persona, or hold what it holds, is who is a member.
    if (persons !== undefined) {
      const isTold = again.met || persons.isShared;
      const never = isTold ? undefined : await neverMet(context, opener, hidden.row, beside[0]);
      if (never !== undefined) return notFound(opener, never);
      continue;
    }
    const left = again.met
      ? undefined
      : await notTold(context, opener, [first[index]?.refused, again.refused]);
    if (left !== undefined) return left;
  }
  const ofOthers = openers.filter(({ through }, index) => ofPersona[index] !== true && through.length > 0);
  if (areAll && ofOthers.length < wayLimit) return undefined;
  return undecided(
    `more than ${areAll ? wayLimit : choiceLimit} ways in which rows of other tables open a branch`,
    "a policy with fewer branches, or a waiver with a reason",
  );
}

function openedBy({ rows, own, asReplica, row, opener }: Try): Undecided {
  const put = rows.flatMap(({ words, changes }) => (changes ? [] : [words]));
  const changing = rows.flatMap(({ words, changes }) => (changes ? [words] : []));
  const how = `put in${own ? " by the persona itself" : ""}${asReplica ? " without triggers and foreign keys" : ""}, and undone`;
  const there = [
    ...(put.length > 0 ? [`${put.join(" and ")} (${how})`] : []),
    ...changing.map((one) => `${one} (and undone)`),
  ];
  return undecided(
    `with ${there.join(" and ")} the policies let through ${JSON.stringify(row)} by ${opener.sql}, and the matrix does not`,
    "that branch in the row set, or a waiver with a reason",
  );
}

/** What is not known of a branch that no row has opened; `undefined`: the persona settles that it stays closed. */
async function notTold(
  context: Context,
  { sql, items, unmet, settled, guess }: Opener,
  refusals: readonly (Refusal | undefined)[],
): Promise<Undecided | undefined> {
  const refused = refusals.at(-1);
  const tables = tablesOf(items);
  if (refused !== undefined)
    return undecided(
      `rows of ${tables} may open ${sql}, and none could be put in: ${refused.message} (${refused.code})`,
      modelOf(items),
    );
  const answers = await Promise.all(settled.map((one) => context.answer(one)));
  if (answers.some((values) => values !== undefined && values[0] !== "true")) return undefined;
  if (guess)
    return undecided(
      `rows of other tables may open ${sql}, and a function's body that it rests on cannot be read`,
      "a body that is one SQL expression, or a waiver with a reason",
    );
  const [first] = unmet;
  return first === undefined
    ? undecided(`rows of ${tables} may open ${sql}: none that was tried does`, modelOf(items))
    : notFound({ sql, items }, first);
}

function notFound({ sql, items }: Pick<Opener, "sql" | "items">, { node }: Unmet): Undecided {
  if (items.length === 0 && isAbsence(node))
    return undecided(
      `only rows of another table that are there keep ${show(node)} from holding: without them the policies let more through`,
      "that branch in the row set, or a waiver with a reason",
    );
  return undecided(
    `rows of other tables may open ${sql}: none was found for which ${show(node)} holds`,
    modelOf(items),
  );
}

function tablesOf(items: readonly Item[]): string {
  return [...new Set(items.map(({ relation }) => formatQualified(relation)))].join(" and ");
}

function modelOf(items: readonly Item[]): string {
  const tables = tablesOf(items);
  return `a row of ${tables === "" ? "that table" : tables} in the seed as a model, that branch in the row set, or a waiver with a reason`;
}

const openerLimit = 12;

/** A call with a value for each argument, by place. */
export interface CallOf extends QualifiedName {
  readonly values: readonly (string | null)[];
}

/** Rows of others, in the tables behind a view or a function, by which it would have a row more; each as one text of statements. */
export async function rowsBehind(context: Context, call: CallOf | undefined): Promise<readonly RowToPutIn[]> {
  const of = call === undefined ? context.space.relation : callOf(call, call.values).FuncCall;
  const openers = openersOfRows(of, context.knowledge);
  // Rows that name the persona are its own.
  const own = await Promise.all(
    openers.map(({ ties }) =>
      saysWho(
        context,
        ties.flatMap(({ persona }) => persona),
      ),
    ),
  );
  const tries = await Promise.all(
    openers
      .filter((_, index) => own[index] !== true)
      .slice(0, openerLimit)
      .map(async (one) => {
        const made = await tryFor(context, one, { row: {}, standing: undefined, all: [] }, false);
        // What is no equality is met by a row that is made for it.
        const solved = one.unmet.length === 0 ? [] : (await solvedRows(context, one, {})).slice(0, 1);
        return [...(made === undefined ? [] : [made]), ...solved];
      }),
  );
  return tries.flat().flatMap(({ rows }) =>
    rows.length === 0
      ? []
      : [
          {
            setup: rows.map(({ sql }) => sql).join("; "),
            witness: rows[0]?.row ?? {},
            alone: rows.length === 1,
          },
        ],
  );
}

function newParents({ knowledge, space }: Context, keys: readonly ForeignKeyUse[]): readonly Opener[] {
  return keys.flatMap(({ column, to }): readonly Opener[] => {
    const relation = knowledge.schema.relation(to.schema, to.name);
    const key = space.relation.foreignKeys.find(
      (one) => one.columns.includes(column) && formatQualified(one.to) === formatQualified(to),
    );
    const referenced = key?.referenced[key.columns.indexOf(column)];
    if (relation === undefined || referenced === undefined) return [];
    const item = { relation };
    const tie = {
      slots: [{ item, column: referenced }],
      columns: [column],
      constant: undefined,
      persona: [],
    };
    const none = { unmet: [], through: [], settled: [], asksWho: [], guess: false };
    return [{ sql: `a new key of ${formatQualified(to)}`, items: [item], ties: [tie], ...none }];
  });
}

interface Hidden {
  readonly row: Row;
  /** `undefined`: no such row is there. */
  readonly standing: StandingRow | undefined;
  /** All such rows that are there. */
  readonly all: readonly StandingRow[];
}

/** A row that is there and that the matrix does not allow, another's first; else one that could be. */
async function rowNotDeclared(context: Context, declared: Proved["declared"]): Promise<Hidden> {
  const { session, space } = context;
  const rows = await standingRows(space);
  const asked = { as: privileged, relation: space.relation, alias: declared.alias, texts: [declared.text] };
  const truths = await evaluate(
    session,
    asked,
    rows.map(({ row }) => ({ row })),
  );
  const hidden = rows.filter((_, index) => truths[index] !== "T");
  const standing = hidden.find(({ row }) => !namesPersona(context, row)) ?? hidden[0];
  if (standing !== undefined) return { row: standing.row, standing, all: hidden };
  const row = await fill(space, {}, undefined, rows[0]?.row ?? {}, true);
  return { row: await withoutPersona(context, space, row, []), standing, all: [] };
}

async function firstTries(context: Context, opener: Opener, hidden: Hidden): Promise<readonly Try[]> {
  if (opener.items.length === 0) return [];
  const ownTable = opener.items.some(({ relation }) => relation === context.space.relation);
  const tries = await Promise.all(
    (ownTable ? [false, true] : [false]).map((own) => tryFor(context, opener, hidden, own)),
  );
  return tries.filter((one) => one !== undefined);
}

/** The rows of one way, as another's or the persona's own; and the row that they would open. */
async function tryFor(
  context: Context,
  opener: Opener,
  hidden: Hidden,
  own: boolean,
): Promise<Try | undefined> {
  const { rows, row } = await otherRows(context, opener, hidden.row, own);
  return rows && { opener, rows, ...placedRow(context, hidden, row), own, asReplica: false };
}

/** Rows that were made to meet the conditions and constraints, and rows that are there and would change; with triggers, and without. */
async function moreTries(
  context: Context,
  opener: Opener,
  hidden: Hidden,
  /** Where the way asks who the persona is. */
  own: ReadonlyMap<Item, Row> | undefined,
): Promise<readonly Try[]> {
  if (opener.items.length === 0) return [];
  const made = [
    ...(await solvedRows(context, opener, hidden.row, own)),
    ...(own === undefined
      ? await changedRows(context, opener, hidden.row)
      : await solvedRows(context, opener, hidden.row, own, false)),
  ];
  return made.flatMap(({ rows, row }) =>
    [false, true].map((asReplica) => ({
      opener,
      rows,
      ...placedRow(context, hidden, row),
      own: false,
      asReplica,
    })),
  );
}

function placedRow(
  { space }: Context,
  { row: likely, standing: first, all }: Hidden,
  changes: Row,
): Pick<Try, "row" | "place"> {
  // The key of another row that is there cannot be given to this one.
  const keys = space.relation.uniques.flatMap((one) => (one.length === 1 ? one : []));
  const wanted = keys.filter((name) => name in changes && changes[name] !== likely[name]);
  const standing =
    wanted.length === 0
      ? first
      : (all.find(({ row }) => wanted.every((name) => row[name] === changes[name])) ?? first);
  const before = standing?.row ?? likely;
  const row = { ...before, ...changes };
  const onlyChanged = Object.fromEntries(
    Object.entries(changes).filter(([name, value]) => before[name] !== value),
  );
  const place =
    standing === undefined ? insertSql(space, row, true) : changedTry(space, standing, onlyChanged).setup;
  return { row, place };
}
