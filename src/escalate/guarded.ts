import { elementsOf } from "../plan/subject.ts";
import type { Dependencies } from "./closure.ts";
import type { Actor, Row, Subject, World, Reach } from "./world.ts";

/** What a column of another relation holds, with the type that it has there. */
export interface Held {
  readonly text: string;
  readonly base: string;
}

type Other = World["lookups"][number];
type Column = Subject["more"]["columns"][number];

/** Values of a name, and rows of one relation. */
const valuesAtMost = 4;
const rowsAtMost = 4;
const slotsAtMost = 4;

/**
 * What rows of other relations hold where a column, or a key of a JSON document, is compared with them: who writes it there meets
 * these rows. Rows come first that the actor does not see.
 */
export class Guarded {
  readonly #world: World;
  readonly #reach: Reach;
  readonly #dependencies: Dependencies;
  readonly #comparedWith: (name: string) => readonly string[];
  readonly #ordered = new Map<string, readonly Row[]>();

  constructor(world: World, reach: Reach, readers: readonly string[]) {
    this.#world = world;
    this.#reach = reach;
    this.#dependencies = world.dependencies;
    this.#comparedWith = world.dependencies.comparisons(readers);
  }

  valuesOf(actor: Actor, subject: Subject, name: string): readonly Held[] {
    const found = new Map<string, Held>();
    for (const other of this.#others(subject)) {
      const columns = other.more.columns.filter((one) => this.#meets(other, one, name));
      const own = new Set<string>();
      for (const row of columns.length === 0 ? [] : this.#rowsOf(actor, other)) {
        if (own.size >= valuesAtMost) break;
        for (const one of columns.flatMap((column) => this.#heldIn(column, row, name)))
          if (!found.has(one.text)) {
            found.set(one.text, one);
            own.add(one.text);
          }
      }
    }
    return [...found.values()].slice(0, 2 * valuesAtMost);
  }

  /** Of single rows of another relation: what several names are compared with, each with its value. */
  rowsOf(actor: Actor, subject: Subject, all: readonly string[]): readonly Readonly<Record<string, Held>>[] {
    return this.#others(subject).flatMap((other) => {
      const slots = all
        .map((name) => ({ name, columns: this.#columnsFor(subject, other, name) }))
        .filter(({ columns }) => columns.length > 0)
        .slice(0, slotsAtMost);
      if (slots.length < 2) return [];
      const found = new Map<string, Readonly<Record<string, Held>>>();
      for (const row of this.#rowsOf(actor, other)) {
        if (found.size >= rowsAtMost) break;
        const entries = slots.flatMap(({ name, columns }) =>
          columns
            .flatMap((column) => this.#heldIn(column, row, name))
            .slice(0, 1)
            .map((one) => [name, one] as const),
        );
        if (entries.length > 1) found.set(JSON.stringify(entries), Object.fromEntries(entries));
      }
      return [...found.values()];
    });
  }

  /** Columns of the other relation that the name points to, or that the relation itself compares with it. */
  #columnsFor(subject: Subject, other: Other, name: string): readonly Column[] {
    const referenced = subject.more.foreignKeys
      .filter(({ to, columns }) => to === other.more.oid && columns.length > 1)
      .flatMap(({ columns, referenced: names }) => names[columns.indexOf(name)] ?? []);
    return other.more.columns.filter(
      (one) =>
        referenced.includes(one.name) ||
        this.#dependencies.comparedIn(other.more.oid, one.name).includes(name),
    );
  }

  #meets(other: Other, { name: column, base }: Column, name: string): boolean {
    const near = this.#comparedWith(name);
    if (/^jsonb?$/.test(base)) return near.includes(column);
    if (base === "boolean") return false;
    // Many have a column of that name.
    if (column === "id" || /^(?:timestamp|date|time)/.test(base)) {
      const own = this.#dependencies.comparedIn(other.more.oid, column);
      return own.some((one) => one === name || near.includes(one));
    }
    return column === name || near.includes(column);
  }

  #heldIn({ name: column, base }: Column, row: Row, name: string): readonly Held[] {
    const text = row.values[column];
    if (text == null) return [];
    if (base.endsWith("[]"))
      return elementsOf(text).map((one) => ({ text: one, base: base.slice(0, -"[]".length) }));
    if (/^jsonb?$/.test(base)) return leavesOf(text, [name, ...this.#comparedWith(name)]);
    return [{ text, base }];
  }

  #others(subject: Subject): readonly Other[] {
    return [...this.#world.subjects.filter((one) => one !== subject), ...this.#world.lookups];
  }

  #rowsOf(actor: Actor, subject: Other): readonly Row[] {
    if (!isSubject(subject)) return subject.rows;
    const key = `${actor.index} ${subject.info.oid}`;
    let rows = this.#ordered.get(key);
    if (rows === undefined) {
      const seen = this.#reach(actor, subject, "select");
      rows = [
        ...subject.rows.filter((one) => !seen.has(one.key)),
        ...subject.rows.filter((one) => seen.has(one.key)),
      ];
      this.#ordered.set(key, rows);
    }
    return rows;
  }
}

function isSubject(one: Other): one is Subject {
  return "keySql" in one;
}

/** Scalars of a document under one of these keys, and in lists. */
function leavesOf(text: string, keys: readonly string[]): readonly Held[] {
  const found: Held[] = [];
  const visit = (value: unknown, takes: boolean): void => {
    if (Array.isArray(value)) for (const one of value) visit(one, true);
    else if (typeof value === "object" && value !== null)
      for (const [key, one] of Object.entries(value)) visit(one, keys.includes(key));
    else if (takes && (typeof value === "string" || typeof value === "number"))
      found.push({ text: String(value), base: typeof value === "number" ? "numeric" : "text" });
  };
  try {
    visit(JSON.parse(text), false);
  } catch {
    // It was cut.
  }
  return found;
}
