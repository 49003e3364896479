import { documentOf, isDocument, spellingsOf } from "./spellings.ts";
import { type Table, type TableRow, type Values, valuesOf } from "./world.ts";

// What an answer holds that the caller may not read. Pure: rows, and what came back.

/** A row, an object or a scalar that came back. A scalar has the key under which it came. */
export type AnswerRow = Values;

/** Every object within the answer is a separate row, and so is every scalar of a list, and a document or list as a whole. */
export function answerRows(json: string | null): readonly AnswerRow[] {
  const rows: AnswerRow[] = [];
  const walk = (value: unknown, key: string): void => {
    if (Array.isArray(value)) for (const one of value) walk(one, key);
    else if (typeof value === "object" && value !== null) {
      const scalars = Object.entries(value).filter(([, one]) => typeof one !== "object");
      if (scalars.length > 0) rows.push(valuesOf(Object.fromEntries(scalars)));
      const texts = scalars.map(([name, one]) => [name, typeof one === "string" ? documentOf(one) : one]);
      for (const [name, one] of [...Object.entries(value), ...texts] as [string, unknown][])
        if (typeof one === "object" && one !== null) {
          rows.push(valuesOf({ [name]: one }));
          walk(one, name);
        }
    } else if (value !== null && value !== undefined) rows.push(valuesOf({ [key]: value }));
  };
  walk(json === null ? [] : JSON.parse(json), "");
  return rows;
}

/** What a caller may know: rows that it may read, by the columns that it may read, and what its declared calls return. */
export class Known {
  readonly #byValue = new Map<string, Values[]>();

  constructor(rows: Iterable<Values>) {
    for (const row of rows)
      for (const value of spellingsOf(row)) {
        const list = this.#byValue.get(value);
        if (list === undefined) this.#byValue.set(value, [row]);
        else list.push(row);
      }
  }

  hasValue(value: string): boolean {
    return this.#byValue.has(value);
  }

  /** Within a longer one, too. */
  hasPart(value: string): boolean {
    return this.hasValue(value) || [...this.#byValue.keys()].some((one) => one.includes(value));
  }

  /** A row that holds each of these under the same name. */
  row(entries: Entries): Values | undefined {
    const [first] = entries;
    return (this.#byValue.get(first?.[1] ?? "") ?? []).find((row) => holds(row, entries));
  }

  /** A row that holds both values, whatever they are called. */
  together(a: string, b: string): boolean {
    return (this.#byValue.get(a) ?? []).some((row) => [...row.values()].includes(b));
  }
}

type Entries = readonly (readonly [name: string, value: string])[];

function holds(row: Values, entries: Entries): boolean {
  return entries.every(([name, value]) => row.get(name) === value);
}

/** Rows of a table that the caller may not read. */
export interface HiddenTable {
  readonly table: Table;
  readonly rows: readonly TableRow[];
  /** The matrix speaks of the table: it denies these rows, and is not merely silent. */
  readonly denied: boolean;
}

/** A row of an answer, and the hidden rows of one table that it seems to come from. */
export interface Suspicion {
  readonly table: Table;
  readonly rows: readonly TableRow[];
  /** Of the answer: what must be gone from it once those rows are gone. */
  readonly entries: Entries;
  /** The caller may know the row of the answer, but not this value beside it. */
  readonly beside?: { readonly column: string; readonly value: string };
}

/** What an answer is compared with. */
export interface Comparison {
  /** Of the tables that the call has read. */
  readonly hidden: readonly HiddenTable[];
  readonly known: Known;
  /** Values of the arguments: an answer that repeats them says nothing. */
  readonly given: ReadonlySet<string>;
}

/** Hidden rows that this one of the answer may come from, by table; none: the caller may know what it holds. */
export function suspicionsOf(answer: AnswerRow, comparison: Comparison): readonly Suspicion[] {
  const entries = [...answer].filter(([, value]) => value !== "");
  const { found, own } = byColumns(entries, comparison);
  if (found.length > 0 || own === undefined) return [...found, ...byValues(entries, comparison)];
  return besideKnown(new Map(entries.filter((one) => !own.includes(one))), comparison);
}

/** Values of rows that the matrix denies, in a row that the caller may know otherwise: as long as they tell of that row. */
export function besideKnown(answer: AnswerRow, comparison: Comparison): readonly Suspicion[] {
  const hidden = comparison.hidden.filter(({ denied }) => denied);
  const telling = [...answer].filter(([, value]) => isTelling(value) && !comparison.known.hasValue(value));
  return byValues(telling, { ...comparison, hidden }).map((one) => {
    const [column = "", value = ""] = one.entries[0] ?? [];
    return { ...one, beside: { column, value } };
  });
}

interface ByColumns {
  readonly found: readonly Suspicion[];
  /** Of a row that the caller may know. */
  readonly own?: Entries;
}

function byColumns(entries: Entries, { hidden, known, given }: Comparison): ByColumns {
  const candidates = hidden
    .map((one) => {
      const names = new Set(one.table.info.columns.map(({ name }) => name));
      return { one, shared: entries.filter(([name]) => names.has(name)) };
    })
    .filter(({ shared }) => shared.some(([, value]) => !given.has(value) && !isTruth(value)))
    .toSorted((a, b) => b.shared.length - a.shared.length);
  const found: Suspicion[] = [];
  for (const { one, shared } of candidates) {
    if (known.row(shared) !== undefined) return { found, own: shared };
    const { primaryKey } = one.table.info;
    const named = new Set(shared.map(([name]) => name));
    const isWhole = primaryKey.length > 0 && primaryKey.every((name) => named.has(name));
    const telling = shared.length > 1 || shared.some(([, value]) => isTelling(value)) || isWhole;
    const rows = telling ? one.rows.filter(({ values }) => holds(values, shared)) : [];
    if (rows.length > 0) found.push({ table: one.table, rows, entries: shared });
    else if (isWhole) found.push(...mixedIn(shared, one, known, given));
  }
  return { found };
}

/** A known row's key, together with a value that only hidden rows have. */
function mixedIn(
  shared: Entries,
  { table, rows }: HiddenTable,
  known: Known,
  given: ReadonlySet<string>,
): readonly Suspicion[] {
  const { primaryKey } = table.info;
  const key = shared.filter(([name]) => primaryKey.includes(name));
  const own = known.row(key);
  if (own === undefined) return [];
  return shared.flatMap(([name, value]) => {
    if (own.get(name) === value || !own.has(name) || given.has(value) || isTruth(value)) return [];
    const others = rows.filter(({ values }) => values.get(name) === value);
    return others.length === 0 ? [] : [{ table, rows: others, entries: [...key, [name, value] as const] }];
  });
}

function byValues(entries: Entries, { hidden, known, given }: Comparison): readonly Suspicion[] {
  return entries
    .filter(([, value]) => !given.has(value) && !isTruth(value))
    .flatMap(([name, value]) => {
      const told = known.hasValue(value);
      return hidden.flatMap(({ table, rows }): readonly Suspicion[] => {
        const from = rows.filter((row) => {
          const held = [...row.values.values()];
          const spellings = spellingsOf(row.values);
          if (!spellings.has(value)) return !told && isLikeOne([...spellings], value, known, given);
          if (!told && isTelling(value)) return true;
          // A short value says something about another user only together with what the call asked about.
          const about = held.find((text) => text !== value && given.has(text) && isTelling(text));
          return about !== undefined && !known.together(about, value);
        });
        return from.length === 0 ? [] : [{ table, rows: from, entries: [[name, value]] }];
      });
    });
}

/** A longer text that holds a value of a hidden row (put together from several, say), or a part of one. */
function isLikeOne(
  held: readonly string[],
  value: string,
  known: Known,
  given: ReadonlySet<string>,
): boolean {
  if (isDocument(value)) return false;
  return held.some((text) =>
    text.length < value.length
      ? text.length >= 6 && value.includes(text) && !known.hasValue(text) && !given.has(text)
      : value.length >= 6 && text.includes(value) && !known.hasPart(value),
  );
}

function isTelling(value: string): boolean {
  return value.length >= 4 && !isTruth(value);
}

export function isTruth(value: string): boolean {
  return value === "true" || value === "false";
}

/** Whether what raised the suspicion is still in the answer. */
export function isStillThere(rows: readonly AnswerRow[], { entries }: Suspicion): boolean {
  return rows.some((row) => holds(row, entries));
}

/** One scalar that is neither a truth value nor nothing: a number, a name. */
export function singleValue(rows: readonly AnswerRow[]): string | undefined {
  const [only, ...others] = rows.filter((row) => ![...row.values()].some(isDocument));
  if (only === undefined || others.length > 0 || only.size !== 1) return undefined;
  const [value] = only.values();
  return value === undefined || value === "" || value === "0" ? undefined : value;
}
