import { elementsOf, familyOf, fits, prefixIn } from "../plan/subject.ts";
import { Guarded, type Held } from "./guarded.ts";
import type { Actor, Reach, Subject, World } from "./world.ts";

const togetherAtMost = 12;

export function fitsBase(base: string, text: string): boolean {
  if (/^(?:smallint|integer|bigint)$/.test(base)) return /^-?\d{1,9}$/.test(text);
  return isKnown(base) && fits(text, { type: base });
}

function isKnown(base: string): boolean {
  return /^(?:boolean|uuid|smallint|integer|bigint|(?:numeric|real|double).*)$/.test(base) || isText(base);
}

export function isText(base: string): boolean {
  return familyOf(base) === "text";
}

/** What columns are compared with wherever something is decided: literals, and columns of other relations. */
export class Compared {
  readonly #world: World;
  readonly #readers: readonly string[];
  readonly #guarded: Guarded;
  readonly #together = new Map<string, boolean>();
  readonly #literals = new Map<string, readonly string[]>();
  readonly #constants = new Map<string, readonly string[]>();
  readonly #keys = new Map<string, readonly string[]>();
  /** By actor, relation and column. */
  readonly #ofGuarded = new Map<string, readonly string[]>();

  constructor(world: World, reach: Reach, readers: readonly string[]) {
    this.#world = world;
    this.#readers = readers;
    this.#guarded = new Guarded(world, reach, readers);
  }

  /** Whether something that decides names both columns. */
  areTogether(one: string, other: string): boolean {
    return kept(this.#together, `${one} ${other}`, () =>
      this.#world.dependencies.areTogether(one, other, this.#readers),
    );
  }

  /** What something that decides compares a column, or key, of this name with. */
  literals(name: string): readonly string[] {
    return kept(this.#literals, name, () => this.#constantsOf(name).slice(0, 10));
  }

  #constantsOf(name: string): readonly string[] {
    return kept(this.#constants, name, () => this.#world.dependencies.constantsOf(name, this.#readers));
  }

  /** Literals that the column, or what it holds, is compared with, as values of its type. */
  constantsFor(name: string, base: string): readonly string[] {
    const literals = this.literals(name);
    if (/^jsonb?$/.test(base)) return this.#documents(name);
    if (base.endsWith("[]"))
      return arraysOf(literals.filter((one) => fitsBase(base.slice(0, -"[]".length), one)));
    // Of other types Postgres says what is a value.
    const fitting = literals.filter((one) => fitsBase(base, one) || !isKnown(base));
    if (!isText(base)) return fitting;
    // Parts of a text: `split_part(email, '@', 2) = 'corp.test'`.
    const separators = fitting.filter((one) => /^[^\w\s]$/.test(one));
    const joined = separators.flatMap((one) =>
      fitting.filter((text) => /\w{2}/.test(text)).flatMap((text) => [`x${one}${text}`, `${text}${one}x`]),
    );
    const lengths = fitting.filter((one) => /^\d{1,3}$/.test(one)).map((one) => "x".repeat(Number(one) + 1));
    return [...fitting, ...joined, ...lengths.slice(0, 2)].slice(0, 14);
  }

  /** Keys that are read from a document. */
  #keysOf(name: string): readonly string[] {
    return kept(this.#keys, name, () =>
      this.literals(name)
        .filter((one) => this.#world.dependencies.isJsonKey(one, this.#readers))
        .slice(0, 4),
    );
  }

  /** Documents by the keys that are read from them, one in another too. */
  #documents(name: string): readonly string[] {
    const keys = this.#keysOf(name);
    const whole = this.literals(name).filter((one) => /^\s*[{[]/.test(one));
    const leaves = (key: string): readonly string[] =>
      [...this.#constantsOf(key).filter((one) => !keys.includes(one)), "true"].slice(0, 4);
    const plain = keys.flatMap((key) => leaves(key).map((one) => ({ [key]: one })));
    const every = keys.length < 2 ? [] : [Object.fromEntries(keys.map((key) => [key, leaves(key)[0]]))];
    const nested = keys.flatMap((outer) =>
      plain.filter((one) => !Object.hasOwn(one, outer)).map((one) => ({ [outer]: one })),
    );
    return [...whole, ...[...plain, ...every, ...nested].slice(0, 12).map((one) => JSON.stringify(one))];
  }

  /** What would meet rows of other relations: values that the column, or a key of its documents, is compared with. */
  ofGuarded(actor: Actor, subject: Subject, name: string): readonly string[] {
    const base = subject.more.columns.find((one) => one.name === name)?.base ?? "";
    if (name === "id" || base === "boolean") return [];
    return kept(this.#ofGuarded, `${actor.index} ${subject.info.oid} ${name}`, () => {
      if (/^jsonb?$/.test(base)) return this.#documentsOfGuarded(actor, subject, name);
      const held = this.#guarded.valuesOf(actor, subject, name);
      const shaped = held.flatMap((one) => this.#shaped(name, base, one));
      const all = base.endsWith("[]") ? arraysOf(shaped.flatMap(elementsOf)) : shaped;
      return [...new Set(all)].slice(0, 6);
    });
  }

  #documentsOfGuarded(actor: Actor, subject: Subject, name: string): readonly string[] {
    const keys = this.#keysOf(name);
    const single = keys.flatMap((key) =>
      this.#guarded
        .valuesOf(actor, subject, key)
        .slice(0, 2)
        .flatMap((one) => [
          { [key]: scalarOf(one) },
          { [key]: [scalarOf(one)] },
          ...keys.filter((outer) => outer !== key).map((outer) => ({ [outer]: { [key]: scalarOf(one) } })),
        ]),
    );
    const rows = this.#guarded
      .rowsOf(actor, subject, keys)
      .map((row) => Object.fromEntries(Object.entries(row).map(([key, one]) => [key, scalarOf(one)])));
    const asKeys = this.#guarded
      .valuesOf(actor, subject, name)
      .slice(0, 2)
      .flatMap((one) => [{ [one.text]: true }, [scalarOf(one)]]);
    return [...rows.slice(0, 4), ...single, ...asKeys].slice(0, 12).map((one) => JSON.stringify(one));
  }

  /** A document that is there, with each of its keys that are read set to what would decide otherwise. */
  within(actor: Actor, subject: Subject, name: string, document: string | null): readonly string[] {
    const base = subject.more.columns.find((one) => one.name === name)?.base ?? "";
    if (document === null || !/^jsonb?$/.test(base) || !/^\s*\{/.test(document)) return [];
    const own = parsed(document);
    return this.#keysOf(name).flatMap((key) => {
      const held = this.#guarded.valuesOf(actor, subject, key).slice(0, 2);
      const literals = this.#constantsOf(key).slice(0, 3);
      return [...held.map(scalarOf), ...literals].map((one) => JSON.stringify({ ...own, [key]: one }));
    });
  }

  /** Several columns at once, as single rows of another relation hold what these are compared with, or point to. */
  togetherOfGuarded(
    actor: Actor,
    subject: Subject,
    columns: readonly string[],
  ): readonly Readonly<Record<string, string>>[] {
    const bases = new Map(subject.more.columns.map(({ name, base }) => [name, base]));
    const rows = this.#guarded.rowsOf(actor, subject, columns).flatMap((row) => {
      const entries = Object.entries(row).flatMap(([name, one]) =>
        this.#shaped(name, bases.get(name) ?? "", one)
          .slice(0, 1)
          .map((text) => [name, text] as const),
      );
      const pairs = entries.flatMap((a, place) => entries.slice(place + 1).map((b) => [a, b]));
      return entries.length > 2 ? [entries, ...pairs] : pairs;
    });
    const written = new Map(rows.map((one) => [JSON.stringify(one), Object.fromEntries(one)]));
    return [...written.values()].slice(0, togetherAtMost);
  }

  /** As a value of the column's type; of a text, behind what the column is compared with in front of it, too. */
  #shaped(name: string, base: string, { text, base: own }: Held): readonly string[] {
    if (base.endsWith("[]"))
      return fitsBase(base.slice(0, -"[]".length), text) || base === `${own}[]` ? arraysOf([text]) : [];
    if (/^jsonb?$/.test(base)) {
      const [key] = this.#keysOf(name);
      return key === undefined ? [] : [JSON.stringify({ [key]: text })];
    }
    if (base !== own && !fitsBase(base, text)) return [];
    const heads = isText(base) ? this.literals(name).flatMap((one) => prefixIn(one) ?? []) : [];
    return [text, ...heads.slice(0, 2).map((head) => `${head}${text}`)];
  }
}

/** Arrays of each of these, and of all of them. */
export function arraysOf(elements: readonly string[]): readonly string[] {
  const quoted = [...new Set(elements)].map((one) => JSON.stringify(one));
  return [...quoted, ...(quoted.length > 1 ? [quoted.join(",")] : [])].map((one) => `{${one}}`);
}

function scalarOf({ text, base }: Held): string | number {
  return familyOf(base) === "number" && Number.isSafeInteger(Number(text)) ? Number(text) : text;
}

/** A document may have been cut. */
function parsed(document: string): object {
  try {
    return JSON.parse(document) as object;
  } catch {
    return {};
  }
}

/** Read once: it is asked for each persona and row. */
function kept<T>(known: Map<string, T>, key: string, make: () => T): T {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make();
  known.set(key, made);
  return made;
}
