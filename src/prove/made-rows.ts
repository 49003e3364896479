import type { Node } from "libpg-query";
import { formatQualified } from "../lib/sql-text.ts";
import { isOfRowAlone } from "./analyse/clock.ts";
import type { Opener } from "./analyse/openers.ts";
import { always, printedCondition } from "./analyse/policy.ts";
import type { ProofRelation } from "./analyse/schema.ts";
import type { Item, Scope, Unmet } from "./analyse/ties.ts";
import {
  columnRef,
  fieldsOf,
  joined,
  literal,
  outerNames,
  part,
  readsRow,
  replace,
  row as rowName,
  walk,
} from "./analyse/tree.ts";
import type { Row } from "./ask/evaluate.ts";
import type { Space } from "./ask/product.ts";
import { privileged } from "./ask/step.ts";
import { type Context, personaAnswers } from "./context.ts";
import { contrast } from "./contrast.ts";
import { isUuid } from "./own.ts";
import { filledRows, freshFor, insertSql } from "./show/rows.ts";
import {
  givenTo,
  holdsOne,
  likelyValue,
  namesPersona,
  ownValues,
  parentsFirst,
  rowOf,
  spaceOf,
  strangersIds,
  type TiedValue,
  valueFor,
  valueOfRole,
  withoutPersona,
} from "./tied-values.ts";

/** A row of another table that is put in, or rows that are changed. */
export interface OtherRow {
  readonly relation: ProofRelation;
  readonly row: Row;
  readonly sql: string;
  readonly words: string;
  readonly changes: boolean;
}

/** Rows of other tables, and what the row that the policy is about must hold. */
export interface Made {
  readonly rows: readonly OtherRow[];
  readonly row: Row;
}

export function putIn(relation: ProofRelation, row: Row, own = false): OtherRow {
  return {
    relation,
    row,
    sql: insertSql({ relation }, row, !own),
    // Of many rows few are named.
    get words() {
      return `${JSON.stringify(row)} in ${formatQualified(relation)}`;
    },
    changes: false,
  };
}

/** One row of each table, the likeliest; `undefined` rows: one would name the persona. */
export async function otherRows(
  context: Context,
  opener: Opener,
  hidden: Row,
  own: boolean,
): Promise<{ readonly rows: readonly OtherRow[] | undefined; readonly row: Row }> {
  const values = await Promise.all(opener.ties.map((tie) => valueFor(context, tie, hidden, own)));
  const rows: OtherRow[] = [];
  for (const item of parentsFirst(opener.items)) {
    const one = await rowOf(context, opener, item, values, own);
    // Whatever else it holds, a row that names the persona is the persona's own.
    if (!own && namesPersona(context, one)) return { rows: undefined, row: {} };
    rows.push(putIn(item.relation, one, own));
  }
  return { rows, row: ownValues(opener, values) };
}

/** @param there rows of the persona's own that the others are put in beside */
export function likelyValues(
  context: Context,
  { ties }: Opener,
  hidden: Row,
  there?: ReadonlyMap<Item, Row>,
  /** Keys that other rows may have are given, too. */
  taken = true,
): Promise<readonly TiedValue[]> {
  return Promise.all(
    ties.map(async (tie) => {
      const [slot] = tie.slots.filter(({ item }) => there?.has(item) === true);
      const ofPersona = slot && there?.get(slot.item)?.[slot.column];
      if (ofPersona !== undefined) return { value: ofPersona, excluded: [] };
      if (tie.ofRow === true) return valueFor(context, tie, hidden, false);
      const ofRole = await valueOfRole(context, tie);
      const value = ofRole ?? (await likelyValue(context, tie, hidden, taken));
      return { value, excluded: [], ofRole: ofRole !== undefined };
    }),
  );
}

const solutionLimit = 3;

/** Rows that meet the conditions that are no equalities, and the constraints of their tables, with the parents that these point to. */
export async function solvedRows(
  context: Context,
  opener: Opener,
  hidden: Row,
  /** The conditions ask who the persona is: they are met as it, beside these rows of its own, by rows that do not hold what it is. */
  there?: ReadonlyMap<Item, Row>,
  taken = true,
): Promise<readonly Made[]> {
  const whose = there && (await namesOf(context, opener));
  const values = await likelyValues(context, opener, hidden, there, taken);
  const own = { ...hidden, ...ownValues(opener, values) };
  const known = new Map<Item, readonly Row[]>([...(there ?? [])].map(([item, row]) => [item, [row]]));
  for (const item of parentsFirst(opener.items)) {
    if (there?.has(item) === true) continue;
    const first = new Map([...known].map(([other, rows]) => [other, rows[0] ?? {}]));
    const conditions = conditionsOn(item, opener.unmet, own, first, context.space.relation);
    known.set(
      item,
      await rowsMeeting(context, item.relation, givenTo(opener.ties, item, values), conditions, whose),
    );
  }
  const made: Made[] = [];
  for (let index = 0; index < solutionLimit; index += 1) {
    const rows: OtherRow[] = [];
    for (const [item, all] of known) {
      const { relation } = item;
      const one = all[index] ?? all[0];
      if (one !== undefined && there?.has(item) !== true)
        rows.push(...(await withParents(context, relation, one, rows, 0)));
    }
    if (rows.length > 0 && rows.every(({ row }) => !namesPersona(context, row)))
      made.push({ rows, row: ownValues(opener, values) });
    if ([...known.values()].every((all) => all.length <= index + 1)) break;
  }
  return made;
}

/** A condition that no known row meets, not even one that names the persona. */
export async function neverMet(
  context: Context,
  opener: Opener,
  hidden: Row,
  there: ReadonlyMap<Item, Row> = new Map(),
): Promise<Unmet | undefined> {
  const values = await likelyValues(context, opener, hidden, there);
  const own = { ...hidden, ...ownValues(opener, values) };
  for (const one of opener.unmet) {
    let isMet = false;
    for (const item of opener.items) {
      const conditions = conditionsOn(item, [one], own, there, context.space.relation);
      if (isMet || conditions.length === 0) continue;
      const given = there.get(item) ?? givenTo(opener.ties, item, values);
      isMet = (await hitsOf(context, spaceOf(context, item.relation), given, conditions, [])).length > 0;
    }
    if (!isMet) return one;
  }
  return undefined;
}

/** All that rows are compared with that says who the persona is. */
async function namesOf(context: Context, { asksWho }: Opener): Promise<readonly string[]> {
  const answers = await Promise.all(asksWho.map((one) => one && context.answer(one)));
  const names = answers.flatMap((one) => one ?? []).filter((one) => one !== null);
  // Others' ids begin, or end, alike.
  const isPart = (one: string): boolean =>
    context.identities.some((id) => isUuid(id) && one.length < id.length && id.includes(one));
  return [...context.identities, ...names.filter((one) => !isPart(one))];
}

/** It reads no row. */
function isApart(node: Node): boolean {
  return !readsRow(node) && outerNames(node).length === 0;
}

/** What must hold of a row of one table, with all that is known of the others in its place. */
export function conditionsOn(
  item: Item,
  unmet: readonly Unmet[],
  own: Row,
  known: ReadonlyMap<Item, Row>,
  ownRelation: ProofRelation,
): readonly Node[] {
  return unmet.flatMap(({ node, scope }) => {
    let isUnderstood = true;
    let isAbout = false;
    walk(node, (one) => {
      if (part(one, "SubLink") === undefined) return true;
      isUnderstood &&= isApart(one);
      return false;
    });
    const tree = replace(node, (one) => {
      if (part(one, "SubLink") !== undefined) return one;
      const [of, name] = fieldsOf(one) ?? [];
      if (of === undefined || name === undefined) return undefined;
      const found =
        of === rowName
          ? { value: own[name], relation: ownRelation, column: name }
          : slotIn(scope, of, name, known);
      if (found === undefined) isUnderstood = false;
      else if ("item" in found && found.item === item) {
        isAbout = true;
        return columnRef(rowName, found.column);
      } else {
        const type = found.relation.columns.find((column) => column.name === found.column)?.type;
        return literal(found.value ?? null, type);
      }
      return undefined;
    });
    return isUnderstood && isAbout ? [tree] : [];
  });
}

function slotIn(
  scope: Scope,
  of: string,
  name: string,
  known: ReadonlyMap<Item, Row>,
):
  | {
      readonly item: Item;
      readonly relation: ProofRelation;
      readonly column: string;
      readonly value: string | null | undefined;
    }
  | undefined {
  const found = scope.get(of);
  const operand = found !== undefined && "columns" in found ? found.columns.get(name) : undefined;
  const slot =
    found !== undefined && "relation" in found
      ? { item: found, column: name }
      : operand?.kind === "slot"
        ? operand.slot
        : undefined;
  return slot && { ...slot, relation: slot.item.relation, value: known.get(slot.item)?.[slot.column] };
}

/** Whole rows with what is given for which the conditions and the table's own constraints hold, the likeliest to be stored first. */
export async function rowsMeeting(
  context: Context,
  relation: ProofRelation,
  given: Row,
  conditions: readonly Node[],
  /** Met as the persona, by rows that hold none of these. */
  whose?: readonly string[],
): Promise<readonly Row[]> {
  const space = spaceOf(context, relation);
  const checks = relation.checks.flatMap((one) => {
    const { tree } = context.knowledge.declared(relation, `(${one}) is not false`);
    return tree === undefined || !isOfRowAlone(tree, context.knowledge) ? [] : [tree];
  });
  const met = await hitsOf(context, space, given, [...conditions, ...checks], whose);
  const hits = met.length > 0 ? met : await hitsOf(context, space, given, checks);
  const strange = await strangersIds(space);
  const filled = await filledRows(
    space,
    (hits.length > 0 ? hits : [{}]).map((hit) => ({ ...hit, ...given })),
    undefined,
  );
  return Promise.all(
    filled
      .slice(0, solutionLimit)
      .map(({ row }) => withoutPersona(context, space, { ...strange, ...row }, [])),
  );
}

export async function hitsOf(
  context: Context,
  space: Space,
  given: Row,
  trees: readonly Node[],
  whose?: readonly string[],
): Promise<readonly Row[]> {
  if (trees.length === 0) return [];
  const wanted = printedCondition(joined("AND_EXPR", trees));
  const fixed = { space: { ...space, fixed: new Map(Object.entries(given)) } };
  const full = { as: privileged, answer: personaAnswers(context.session, privileged) };
  const asked = { ...context, ...fixed, ...(whose === undefined ? full : {}) };
  const { more } = await contrast(asked, wanted, always(false), false);
  if (whose === undefined) return more;
  return more.filter((row) => !Object.values(row).some((value) => holdsOne(value, whose)));
}

const deepestParent = 4;

/** A row, after the rows that its foreign keys ask for and that are not there. */
async function withParents(
  context: Context,
  relation: ProofRelation,
  row: Row,
  others: readonly OtherRow[],
  depth: number,
): Promise<readonly OtherRow[]> {
  const before: OtherRow[] = [];
  const whole: Record<string, string | null> = { ...row };
  for (const { columns, to, referenced } of relation.foreignKeys) {
    const [name, ...more] = columns;
    const parent = context.knowledge.schema.relation(to.schema, to.name);
    const key = parent?.columns.find((one) => one.name === referenced[0]);
    if (name === undefined || more.length > 0 || parent === undefined || key === undefined) continue;
    const value = whole[name] ?? undefined;
    const isNeeded =
      value !== undefined || relation.columns.find((one) => one.name === name)?.notNull === true;
    const there = await context.space.material.parents(relation, name);
    const isThere =
      value !== undefined &&
      (there?.values.includes(value) === true ||
        [...others, ...before].some((one) => one.relation === parent && one.row[key.name] === value));
    if (!isNeeded || isThere || parent === relation || depth > deepestParent) continue;
    const chosen = value ?? (await freshFor(spaceOf(context, parent), key, 17));
    if (chosen === undefined) continue;
    const [made] = await rowsMeeting(context, parent, { [key.name]: chosen }, []);
    if (made === undefined) continue;
    before.push(...(await withParents(context, parent, made, [...others, ...before], depth + 1)));
    whole[name] = chosen;
  }
  return [...before, putIn(relation, whole)];
}
