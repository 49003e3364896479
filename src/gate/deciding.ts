import type { EscalationCatalog, EscalationRelation, Read } from "../escalate/catalog.ts";
import { Mentions } from "../prove/analyse/mentions.ts";

/** What policies read, or what they read comes of: a value there decides who may do what. */
export class Deciding {
  /** SQL that is put together when it runs: any column may be among what it reads. */
  readonly byAnything: boolean;
  /** Of whichever table: bodies of helpers may look into any. */
  readonly #columns = new Set<string>();
  readonly #relations = new Set<string>();
  /** By a table's oid: what policies read of it, and what its generated columns, checks and defaults name. */
  readonly #own: ReadonlyMap<string, ReadonlySet<string>>;

  /** @param helpers bodies of the functions that are called */
  constructor({ relations, reads }: EscalationCatalog, helpers: readonly Mentions[]) {
    const policies = namedIn(relations.flatMap((one) => one.policies));
    // The catalogue has recorded which table's columns policies name, but of a row that is read whole.
    for (const { columns } of policies.whole ? [policies, ...helpers] : helpers)
      for (const column of columns) this.#columns.add(column);
    for (const { jsonKeys, relations: read } of [policies, ...helpers]) {
      for (const key of jsonKeys) this.#columns.add(key);
      for (const { name } of read) this.#relations.add(name);
    }
    const own = relations.map(({ oid, expressions }) => [oid, namedIn(expressions)] as const);
    const recorded = columnsRead(relations, reads);
    this.#own = new Map(
      own.map(([oid, { columns, jsonKeys }]) => [
        oid,
        new Set([...columns, ...jsonKeys, ...(recorded.get(oid) ?? [])]),
      ]),
    );
    this.byAnything = [policies, ...helpers, ...own.map(([, one]) => one)].some(({ anything }) => anything);
  }

  /** @param tables oids of those that the column may be of */
  has(column: string, tables: readonly string[]): boolean {
    return this.#columns.has(column) || tables.some((oid) => this.#own.get(oid)?.has(column) === true);
  }

  reads(relation: string): boolean {
    return this.#relations.has(relation);
  }
}

function namedIn(expressions: readonly string[]): Mentions {
  const found = new Mentions();
  for (const text of expressions) found.addExpression(text);
  return found;
}

/** By a table's oid: columns that policies and generated columns read, through views and of the tables below too. */
function columnsRead(
  relations: readonly EscalationRelation[],
  reads: readonly Read[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  const isTable = new Set(relations.flatMap((one) => (one.isTable ? [one.oid] : [])));
  const below = reads.filter(({ part }) => part === "view");
  const add = (oid: string, columns: readonly string[]): void => {
    const known = found.get(oid) ?? new Set();
    const added = columns.filter((one) => !known.has(one));
    const isNew = !found.has(oid);
    found.set(oid, new Set([...known, ...added]));
    if (!isNew && added.length === 0) return;
    for (const { relation, toRelation, column } of below)
      if (relation === oid && toRelation !== null)
        add(toRelation, isTable.has(oid) ? columns : column === null ? [] : [column]);
  };
  for (const { relation, part, toRelation, column } of reads)
    if (relation !== null && part.length === 1 && toRelation !== null)
      add(toRelation, column === null ? [] : [column]);
  return found;
}
