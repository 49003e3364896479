import { perObject } from "../lib/recent.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { Opener } from "./analyse/openers.ts";
import type { ProofColumn, ProofRelation } from "./analyse/schema.ts";
import type { Item, Tie } from "./analyse/ties.ts";
import type { Row } from "./ask/evaluate.ts";
import type { Space } from "./ask/product.ts";
import type { Asking } from "./ask/session.ts";
import type { Context } from "./context.ts";
import { roleValue } from "./who.ts";
import { fill, freshFor, standingRows } from "./show/rows.ts";

export async function rowOf(
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
      const target = item.relation.columns.find((one) => one.name === column);
      if (value !== undefined && !excluded.includes(value ?? ""))
        given[column] = target === undefined ? value : inColumn(target, value);
      else not.push(...excluded);
    }
  const [template] = await standingRows(space);
  const filled = await fill(space, given, undefined, template?.row ?? {}, true);
  // An identity that is always generated is written over by the privileged connection alone.
  const identities = item.relation.columns.filter(
    ({ name, identity }) => identity === "always" && name in given,
  );
  const row = own
    ? filled
    : { ...filled, ...Object.fromEntries(identities.map(({ name }) => [name, given[name] ?? null])) };
  return own ? row : withoutPersona(context, space, { ...(await strangersIds(space)), ...row }, not);
}

export interface TiedValue {
  /** `undefined`: each column what it is likely to hold. */
  readonly value: string | null | undefined;
  /** What the persona is compared with. */
  readonly excluded: readonly string[];
  /** Everybody of the role is compared with it. */
  readonly ofRole?: boolean;
}

export async function valueFor(context: Context, tie: Tie, hidden: Row, own: boolean): Promise<TiedValue> {
  const ofRole = await valueOfRole(context, tie);
  if (ofRole !== undefined) return { value: ofRole, excluded: [], ofRole: true };
  const answers = await Promise.all(tie.persona.map((one) => context.answer(one)));
  const names = answers.flatMap((one) => one ?? []).filter((one) => one !== null);
  if ((own || tie.ofRow === true) && names[0] !== undefined) return { value: names[0], excluded: [] };
  return { value: await likelyValue(context, tie, hidden), excluded: own ? [] : names };
}

/** What rows are compared with, where that says no more of the persona than its role. */
export async function valueOfRole(context: Context, { persona }: Tie): Promise<string | undefined> {
  if (persona.length === 0) return undefined;
  const values = await Promise.all(persona.map((one) => roleValue(context, one)));
  return values.includes(undefined) ? undefined : values[0];
}

export async function likelyValue(
  context: Context,
  { slots, columns, constant, value }: Tie,
  hidden: Row,
  /** A key is taken, too, that another row may have. */
  taken = false,
): Promise<string | null | undefined> {
  if (constant !== undefined) return constant;
  if (value !== undefined) return (await context.answer(value))?.[0];
  const [slot] = slots;
  if (slot === undefined) return undefined;
  const { relation } = slot.item;
  const column = relation.columns.find(({ name }) => name === slot.column);
  const there = columns.map((name) => hidden[name]).find((one) => typeof one === "string");
  // A key that another row has cannot be put in again.
  const isKey = slots.some(({ item, column: name }) =>
    item.relation.uniques.some((one) => one.length === 1 && one[0] === name),
  );
  if (there !== undefined && (taken || !isKey)) return there;
  if (columns.length === 0 && slots.length < 2) return undefined;
  return column && freshFor(spaceOf(context, relation), column, 11);
}

export function spaceOf({ knowledge, session, space }: Context, relation: ProofRelation): Space {
  return {
    session,
    relation,
    material: space.material,
    checks: knowledge.checks(relation),
    fixed: new Map(),
  };
}

/** Tables that others of them point to come first. */
export function parentsFirst(items: readonly Item[]): readonly Item[] {
  return items.toSorted(
    (a, b) => Number(isBefore(b.relation, a.relation)) - Number(isBefore(a.relation, b.relation)),
  );
}

/** Do rows of the second table point to rows of the first? */
export function isBefore(parent: ProofRelation, relation: ProofRelation): boolean {
  const target = formatQualified(parent);
  return relation !== parent && relation.foreignKeys.some(({ to }) => formatQualified(to) === target);
}

/** Another user in each column that may hold who the row is about. */
export function strangersIds({ session, relation }: Space): Promise<Row> {
  return strangers(session)(relation);
}

const strangers = perObject((session: Asking) =>
  perObject((relation: ProofRelation) => readStrangersIds(session, relation)),
);

async function readStrangersIds(session: Asking, { columns, foreignKeys }: ProofRelation): Promise<Row> {
  const open = columns.filter(
    ({ name, base, generated, expression }) =>
      base === "uuid" &&
      !generated &&
      expression === null &&
      !foreignKeys.some((key) => key.columns.includes(name)),
  );
  const ids = await Promise.all(
    open.map(async (one) => [one.name, (await freshFor({ session }, one, 13)) ?? null] as const),
  );
  return Object.fromEntries(ids);
}

/** Another's values in place of the persona's. */
export async function withoutPersona(
  context: Context,
  space: Space,
  row: Row,
  not: readonly string[],
): Promise<Row> {
  const theirs = new Set([...context.identities, ...not]);
  const entries = await Promise.all(
    Object.entries(row).flatMap(([name, value]) => {
      if (value === null || !theirs.has(value)) return [];
      const column = space.relation.columns.find((one) => one.name === name);
      return column === undefined ? [] : [otherEntry(space, column, value, theirs)];
    }),
  );
  return entries.length === 0 ? row : { ...row, ...Object.fromEntries(entries) };
}

async function otherEntry(
  space: Space,
  column: ProofColumn,
  value: string,
  theirs: ReadonlySet<string>,
): Promise<readonly [string, string | null]> {
  return [column.name, (await othersValue(space, column, theirs)) ?? (column.notNull ? value : null)];
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

/** In capitals, too: an address is the same in them. */
export function holdsOne(value: string | null, names: readonly string[]): boolean {
  const text = value?.toLowerCase() ?? "";
  return names.some((one) => one !== "" && text.includes(one.toLowerCase()));
}

export function namesPersona({ identities }: Context, row: Row): boolean {
  return Object.values(row).some((value) => holdsOne(value, identities));
}

/** What the ties say of the row that the policy is about. */
export function ownValues({ ties }: Opener, values: readonly TiedValue[]): Row {
  const row: Record<string, string | null> = {};
  for (const [index, tie] of ties.entries()) {
    const { value, ofRole } = values[index] ?? {};
    if (value !== undefined && (tie.persona.length === 0 || tie.ofRow === true || ofRole === true))
      for (const name of tie.columns) row[name] = value;
  }
  return row;
}

export function givenTo(ties: readonly Tie[], item: Item, values: readonly TiedValue[]): Row {
  const given: Record<string, string | null> = {};
  for (const [index, { slots }] of ties.entries())
    for (const { column: name } of slots.filter((slot) => slot.item === item)) {
      const { value } = values[index] ?? {};
      const column = item.relation.columns.find((one) => one.name === name);
      if (value !== undefined && column !== undefined) given[name] = inColumn(column, value);
    }
  return given;
}

/** A value that an array may hold, as that array. */
export function inColumn({ type }: ProofColumn, value: string | null): string | null {
  if (value === null || !type.endsWith("[]") || value.startsWith("{")) return value;
  return `{"${value.replace(/["\\]/g, "\\$&")}"}`;
}
