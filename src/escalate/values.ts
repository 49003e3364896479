import type { Measured } from "./closure.ts";
import { arraysOf, Compared, fitsBase, isText } from "./compared.ts";
import { type Actor, declarationsOf, type Reach, type Row, type Subject, type World } from "./world.ts";

/** How telling a value is: identities first, then values that a policy compares with, then any other value. */
export const valueClasses = ["identity", "parent", "constant", "row", "other"] as const;
export type ValueClass = (typeof valueClasses)[number];

export interface Value {
  readonly text: string | null;
  readonly class: ValueClass;
}

/** Others whose identities are put into a column. */
const othersAtMost = 4;
const measured: readonly Measured[] = ["select", "update", "delete"];
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Shorter ones occur inside of everything. */
export const tellingLength = 4;

/** Values to put into columns, as each actor would. */
export class Values {
  readonly #world: World;
  readonly #reach: Reach;
  readonly #pools = new Map<string, readonly Value[]>();
  readonly #readers: readonly string[];
  readonly compared: Compared;
  readonly #identities: readonly string[];
  /** By `oid column`: some row holds a persona's identity there. */
  readonly #naming = new Map<string, boolean>();
  readonly #said = new Map<Actor, string>();
  #byReach: readonly Actor[] | undefined;

  constructor(world: World, reach: Reach, readers: Iterable<string>) {
    this.#world = world;
    this.#reach = reach;
    this.#readers = [...readers];
    this.compared = new Compared(world, reach, this.#readers);
    this.#identities = [
      ...new Set(world.actors.flatMap(({ identities }) => identities.map(([, value]) => value))),
    ];
  }

  get identities(): readonly string[] {
    return this.#identities;
  }

  /** Whether rows hold a user's identity in the column, whole or within. */
  names(subject: Subject, column: string): boolean {
    const key = `${subject.info.oid} ${column}`;
    let names = this.#naming.get(key);
    if (names === undefined) {
      const long = this.#identities.filter((one) => one.length >= tellingLength);
      const given = subject.spec?.candidates.map(({ values }) => values[column]) ?? [];
      const held = [...subject.rows.map(({ values }) => values[column]), ...given];
      names = held.some(
        (value) => typeof value === "string" && (value === ":sub" || long.some((one) => value.includes(one))),
      );
      this.#naming.set(key, names);
    }
    return names;
  }

  /** Two rows of each kind: those that the actor reaches by the same commands are of one kind. */
  rowsOfKinds(subject: Subject, actor: Actor, most = 10): readonly Row[] {
    const counts = new Map<string, number>();
    const found: Row[] = [];
    for (const row of subject.rows) {
      const kind = measured
        .map((one) => (this.#reach(actor, subject, one).has(row.key) ? "1" : "0"))
        .join("");
      const count = counts.get(kind) ?? 0;
      if (count >= 2) continue;
      counts.set(kind, count + 1);
      found.push(row);
    }
    return found.slice(0, most);
  }

  /** One row of each kind over all actors: who reaches it, and by what, and of which user it is by its key (a membership, an account). */
  rowsBySignature(subject: Subject, most: number, takes: (row: Row) => boolean = () => true): readonly Row[] {
    const found = new Map<string, Row>();
    const bound = this.#world.actors.filter(({ role }) => !role.bypassRls && !role.superuser);
    for (const row of subject.rows) {
      if (!takes(row)) continue;
      const signature = bound
        .flatMap((actor) =>
          measured.map((one) => (this.#reach(actor, subject, one).has(row.key) ? "1" : "0")),
        )
        .join("");
      const kind = `${signature} ${this.#ownerOf(subject, row)}`;
      if (!found.has(kind)) found.set(kind, row);
    }
    return [...found.values()].slice(0, most);
  }

  /** What the matrix says of the user whom the row's key names: of others, their rows are rows of another kind. */
  #ownerOf({ key, more }: Subject, { values }: Row): string {
    const named = [...key, ...more.uniques].map((name) => values[name]);
    const owner = this.#world.actors.find(({ identities }) =>
      identities.some(([, own]) => own.length >= tellingLength && named.includes(own)),
    );
    if (owner === undefined) return "";
    const said = this.#said.get(owner) ?? declarationsOf(owner, this.#world.matrix);
    this.#said.set(owner, said);
    return said;
  }

  /** What the actor could put into the column, the most telling first. */
  of(actor: Actor, subject: Subject, column: string): readonly Value[] {
    const key = `${actor.index} ${subject.info.oid} ${column}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = this.#gather(actor, subject, column);
      this.#pools.set(key, pool);
    }
    return pool;
  }

  #gather(actor: Actor, subject: Subject, name: string): readonly Value[] {
    const column = subject.more.columns.find((one) => one.name === name);
    if (column === undefined) return [];
    const { base } = column;
    const found = new Map<string | null, ValueClass>();
    const put = (text: string | null, kind: ValueClass): void => {
      if (!found.has(text)) found.set(text, kind);
    };
    for (const one of this.#identitiesFor(actor, subject, name, base)) put(one, "identity");
    if (base === "boolean") for (const one of ["true", "false"]) put(one, "constant");
    for (const one of base.endsWith("[]") ? arraysOf(column.labels ?? []) : (column.labels ?? []))
      put(one, "constant");
    for (const one of this.compared.constantsFor(name, base)) put(one, "constant");
    for (const one of this.#parents(actor, subject, name, base)) put(one, "parent");
    const held = [...new Set(subject.rows.map(({ values }) => values[name]))].filter((one) => one != null);
    for (const row of this.rowsOfKinds(subject, actor))
      if (row.values[name] != null) put(row.values[name], "row");
    for (const one of this.compared.ofGuarded(actor, subject, name)) put(one, "row");
    for (const one of held.slice(0, 3)) put(one, "row");
    for (const one of this.#within(actor, [...found.keys()], base)) put(one, "identity");
    if (/^(?:smallint|integer|bigint|numeric)/.test(base) && !subject.key.includes(name))
      for (const one of ["0", "1000000", "-1"]) put(one, "other");
    if (/^(?:timestamp|date)/.test(base))
      for (const one of ["2999-01-01", "2000-01-01", "now", "1900-01-01"]) put(one, "other");
    if (base === "interval") for (const one of ["0", "100 years", "-100 years"]) put(one, "other");
    if (/(?:multi)?range$/.test(base)) put(base.includes("multi") ? "{(,)}" : "(,)", "other");
    if (!column.notNull) put(null, "other");
    // Neither what is excluded nor what comes before something else in order.
    if (isText(base) && this.compared.literals(name).length > 0) put("~rowgate", "other");
    if (this.isReferenced(subject, name)) put(freshValue(base), "row");
    const order = (kind: ValueClass): number => valueClasses.indexOf(kind);
    return [...found]
      .map(([text, kind]) => ({ text, class: kind }))
      .toSorted((a, b) => order(a.class) - order(b.class))
      .slice(0, 24);
  }

  /** A value that no row holds: what refers to the column would follow it (ON UPDATE CASCADE). */
  isReferenced({ info }: Subject, column: string): boolean {
    return this.#world.known.relations.some(({ foreignKeys }) =>
      foreignKeys.some((one) => one.to === info.oid && one.onUpdate && one.referenced.includes(column)),
    );
  }

  /** The others, the one first who reaches least: what is opened to a persona shows most where nothing was open before. */
  #others(actor: Actor): readonly Actor[] {
    this.#byReach ??= this.#world.actors

      .filter(({ stranger, identities }) => !stranger && identities.length > 0)
      .map((one) => ({
        one,
        rows: this.#world.subjects.reduce(
          (sum, subject) => sum + this.#reach(one, subject, "select").size,
          0,
        ),
      }))
      .toSorted((a, b) => a.rows - b.rows)
      .map(({ one }) => one);
    const [least, ...others] = this.#byReach.filter((one) => one !== actor);
    const inOrder = others.toSorted((a, b) => a.index - b.index);
    return least === undefined ? inOrder : [least, ...inOrder];
  }

  /** The actor's own, a stranger's and three others', where the column takes such. */
  #identitiesFor(actor: Actor, subject: Subject, name: string, base: string): readonly string[] {
    const naming = this.names(subject, name);
    const takes = (claim: string, value: string): boolean =>
      fitsBase(base, value) &&
      (base === "uuid" ||
        sameName(claim, name) ||
        (naming && subject.rows.some(({ values }) => values[name] === value)));
    const of = (one: Actor): readonly string[] =>
      one.identities.filter(([claim, value]) => takes(claim, value)).map(([, value]) => value);
    // Where the column names users, the actor may put itself there though no row of its own is there yet.
    const own = actor.identities
      .filter(
        ([claim, value]) =>
          takes(claim, value) || (naming && value.length >= tellingLength && fitsBase(base, value)),
      )
      .map(([, value]) => value);
    const others = [...new Set(this.#others(actor).flatMap(of))];
    const strangers = this.#world.actors.filter(({ stranger }) => stranger).flatMap(of);
    return [
      ...new Set([
        ...own,
        ...others.filter((one) => !own.includes(one)).slice(0, othersAtMost),
        ...strangers,
      ]),
    ];
  }

  /** Keys of rows that the column may point to, by a foreign key or by its name. */
  #parents(actor: Actor, subject: Subject, name: string, base: string): readonly string[] {
    const { relations } = this.#world.dependencies;
    const targets: [oid: string, column: string][] = [];
    for (const { columns, to, referenced } of subject.more.foreignKeys) {
      const place = columns.indexOf(name);
      if (place >= 0) targets.push([to, referenced[place] ?? ""]);
    }
    const stem = /^(.+?)_?id$/i.exec(name)?.[1]?.toLowerCase();
    if (targets.length === 0 && /^(?:uuid|smallint|integer|bigint|text|character)/.test(base))
      for (const other of relations.values()) {
        if (!other.isTable || other.oid === subject.info.oid) continue;
        const called = [stem, `${stem}s`, `${stem}es`].includes(other.name.toLowerCase());
        const column = other.columns.find(
          (one) =>
            one.base === base &&
            ((called && one.name === "id") || (one.name === name && name !== "id" && /_id$|Id$/.test(name))),
        );
        if (column !== undefined) targets.push([other.oid, column.name]);
      }
    return targets.flatMap(([oid, column]) => {
      const parent = this.#world.subjects.find(({ info }) => info.oid === oid);
      const rows = parent === undefined ? [] : this.rowsOfKinds(parent, actor);
      return rows.flatMap(({ values }) => values[column] ?? []).filter((one) => fitsBase(base, one));
    });
  }

  /** Values with a user's identity inside (a path, a JSON document, an array), with another's in its place. */
  #within(actor: Actor, values: readonly (string | null)[], base: string): readonly string[] {
    if (fitsBase(base, "x") === false && !/json|\[\]$/.test(base)) return [];
    const own = actor.identities.map(([, value]) => value);
    const long = this.#identities.filter((one) => one.length >= tellingLength);
    return values.flatMap((value) => {
      if (value === null || long.includes(value)) return [];
      return long
        .filter((one) => value.includes(one))
        .flatMap((held) =>
          long
            .filter(
              (one) =>
                one !== held &&
                uuid.test(one) === uuid.test(held) &&
                (own.includes(one) || own.includes(held)),
            )
            .slice(0, 3)
            .map((one) => value.replaceAll(held, one)),
        );
    });
  }
}

export function sameName(claim: string, column: string): boolean {
  const [a, b] = [claim.toLowerCase(), column.toLowerCase()];
  return a === b || b.endsWith(`_${a}`);
}

export function freshValue(base: string): string {
  if (base === "uuid") return "ffffffff-0000-4000-8000-00000000f00d";
  return fitsBase(base, "x") ? "rowgate-new" : "900001";
}
