import { formatQualified, type QualifiedName } from "../lib/sql-text.ts";
import type { ForeignKeyUse, ProofAnswer, RestsOn } from "../model/proof.ts";
import { type Opener, openersOf, openersOfRows } from "./analyse/openers.ts";
import type { Item, Tie } from "./analyse/ties.ts";
import type { ProofColumn, ProofRelation } from "./analyse/schema.ts";
import { callOf } from "./analyse/tree.ts";
import { evaluate, evaluationSql, type Row } from "./ask/evaluate.ts";
import type { Space } from "./ask/product.ts";
import { isError, privileged, type Step, type StepAnswer } from "./ask/session.ts";
import { undecided } from "./compared.ts";
import type { Context } from "./context.ts";
import type { RowToPutIn } from "./put-in.ts";
import { changedTry } from "./show/place.ts";
import { fill, freshFor, insertSql, type StandingRow, standingRows } from "./show/rows.ts";
import type { Proved } from "./variants.ts";

/**
 * A proof takes other tables as they are. Rows that they lack, of others than the persona, are put in, and policy and matrix are asked
 * once more: where the policy lets through what the matrix does not, the matrix does not know of a branch that the data never opens.
 * @param keys foreign keys of which only the keys that exist were tried: a new row of the table that they point to counts, too
 */
export async function openedByOthers(
  context: Context,
  { policy, declared }: Proved,
  rests: RestsOn,
  keys: readonly ForeignKeyUse[],
): Promise<Extract<ProofAnswer, { kind: "undecided" }> | undefined> {
  // What hangs on claims or the time is no pass as it is.
  const passes = rests.claims.length + rests.time.length === 0;
  if (!passes || policy.tree === undefined || declared.text === "true") return undefined;
  const openers = [
    ...openersOf(policy.tree, context.space.relation, context.knowledge),
    ...newParents(context, keys),
  ];
  if (openers.length === 0) return undefined;
  const hidden = await rowNotDeclared(context, declared);
  const tries = await Promise.all(
    openers.slice(0, openerLimit).map((opener) => triesFor(context, opener, hidden)),
  );
  const opened = await Promise.all(
    tries.flat().map(async (one) => ((await opens(context, { policy, declared }, one)) ? one : undefined)),
  );
  const found = opened.find((one) => one !== undefined);
  if (found === undefined) return undefined;
  const put = found.rows.map(({ relation, row }) => `${JSON.stringify(row)} in ${formatQualified(relation)}`);
  return undecided(
    `with ${put.join(" and ")} (put in${found.own ? " by the persona itself" : ""}, and undone) the policies let through ${JSON.stringify(found.row)} by ${found.opener.sql}, and the matrix does not`,
    "that branch in the row set, or a waiver with a reason",
  );
}

const openerLimit = 12;

/** A call with a value for each argument, by place. */
export interface CallOf extends QualifiedName {
  readonly values: readonly (string | null)[];
}

/** Rows of others, in the tables behind a view or a function, by which it would have a row more; each as one text of statements. */
export async function rowsBehind(context: Context, call: CallOf | undefined): Promise<readonly RowToPutIn[]> {
  const of = call === undefined ? context.space.relation : callOf(call, call.values).FuncCall;
  const openers = openersOfRows(of, context.knowledge)
    // What asks who the persona is is its own row's business.
    .filter(({ ties }) => ties.every(({ persona }) => persona.length === 0));
  const tries = await Promise.all(
    openers.slice(0, openerLimit).map((one) => tryFor(context, one, { row: {}, standing: undefined }, false)),
  );
  return tries.flatMap((one) => {
    if (one === undefined) return [];
    const setup = one.rows.map(({ relation, row }) => insertSql({ ...context.space, relation }, row, true));
    return [{ setup: setup.join("; "), witness: one.rows[0]?.row ?? {}, alone: setup.length === 1 }];
  });
}

interface OtherRow {
  readonly relation: ProofRelation;
  readonly row: Row;
}

interface Try {
  readonly opener: Opener;
  readonly rows: readonly OtherRow[];
  /** The row that the policy is asked about, and what makes it be there; `undefined`: it is. */
  readonly row: Row;
  readonly place: string | undefined;
  /** The persona puts the rows in itself. */
  readonly own: boolean;
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
    return [{ sql: `a new key of ${formatQualified(to)}`, items: [item], ties: [tie] }];
  });
}

interface Hidden {
  readonly row: Row;
  /** `undefined`: no such row is there. */
  readonly standing: StandingRow | undefined;
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
  if (standing !== undefined) return { row: standing.row, standing };
  const row = await fill(space, {}, undefined, rows[0]?.row ?? {}, true);
  return { row: await withoutPersona(context, space, row, []), standing };
}

async function triesFor(context: Context, opener: Opener, hidden: Hidden): Promise<readonly Try[]> {
  const { relation } = context.space;
  const ownTable = opener.items.some((item) => item.relation === relation);
  const tries = await Promise.all(
    (ownTable ? [false, true] : [false]).map((own) => tryFor(context, opener, hidden, own)),
  );
  return tries.filter((one) => one !== undefined);
}

/** The rows of one way, as another's or the persona's own; and the row that they would open. */
async function tryFor(
  context: Context,
  opener: Opener,
  { row: hidden, standing }: Hidden,
  own: boolean,
): Promise<Try | undefined> {
  const values = await Promise.all(opener.ties.map((tie) => valueFor(context, tie, hidden, own)));
  const row: Record<string, string | null> = {};
  for (const [index, { persona, columns }] of opener.ties.entries()) {
    const { value } = values[index] ?? {};
    if (value !== undefined && persona.length === 0) for (const name of columns) row[name] = value;
  }
  const rows: OtherRow[] = [];
  for (const item of parentsFirst(opener.items)) {
    const one = await rowOf(context, opener, item, values, own);
    // Whatever else it holds, a row that names the persona is the persona's own.
    if (!own && namesPersona(context, one)) return undefined;
    rows.push({ relation: item.relation, row: one });
  }
  const whole = { ...hidden, ...row };
  const place =
    standing === undefined
      ? insertSql(context.space, whole, true)
      : changedTry(context.space, standing, onlyChanged(row, hidden)).setup;
  return { opener, rows, row: whole, place, own };
}

function onlyChanged(row: Row, before: Row): Row {
  return Object.fromEntries(Object.entries(row).filter(([name, value]) => before[name] !== value));
}

async function rowOf(
  context: Context,
  { ties }: Opener,
  item: Item,
  values: readonly TiedValue[],
  own: boolean,
): Promise<Row> {
  const space = spaceOf(context, item.relation);
  const given: Record<string, string | null> = {};
  const not: string[] = [];
  for (const [index, { slots }] of ties.entries())
    for (const { column } of slots.filter((slot) => slot.item === item)) {
      const { value, excluded = [] } = values[index] ?? {};
      if (value !== undefined && !excluded.includes(value ?? "")) given[column] = value;
      else not.push(...excluded);
    }
  const [template] = await standingRows(space);
  const row = await fill(space, given, undefined, template?.row ?? {}, true);
  return own ? row : withoutPersona(context, space, { ...(await strangersIds(space)), ...row }, not);
}

interface TiedValue {
  /** `undefined`: each column what it is likely to hold. */
  readonly value: string | null | undefined;
  /** What the persona is compared with. */
  readonly excluded: readonly string[];
}

async function valueFor(context: Context, tie: Tie, hidden: Row, own: boolean): Promise<TiedValue> {
  const answers = await Promise.all(tie.persona.map((one) => context.answer(one)));
  const names = answers.flatMap((one) => one ?? []).filter((one) => one !== null);
  if (own && names[0] !== undefined) return { value: names[0], excluded: [] };
  return { value: await likelyValue(context, tie, hidden), excluded: own ? [] : names };
}

async function likelyValue(
  context: Context,
  { slots, columns, constant }: Tie,
  hidden: Row,
): Promise<string | null | undefined> {
  if (constant !== undefined) return constant;
  const [slot] = slots;
  if (slot === undefined) return undefined;
  const { relation } = slot.item;
  const column = relation.columns.find(({ name }) => name === slot.column);
  const there = columns.map((name) => hidden[name]).find((one) => typeof one === "string");
  // A key that another row has cannot be put in again.
  const isKey = slots.some(({ item, column: name }) =>
    item.relation.uniques.some((one) => one.length === 1 && one[0] === name),
  );
  if (there !== undefined && !isKey) return there;
  if (columns.length === 0 && slots.length < 2) return undefined;
  return column && freshFor(spaceOf(context, relation), column, 11);
}

function spaceOf({ knowledge, session, space }: Context, relation: ProofRelation): Space {
  return {
    session,
    relation,
    material: space.material,
    checks: knowledge.checks(relation),
    fixed: new Map(),
  };
}

/** Tables that others of them point to come first. */
function parentsFirst(items: readonly Item[]): readonly Item[] {
  return items.toSorted((a, b) => Number(pointsTo(a, b)) - Number(pointsTo(b, a)));
}

function pointsTo({ relation }: Item, other: Item): boolean {
  const target = formatQualified(other.relation);
  return relation !== other.relation && relation.foreignKeys.some(({ to }) => formatQualified(to) === target);
}

/** Another user in each column that may hold who the row is about. */
async function strangersIds(space: Space): Promise<Row> {
  const { columns, foreignKeys } = space.relation;
  const open = columns.filter(
    ({ name, base, generated, expression }) =>
      base === "uuid" &&
      !generated &&
      expression === null &&
      !foreignKeys.some((key) => key.columns.includes(name)),
  );
  const ids = await Promise.all(
    open.map(async (one) => [one.name, (await freshFor(space, one, 13)) ?? null] as const),
  );
  return Object.fromEntries(ids);
}

/** Another's values in place of the persona's. */
async function withoutPersona(
  context: Context,
  space: Space,
  row: Row,
  not: readonly string[],
): Promise<Row> {
  const theirs = new Set([...context.identities, ...not]);
  const entries = await Promise.all(
    Object.entries(row).map(async ([name, value]): Promise<readonly [string, string | null]> => {
      const column = space.relation.columns.find((one) => one.name === name);
      if (value === null || column === undefined || !theirs.has(value)) return [name, value];
      return [name, (await othersValue(space, column, theirs)) ?? (column.notNull ? value : null)];
    }),
  );
  return Object.fromEntries(entries);
}

async function othersValue(
  space: Space,
  column: ProofColumn,
  theirs: ReadonlySet<string>,
): Promise<string | undefined> {
  const parents = await space.material.parents(space.relation, column.name);
  if (parents !== undefined) return parents.values.find((one) => !theirs.has(one));
  const standing = await space.material.standing(space.relation, column.name);
  return standing.find((one) => !theirs.has(one)) ?? freshFor(space, column, 13);
}

function namesPersona({ identities }: Context, row: Row): boolean {
  return Object.values(row).some((value) => value !== null && identities.some((one) => value.includes(one)));
}

async function opens(
  context: Context,
  { policy, declared }: Pick<Proved, "policy" | "declared">,
  one: Try,
): Promise<boolean> {
  const { as, full, session, space } = context;
  const put = one.rows.map(({ relation, row }): Step => {
    const sql = insertSql({ ...space, relation }, row, !one.own);
    return { as: one.own ? as : privileged, sql, rows: false };
  });
  const place = one.place === undefined ? [] : [{ as: privileged, sql: one.place, rows: false }];
  const target = { relation: space.relation };
  const first = one.rows.some((item) => pointsTo(item, target)) ? [...place, ...put] : [...put, ...place];
  const questions = [
    { as, condition: policy },
    { as: full, condition: declared },
  ].map(({ as: who, condition: { alias, text } }): Step => {
    const asked = { as: who, relation: space.relation, alias, texts: [text] };
    return { as: who, sql: evaluationSql(asked, [{ row: one.row }]), rows: true, stored: true };
  });
  const answers = await session.askAbout(first, questions);
  const [reached, allowed] = answers.slice(first.length);
  if (answers.slice(0, first.length).some(isError)) return false;
  return truthOf(reached) === "T" && ["F", "N"].includes(truthOf(allowed) ?? "");
}

function truthOf(answer: StepAnswer | undefined): string | null {
  return answer !== undefined && "value" in answer ? answer.value : null;
}
