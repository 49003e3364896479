import { quoteLiteral } from "../../lib/sql-text.ts";
import { flipped } from "./comparable.ts";
import type { Conjunction } from "./conjunction.ts";
import type { ProofColumn } from "./schema.ts";
import { isIntegral, isTextual } from "./types.ts";
import {
  type Closed,
  familyOf,
  isOfItsType,
  type Literal,
  type TableRow,
  type Term,
  valueKey,
} from "./terms.ts";

/** What a closed part is for whom it is asked; `undefined`: it could not be asked. */
export type ValueOf = (
  closed: Closed,
) => { readonly value: string | null; readonly type: string } | undefined;

export type Fact =
  | {
      readonly kind: "compared";
      readonly operator: string;
      readonly sides: readonly [string, string];
      /** The first side is never NULL. */
      readonly isSure: boolean;
      /** What the second side is, as a value of the column's own type; absent: a column, or another type's. */
      readonly value?: string | undefined;
    }
  | { readonly kind: "null"; readonly column: string }
  | { readonly kind: "not null"; readonly column: string; readonly isSure: boolean }
  | { readonly kind: "one of"; readonly column: string; readonly labels: readonly string[] }
  | { readonly kind: "text"; readonly text: string };

/** Rows of tables, and what is known of them. */
export interface Facts {
  readonly rows: readonly TableRow[];
  readonly facts: readonly Fact[];
}

export interface Values {
  readonly premise: ValueOf;
  readonly goal: ValueOf;
}

/**
 * Is one of the goals true wherever one of the premises is, whatever rows the tables hold? For each premise a goal must be found whose
 * rows are rows of the premise, so that all that it asks of them is known of these.
 * Chandra and Merlin 1977: https://doi.org/10.1145/800105.803397
 */
export function isContained(
  premises: readonly Conjunction[],
  goals: readonly Conjunction[],
  valueOf: Values,
): boolean {
  return uncovered(premises, goals, valueOf).length === 0;
}

/**
 * Premises for which no goal is found.
 * @param there the row that the premises are about, where it is one of its table
 */
export function uncovered(
  premises: readonly Conjunction[],
  goals: readonly Conjunction[],
  valueOf: Values,
  there?: { readonly row: TableRow; readonly isKey: (row: TableRow, key: readonly string[]) => boolean },
): readonly Facts[] {
  const asked = goals.flatMap((one) => factsOf(one, valueOf.goal, true) ?? []);
  return premises.flatMap((one) => {
    const said = factsOf(one, valueOf.premise, false);
    if (said === undefined) return [];
    const all =
      there === undefined ? said : joined({ ...said, rows: [there.row, ...said.rows] }, there.isKey);
    const known = new Known(all.facts);
    return known.isImpossible || asked.some((goal) => isMet(goal, all.rows, known)) ? [] : [all];
  });
}

/** Rows of one table with the same key are one. */
function joined(all: Facts, isKey: (row: TableRow, key: readonly string[]) => boolean): Facts {
  const known = new Known(all.facts);
  const isSame = (a: TableRow, b: TableRow): boolean =>
    a.relation === b.relation &&
    a.relation.keys.some(
      (key) =>
        isKey(a, key) && key.every((name) => known.areEqual(keyFor(a.name, name), keyFor(b.name, name))),
    );
  for (const [index, one] of all.rows.entries()) {
    const same = all.rows.slice(index + 1).find((other) => isSame(one, other));
    if (same === undefined) continue;
    const rows = all.rows.filter((other) => other !== same);
    return joined({ rows, facts: all.facts.map((fact) => renamed(fact, same.name, one.name)) }, isKey);
  }
  return all;
}

/**
 * @param all what is not understood is never met; else it is left out
 * @returns `undefined`: it never holds
 */
function factsOf({ rows, literals }: Conjunction, valueOf: ValueOf, all: boolean): Facts | undefined {
  const facts: Fact[] = [];
  for (const one of literals) {
    const fact = factOf(one, valueOf);
    if (fact === false || (fact === undefined && all)) return undefined;
    if (typeof fact === "object") facts.push(fact);
  }
  return { rows, facts };
}

/** `undefined`: it is not known what it says. */
function factOf(literal: Literal, valueOf: ValueOf): Fact | boolean | undefined {
  switch (literal.kind) {
    case "settled": {
      const found = valueOf(literal.closed);
      return found?.type === "boolean" ? found.value === "true" : undefined;
    }
    case "null": {
      const { of, isNull } = literal;
      if (of.kind !== "column") return undefined;
      const column = columnKey(of);
      return isNull ? { kind: "null", column } : { kind: "not null", column, isSure: isNeverNull(of.column) };
    }
    case "compared":
      return comparedFact(literal.operator, literal.sides, valueOf);
    case "written":
      return writtenFact(literal.text, literal.closed, valueOf);
  }
}

function comparedFact(
  operator: string,
  sides: readonly [Term, Term],
  valueOf: ValueOf,
): Fact | false | undefined {
  const [a, b] = sides;
  if (a.kind !== "column") return undefined;
  const isSure = isNeverNull(a.column);
  if (b.kind === "column") {
    const isOne = familyOf(a.column) === familyOf(b.column);
    return isOne ? { kind: "compared", operator, sides: [columnKey(a), columnKey(b)], isSure } : undefined;
  }
  const found = b.kind === "closed" ? valueOf(b.closed) : b;
  if (found === undefined) return undefined;
  const { value, type } = found;
  // What is compared with NULL is not true.
  if (value === null) return false;
  const labels = isOfItsType(a.column, type) ? labelsFor(a.column, operator, value) : undefined;
  if (labels !== undefined) return { kind: "one of", column: columnKey(a), labels };
  const key = valueKey(a.column, value, type);
  const known = key === undefined ? {} : { value };
  const other = key ?? `${familyOf(a.column)} as ${type ?? ""} ${value}`;
  return { kind: "compared", operator, sides: [columnKey(a), other], isSure, ...known };
}

/** Of a column whose values are all known: those for which the comparison holds. What a CHECK lists is in no order. */
function labelsFor(column: ProofColumn, operator: string, value: string): readonly string[] | undefined {
  const { labels } = column;
  const at = labels?.indexOf(value) ?? -1;
  const isOrdered = !isTextual(column) && !isIntegral(column);
  if (labels === null || at < 0 || !(isOrdered || /^(?:=|<>)$/.test(operator))) return undefined;
  const holds: Readonly<Record<string, (index: number) => boolean>> = {
    "=": (index) => index === at,
    "<>": (index) => index !== at,
    "<": (index) => index < at,
    "<=": (index) => index <= at,
    ">": (index) => index > at,
    ">=": (index) => index >= at,
  };
  return labels.filter((_, index) => holds[operator]?.(index));
}

function writtenFact(written: string, closed: readonly Closed[], valueOf: ValueOf): Fact | undefined {
  let text = written;
  for (const one of closed) {
    const found = valueOf(one);
    if (found === undefined) return undefined;
    const { value, type } = found;
    text = text.replaceAll(
      quoteLiteral(one.name),
      () => `${value === null ? "null" : quoteLiteral(value)}::${type}`,
    );
  }
  return { kind: "text", text };
}

function columnKey({ of, column }: Extract<Term, { kind: "column" }>): string {
  return keyFor(of, column.name);
}

function keyFor(row: string, column: string): string {
  return `"${row}".${column}`;
}

function isNeverNull({ notNull, nullInChildren }: ProofColumn): boolean {
  return notNull && !nullInChildren;
}

/** What follows of facts. */
class Known {
  readonly #parents = new Map<string, string>();
  readonly #texts = new Set<string>();
  readonly #labels = new Map<string, readonly string[]>();
  readonly #notNull = new Set<string>();
  readonly #null = new Set<string>();
  /** Each by its only key. */
  readonly #values = new Set<string>();

  constructor(facts: readonly Fact[]) {
    for (const one of facts) {
      if (one.kind === "text") this.#texts.add(one.text);
      else if (one.kind === "null") this.#null.add(one.column);
      else if (one.kind === "not null") this.#notNull.add(one.column);
      else if (one.kind === "compared") {
        this.#addCompared(one.operator, one.sides);
        if (one.value !== undefined) this.#values.add(one.sides[1]);
      }
    }
    // Columns that are equal hold the same label.
    for (const one of facts) if (one.kind === "one of") this.#addLabels(one.column, one.labels);
  }

  #addLabels(column: string, labels: readonly string[]): void {
    this.#notNull.add(column);
    const root = this.#root(column);
    this.#labels.set(root, this.#labels.get(root)?.filter((one) => labels.includes(one)) ?? labels);
  }

  #addCompared(operator: string, [a, b]: readonly [string, string]): void {
    for (const side of [a, b]) this.#notNull.add(side);
    if (operator === "=") this.#parents.set(this.#root(a), this.#root(b));
    else {
      this.#texts.add(`${a} ${operator} ${b}`);
      this.#texts.add(`${b} ${flipped[operator] ?? operator} ${a}`);
    }
  }

  #root(key: string): string {
    const parent = this.#parents.get(key);
    return parent === undefined || parent === key ? key : this.#root(parent);
  }

  /** A column would have to hold two values, or none of its labels. */
  get isImpossible(): boolean {
    const values = new Map<string, string>();
    for (const one of this.#values) {
      const root = this.#root(one);
      if (values.has(root)) return true;
      values.set(root, one);
    }
    return [...this.#labels.values()].some((labels) => labels.length === 0);
  }

  /** What is compared is not NULL. */
  areEqual(a: string, b: string): boolean {
    return this.#root(a) === this.#root(b) && (a !== b || this.#notNull.has(a));
  }

  has(fact: Fact): boolean {
    if (fact.kind === "text") return this.#texts.has(fact.text);
    if (fact.kind === "null") return this.#null.has(fact.column);
    if (fact.kind === "not null") return fact.isSure || this.#notNull.has(fact.column);
    if (fact.kind === "one of")
      return this.#labels.get(this.#root(fact.column))?.every((one) => fact.labels.includes(one)) === true;
    const [a, b] = fact.sides;
    // Two rows that are found to be one: NULL is not equal to itself.
    if (a === b) return fact.operator === "=" && (fact.isSure || this.#notNull.has(a));
    if (fact.operator === "=") return this.#root(a) === this.#root(b);
    return this.#texts.has(`${a} ${fact.operator} ${b}`);
  }
}

const rowName = /rowgate:(?:asked|known):\d+/g;

/** The row and the column of a side, where it is one. */
export function columnOf(side: string): { readonly row: string; readonly column: string } | undefined {
  const [, row, column] = /^"(rowgate:[^"]*)"\.([^]*)$/.exec(side) ?? [];
  return row === undefined || column === undefined ? undefined : { row, column };
}

/** Is there a row of the premise for each of the goal's? */
function isMet(goal: Facts, rows: readonly TableRow[], known: Known): boolean {
  const [first, ...rest] = goal.rows;
  if (first === undefined) return goal.facts.every((one) => known.has(one));
  const left = new Set(rest.map(({ name }) => name));
  return rows
    .filter(({ relation }) => relation === first.relation)
    .some(({ name }) => {
      const facts = goal.facts.map((one) => renamed(one, first.name, name));
      // What is said of rows that have one by now.
      const isKnown = facts.every((one) => namesIn(one).some((each) => left.has(each)) || known.has(one));
      return isKnown && isMet({ rows: rest, facts }, rows, known);
    });
}

export function sidesOf(fact: Fact): readonly string[] {
  if (fact.kind === "compared") return fact.sides;
  return [fact.kind === "text" ? fact.text : fact.column];
}

function namesIn(fact: Fact): readonly string[] {
  return sidesOf(fact).flatMap((one) => one.match(rowName) ?? []);
}

function renamed(fact: Fact, from: string, to: string): Fact {
  const put = (text: string): string => text.replaceAll(rowName, (name) => (name === from ? to : name));
  if (fact.kind === "compared") return { ...fact, sides: [put(fact.sides[0]), put(fact.sides[1])] };
  return fact.kind === "text" ? { ...fact, text: put(fact.text) } : { ...fact, column: put(fact.column) };
}
