import { quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import type { EscalationColumn, EscalationRelation } from "./catalog.ts";
import { type Closure, dependsOn } from "./closure.ts";
import { Numbers } from "./numbers.ts";
import type { Subject, World } from "./world.ts";

/** A measurement: what it reads, and the relation whose rows it asks about. */
interface Reading {
  readonly closure: Closure;
  readonly subject: Subject | undefined;
}

/**
 * Digests of the tables that a step has written, one for each set of columns on which some measurement depends. Where they are what
 * they were after another step, the measurement would answer the same, and is not made again.
 */
export class Digests {
  readonly #world: World;
  /** By table: sets of columns, as expressions. */
  readonly #ofTable: ReadonlyMap<string, Numbers<string>>;
  readonly #profiles = new Numbers<readonly number[]>((one) => one.join());

  constructor(world: World) {
    this.#world = world;
    this.#ofTable = new Map(world.tables.map(({ oid }) => [oid, new Numbers<string>((one) => one)]));
  }

  get profiles(): readonly (readonly number[])[] {
    return this.#profiles.all;
  }

  /** The number of the measurement's digests, one of each table that it depends on. */
  profileOf(measure: Reading): number {
    return this.#profiles.of(
      this.#world.tables.map((table) => {
        const columns = columnsRead(measure, table);
        return columns === undefined
          ? 0
          : (this.#ofTable.get(table.oid)?.of(digestOf(this.#world, table, columns)) ?? 0);
      }),
    );
  }

  /** The statement that computes all digests of a table. */
  of(oid: string): { readonly digests: string | null; readonly digestCount: number } {
    const expressions = this.#ofTable.get(oid)?.all ?? [];
    const table = this.#world.tables.find((one) => one.oid === oid);
    if (table === undefined || expressions.length === 0) return { digests: null, digestCount: 0 };
    return {
      digests: `select array[${expressions.join(", ")}] from ${quoteQualified(table)}`,
      digestCount: expressions.length,
    };
  }
}

/** Columns whose values an answer may depend on; `undefined`: on nothing of the table. */
function columnsRead(
  { closure, subject }: Reading,
  table: EscalationRelation,
): readonly string[] | undefined {
  if (!dependsOn(closure, table.oid)) return undefined;
  const all = table.columns.map(({ name }) => name);
  const read = closure.anything ? "all" : (closure.relations.get(table.oid) ?? "all");
  if (read === "all" || read.size === 0) return all;
  // Its own rows are asked about by their keys.
  const isOwn = table.oid === subject?.info.oid || table.oid === subject?.baseline.oid;
  if (isOwn && subject.key.length === 0) return all;
  return all.filter((name) => read.has(name) || (isOwn && subject.key.includes(name)));
}

/** In whatever order the rows are. */
function digestOf({ subjects }: World, table: EscalationRelation, columns: readonly string[]): string {
  const subject = subjects.find(({ info }) => info.oid === table.oid);
  const key = subject?.sampled === false && subject.key.length === 1 ? subject.key[0] : undefined;
  const values = table.columns
    .filter(({ name }) => columns.includes(name))
    .map((column) => valueOf(column, column.name === key));
  return `concat(count(*), ' ', sum(hashtextextended(row(${values.join(", ")})::text, 0)))`;
}

/** Equal for the same step sent twice: one key that Postgres makes up is as good as another, and so is the time. */
function valueOf({ name, base, hasDefault }: EscalationColumn, isKey: boolean): string {
  const column = quoteIdent(name);
  if (base.startsWith("timestamp"))
    return `case when ${column} = now()::${base} then 'now' else ${column}::text end`;
  if (!isKey || !hasDefault || !/^(?:uuid|smallint|integer|bigint)$/.test(base)) return column;
  const given = `${column}::text = any ($1) or $2 ~ ('\\m' || ${column} || '\\M')`;
  return `case when age(xmin) > 0 or ${given} then ${column}::text else 'new' end`;
}
