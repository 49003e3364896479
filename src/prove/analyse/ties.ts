import type { A_Const, Node } from "libpg-query";
import type { Question } from "./question.ts";
import type { ProofRelation } from "./schema.ts";

/** One row of a table. */
export interface Item {
  readonly relation: ProofRelation;
}

/** Columns that hold the same value. */
export interface Tie {
  readonly slots: readonly Slot[];
  /** Columns of the row that the condition is about. */
  readonly columns: readonly string[];
  /** `null` is NULL; `undefined`: any value. */
  readonly constant: string | null | undefined;
  /** A value that is the same for everybody: `current_date`. */
  readonly value?: Question | undefined;
  /** What the persona itself is compared with: a row of another's must not hold it. */
  readonly persona: readonly Question[];
  /** The row that the condition is about may hold what the persona is compared with: no other row does. */
  readonly ofRow?: boolean;
}

export interface Slot {
  readonly item: Item;
  readonly column: string;
}

export type Operand =
  | { readonly kind: "slot"; readonly slot: Slot }
  | { readonly kind: "column"; readonly name: string }
  /** `isNear`: one of many values that would do. */
  | { readonly kind: "constant"; readonly value: string | null; readonly isNear?: true }
  | { readonly kind: "value" | "persona"; readonly question: Question };

/** A condition that is no equality: whether a row meets it is only known once it is there. */
export interface Unmet {
  readonly node: Node;
  /** What names of FROM items mean in it. */
  readonly scope: Scope;
}

/** A part of the whole condition that the way leads through, and whether it is true then. */
export interface Through {
  readonly tree: Node;
  readonly holds: boolean;
  /** It holds once rows are gone that have nothing to do with the row. */
  readonly absence?: Unmet | undefined;
}

/** Rows, and what must be equal for the condition to hold. */
export interface Way {
  readonly items: readonly Item[];
  readonly equal: readonly (readonly [Operand, Operand])[];
  /** What must hold besides. */
  readonly unmet: readonly Unmet[];
  readonly through: readonly Through[];
  /** What must hold and reads no row: the persona settles it. */
  readonly settled: readonly Question[];
  /** Of a function that cannot be read. */
  readonly guess: boolean;
  readonly sql: string | undefined;
}

/** A row of a query, and the rows that it comes from. */
export interface Rows {
  readonly way: Way;
  /** `undefined`: it is not known what the column is made of. */
  readonly columns: ReadonlyMap<string, Operand | undefined>;
}

/** What names of FROM items mean. */
export type Scope = ReadonlyMap<string, Item | Rows>;

export const nothing: Way = {
  items: [],
  equal: [],
  unmet: [],
  through: [],
  settled: [],
  guess: false,
  sql: undefined,
};

export function joinedWays(one: Way, other: Way): Way {
  return {
    items: [...one.items, ...other.items],
    equal: [...one.equal, ...other.equal],
    unmet: [...one.unmet, ...other.unmet],
    through: [...one.through, ...other.through],
    settled: [...one.settled, ...other.settled],
    guess: one.guess || other.guess,
    sql: one.sql ?? other.sql,
  };
}

/** Operands that are equal to each other, directly or by way of others. */
export function tied(pairs: Way["equal"]): readonly Tie[] {
  const groups: Operand[][] = [];
  for (const pair of pairs) {
    const ofPair = pair.map((one) => groups.find((group) => group.some((other) => isSame(one, other))));
    const merged = [...new Set(ofPair)].flatMap((group) => group ?? []);
    for (const group of new Set(ofPair)) if (group !== undefined) groups.splice(groups.indexOf(group), 1);
    groups.push([...merged, ...pair]);
  }
  return groups.map((group) => ({
    slots: group.flatMap((one) => (one.kind === "slot" ? one.slot : [])),
    columns: [...new Set(group.flatMap((one) => (one.kind === "column" ? one.name : [])))],
    constant: constantsOf(group)[0]?.value,
    value: group.flatMap((one) => (one.kind === "value" ? one.question : []))[0],
    persona: group.flatMap((one) => (one.kind === "persona" ? one.question : [])),
  }));
}

/** What a column has to be comes before what would do. */
function constantsOf(group: readonly Operand[]): readonly Extract<Operand, { kind: "constant" }>[] {
  const all = group.flatMap((one) => (one.kind === "constant" ? [one] : []));
  return [...all.filter(({ isNear }) => isNear !== true), ...all.filter(({ isNear }) => isNear === true)];
}

/** A row of the relation that the condition is about, by the key of the very row that it is about, is that row. */
export function withoutItself(way: Way, relation: ProofRelation): Way {
  const { items, equal: pairs } = way;
  if (!items.some((item) => item.relation === relation)) return way;
  const ties = tied(pairs);
  const isItself = (item: Item): boolean =>
    item.relation === relation &&
    relation.keys.some((key) =>
      key.every((name) =>
        ties.some(
          ({ columns, slots }) =>
            columns.includes(name) && slots.some((slot) => slot.item === item && slot.column === name),
        ),
      ),
    );
  const itself = new Set(items.filter(isItself));
  const own = (one: Operand): Operand =>
    one.kind === "slot" && itself.has(one.slot.item) ? { kind: "column", name: one.slot.column } : one;
  return {
    ...way,
    items: items.filter((item) => !itself.has(item)),
    equal: pairs.map(([one, other]) => [own(one), own(other)]),
  };
}

/** Constants and what the persona is are no bridge between others. */
function isSame(one: Operand, other: Operand): boolean {
  if (one.kind === "slot" && other.kind === "slot")
    return one.slot.item === other.slot.item && one.slot.column === other.slot.column;
  return one.kind === "column" && other.kind === "column" && one.name === other.name;
}

export function flippedOf(operator: string): string {
  return operator.replace(/[<>]/, (one) => (one === "<" ? ">" : "<"));
}

/** A value for which the comparison with a constant holds; of a moment, one that is far away. */
export function besideOf(operator: string, holds: boolean, to: Operand | undefined): Operand | undefined {
  if (/^[<>]=?$/.test(operator)) {
    const above = operator.startsWith(">") === holds;
    const text =
      to?.kind === "constant"
        ? (to.value ?? "")
        : to !== undefined && "question" in to
          ? to.question.sql
          : "";
    if (/\bnow\b|current_|clock|\d{4}-\d\d/i.test(text))
      return { kind: "constant", value: above ? "2100-01-01" : "1900-01-01", isNear: true };
    const beside = Number(text) + (above ? 1 : -1);
    // Far from zero no number is so near.
    return /^-?[\d.]+$/.test(text) && Number.isSafeInteger(Math.trunc(beside))
      ? { kind: "constant", value: String(beside), isNear: true }
      : undefined;
  }
  if (to?.kind !== "constant" || to.value === null || !/^~~\*?$/.test(operator) || !holds) return undefined;
  return { kind: "constant", value: to.value.replaceAll("%", "").replaceAll("_", "a") };
}

const patterns: Readonly<Record<string, string>> = { "~~": "%", "~~*": "%", "~": "", "~*": "" };

/** Of a column that holds patterns: one that everything is like. */
export function patternOfAll(
  operator: string,
  holds: boolean,
  column: Operand | undefined,
): Operand | undefined {
  const value = patterns[operator];
  return holds && value !== undefined && column?.kind === "slot" ? { kind: "constant", value } : undefined;
}

export function constantOf(constant: A_Const): string | null {
  if (constant.isnull === true) return null;
  if (constant.boolval !== undefined) return String(constant.boolval.boolval === true);
  if (constant.ival !== undefined) return String(constant.ival.ival ?? 0);
  return constant.sval?.sval ?? constant.fval?.fval ?? "";
}
