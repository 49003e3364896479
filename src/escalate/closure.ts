import { grouped } from "../lib/grouped.ts";
import { comparedBy, isFunction, type Links, linksOf } from "./links.ts";
import { mentionsOf } from "../prove/analyse/function-mentions.ts";
import { Mentions, type WrittenName } from "../prove/analyse/mentions.ts";
import type { EscalationCatalog, EscalationFunction, EscalationRelation } from "./catalog.ts";

/** Something that reads: a relation by one of its operations, or a function. */
export type Reader =
  | { readonly kind: "relation"; readonly oid: string; readonly operation: Measured }
  | { readonly kind: "function"; readonly oid: string };
export type Measured = "select" | "update" | "delete" | "insert";

/** All that an answer may depend on. */
export interface Closure {
  /** By oid: the columns that are read, or all of them. */
  readonly relations: ReadonlyMap<string, ReadonlySet<string> | "all">;
  readonly functions: ReadonlySet<string>;
  /** Some SQL in it is put together when it runs. */
  readonly anything: boolean;
  readonly setsSettings: boolean;
}

/** What runs with a write. */
export interface WriteCode extends Pick<Closure, "relations" | "anything"> {
  /** Whether it names a column that is called so. */
  readonly names: (column: string) => boolean;
}

interface Link {
  readonly to: { readonly kind: "relation" | "function"; readonly oid: string };
  /** `undefined`: the relation is read without saying which columns. */
  readonly columns: ReadonlySet<string> | "all" | undefined;
}

/** Whose policies and other parts an operation meets, as `pg_policy.polcmd` has them. */
const parts: Readonly<Record<Measured, readonly string[]>> = {
  select: ["r", "*", "view"],
  update: ["r", "w", "*", "view", "write"],
  delete: ["r", "d", "*", "view", "write"],
  insert: ["r", "a", "*", "view", "write"],
};

/** What depends on what, by the catalogue's records and by the parser. */
export class Dependencies {
  readonly relations: ReadonlyMap<string, EscalationRelation>;
  readonly functions: ReadonlyMap<string, EscalationFunction>;
  readonly #relationsByName: ReadonlyMap<string, readonly EscalationRelation[]>;
  readonly #functionsByName: ReadonlyMap<string, readonly EscalationFunction[]>;
  readonly #columnNames: ReadonlySet<string>;
  readonly #operators: ReadonlyMap<string, readonly string[]>;
  readonly #records: ReadonlyMap<string, readonly (Link & { part: string })[]>;
  readonly #bodies = new Map<string, Mentions>();
  readonly #closures = new Map<string, Closure>();
  readonly #linked = new WeakMap<readonly string[], Links>();
  readonly #compared = new Map<string, readonly string[]>();
  /** By relation: what its policies, checks and query name. */
  readonly #texts: ReadonlyMap<string, Mentions>;

  constructor(catalog: EscalationCatalog) {
    this.relations = new Map(catalog.relations.map((one) => [one.oid, one]));
    this.functions = new Map(catalog.functions.map((one) => [one.oid, one]));
    this.#relationsByName = grouped(catalog.relations, ({ name }) => name);
    this.#functionsByName = grouped(catalog.functions, ({ name }) => name);
    this.#columnNames = new Set(catalog.relations.flatMap(({ columns }) => columns.map(({ name }) => name)));
    const operators = new Map<string, string[]>();
    for (const { name, function: oid } of catalog.operators) put(operators, name, oid);
    this.#operators = operators;
    const records = new Map<string, (Link & { part: string })[]>();
    const isParent = (oid: string | null): boolean => this.relations.get(oid ?? "")?.isTable === true;
    for (const { relation, function: fn, part, toRelation, column, toFunction } of catalog.reads) {
      const from = relation ?? fn ?? "";
      if (toRelation !== null && this.relations.has(toRelation))
        put(records, from, {
          part,
          to: { kind: "relation", oid: toRelation },
          // What is inherited is read by the columns of the parent.
          columns:
            column !== null ? new Set([column]) : part === "view" && isParent(relation) ? "all" : undefined,
        });
      if (toFunction !== null && this.functions.has(toFunction))
        put(records, from, { part, to: { kind: "function", oid: toFunction }, columns: undefined });
    }
    this.#records = records;
    this.#texts = new Map(catalog.relations.map((one) => [one.oid, textsOf(one)]));
  }

  bodyOf(oid: string): Mentions {
    let body = this.#bodies.get(oid);
    const fn = this.functions.get(oid);
    if (body === undefined) {
      body = fn === undefined ? new Mentions() : mentionsOf(fn);
      this.#bodies.set(oid, body);
    }
    return body;
  }

  closureOf(reader: Reader): Closure {
    const key = JSON.stringify(reader);
    let closure = this.#closures.get(key);
    if (closure === undefined) {
      closure = this.#follow(reader);
      this.#closures.set(key, closure);
    }
    return closure;
  }

  /**
   * What the code that a write of the relation runs may read: triggers, rules, defaults and generated columns, of the relation, of
   * the tables below a view, of those that foreign keys change or empty with it, and of those that such code writes in turn.
   */
  readByWritesOf(oid: string): WriteCode {
    const columns = new Set<string>();
    const relations = new Map<string, Set<string> | "all">();
    const seen = new Set<string>();
    const todo: Link["to"][] = [{ kind: "relation", oid }];
    let anything = false;
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      const link = next;
      if (seen.has(link.oid)) continue;
      seen.add(link.oid);
      const links =
        link.kind === "function"
          ? this.#linksOf(link, "select")
          : (this.#records.get(link.oid) ?? []).filter(({ part }) => part === "write" || part === "view");
      if (link.kind === "function") {
        const body = this.bodyOf(link.oid);
        anything ||= body.anything;
        for (const name of body.columns) columns.add(name);
      }
      for (const one of links) {
        const isBelow = "part" in one && one.part === "view";
        if (one.to.kind === "relation" && !isBelow && one.to.oid !== link.oid)
          note(relations, one.to.oid, one.columns);
        todo.push(one.to);
      }
      if (link.kind === "relation")
        for (const child of this.relations.values())
          if (
            child.foreignKeys.some(({ to, onUpdate, onDelete }) => to === link.oid && (onUpdate || onDelete))
          )
            todo.push({ kind: "relation", oid: child.oid });
    }
    return { relations, anything, names: (column) => anything || columns.has(column) };
  }

  /** Literals that are compared with a column of that name, or with what it comes to, wherever something is decided. */
  constantsOf(column: string, readers: readonly string[]): readonly string[] {
    const { next, literals } = this.#links(readers);
    const near = next(column);
    const returned = near.flatMap((one) => next(one)).filter(isFunction);
    const found = new Set(literals(column));
    for (const oid of readers) {
      const body = this.bodyOf(oid);
      // A variable may hold the column.
      if (body.columns.has(column))
        for (const [name, all] of body.constants)
          if (!this.#columnNames.has(name) && !isFunction(name)) for (const one of all) found.add(one);
    }
    for (const one of [...near, ...returned].flatMap(literals)) found.add(one);
    return [...found];
  }

  /** By name of a column, or key of JSON: the names that it is compared with wherever something is decided, the nearest first. */
  comparisons(readers: readonly string[]): (name: string) => readonly string[] {
    const { next } = this.#links(readers);
    const known = new Map<string, readonly string[]>();
    return (name) => {
      let found = known.get(name);
      if (found === undefined) {
        // What else is compared with the function that returns it says nothing of it.
        const near = next(name).filter((one) => !isFunction(one));
        found = [...new Set([...near, ...near.flatMap((one) => next(one))])].filter(
          (one) => !isFunction(one),
        );
        known.set(name, found);
      }
      return found;
    };
  }

  /** What the relation's own texts compare a column of it with, at once or within the functions that they give it to. */
  comparedIn(oid: string, column: string): readonly string[] {
    const key = `${oid} ${column}`;
    const text = this.#texts.get(oid);
    const found =
      this.#compared.get(key) ??
      (text === undefined ? [] : comparedBy(text, column, this.#functionsByName, (fn) => this.bodyOf(fn)));
    this.#compared.set(key, found);
    return found;
  }

  #links(readers: readonly string[]): Links {
    const known = this.#linked.get(readers) ?? this.#link(readers);
    this.#linked.set(readers, known);
    return known;
  }

  #link(readers: readonly string[]): Links {
    const texts = [...this.#texts.values(), ...readers.map((oid) => this.bodyOf(oid))];
    return linksOf(texts, this.#functionsByName, (oid) => this.bodyOf(oid));
  }

  /** Whether something that decides names both columns. */
  areTogether(one: string, other: string, readers: Iterable<string>): boolean {
    return [...this.#texts.values(), ...[...readers].map((oid) => this.bodyOf(oid))].some(
      ({ columns }) => columns.has(one) && columns.has(other),
    );
  }

  /** Whether a key of that name is read from JSON wherever something is decided. */
  isJsonKey(name: string, readers: Iterable<string>): boolean {
    return [...this.#texts.values(), ...[...readers].map((oid) => this.bodyOf(oid))].some(({ jsonKeys }) =>
      jsonKeys.has(name),
    );
  }

  #follow(reader: Reader): Closure {
    const relations = new Map<string, Set<string> | "all">();
    const functions = new Set<string>();
    const seen = new Set<string>();
    let anything = false;
    let setsSettings = false;
    const todo: { link: Link["to"]; operation: Measured }[] = [
      { link: reader, operation: reader.kind === "relation" ? reader.operation : "select" },
    ];
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      const { link, operation } = next;
      const visited = `${link.oid} ${link.kind === "relation" ? operation : ""}`;
      if (seen.has(visited)) continue;
      seen.add(visited);
      if (link.kind === "function") {
        functions.add(link.oid);
        anything ||= this.bodyOf(link.oid).anything;
        setsSettings ||= this.bodyOf(link.oid).setsSettings;
      } else if (!relations.has(link.oid)) relations.set(link.oid, new Set());
      for (const { to, columns } of this.#linksOf(link, operation)) {
        if (to.kind === "relation") note(relations, to.oid, columns);
        // A function writes too: what stops its writes decides as well.
        todo.push({ link: to, operation: "select" });
      }
    }
    return { relations, functions, anything, setsSettings };
  }

  #linksOf({ kind, oid }: Link["to"], operation: Measured): readonly Link[] {
    const records = this.#records.get(oid) ?? [];
    if (kind === "relation")
      return (
        records
          .filter(({ part }) => parts[operation].includes(part))
          // The catalogue does not say which columns a whole row stands for.
          .map((one) => (this.#texts.get(oid)?.whole === true ? { ...one, columns: "all" as const } : one))
          .flatMap((one) => this.#withTrigger(one, oid))
      );
    const body = this.bodyOf(oid);
    const columns = body.whole ? "all" : body.columns;
    return [
      ...records,
      ...body.relations
        .flatMap((name) => havingName(this.#relationsByName, name))
        .map((to): Link => ({ to: { kind: "relation", oid: to.oid }, columns })),
      ...body.functions
        .flatMap((name) => havingName(this.#functionsByName, name))
        .map((to): Link => ({ to: { kind: "function", oid: to.oid }, columns: undefined })),
      ...[...body.operators]
        .flatMap((name) => this.#operators.get(name) ?? [])
        .map((to): Link => ({ to: { kind: "function", oid: to }, columns: undefined })),
    ];
  }

  /** A trigger's function reads the row that is written. */
  #withTrigger(link: Link, relation: string): readonly Link[] {
    if (link.to.kind !== "function" || this.functions.get(link.to.oid)?.trigger !== true) return [link];
    const body = this.bodyOf(link.to.oid);
    const columns = body.whole ? "all" : body.columns;
    return [link, { to: { kind: "relation", oid: relation }, columns }];
  }
}

function havingName<T extends { readonly schema: string }>(
  byName: ReadonlyMap<string, readonly T[]>,
  { schema, name }: WrittenName,
): readonly T[] {
  return (byName.get(name) ?? []).filter((one) => schema === undefined || one.schema === schema);
}

function textsOf({ expressions, writes, query, columns }: EscalationRelation): Mentions {
  const found = new Mentions();
  for (const { name, checks } of columns) {
    const domain = new Mentions();
    for (const text of checks) domain.addExpression(text);
    // `VALUE`, in a domain's check.
    found.constants.set(name, new Set(domain.constants.get("value")));
  }
  for (const text of expressions) found.addExpression(text);
  for (const text of writes) found.addStatements(text);
  if (query !== null) found.addStatements(query);
  return found;
}

/** Whether an answer may change when the relation, or this column of it, is written. */
export function dependsOn({ relations, anything }: Closure, oid: string, column?: string): boolean {
  const columns = relations.get(oid);
  if (anything) return true;
  if (columns === undefined) return false;
  return column === undefined || columns === "all" || columns.has(column);
}

function note(found: Map<string, Set<string> | "all">, oid: string, columns: Link["columns"]): void {
  const known = found.get(oid) ?? new Set<string>();
  if (known === "all") return;
  if (columns === "all") found.set(oid, "all");
  else found.set(oid, new Set([...known, ...(columns ?? [])]));
}

function put<K, V>(groups: Map<K, V[]>, key: K, value: V): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}
