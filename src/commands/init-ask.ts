import type { Catalog, RelationInfo, RoutineInfo } from "../model/catalog.ts";
import type { AskedOf } from "../init/asked.ts";
import type { ScanRole } from "../scan/matrix.ts";
import { argumentSql, plainArgument } from "../init/calls.ts";
import { keyOf, type Proposal, type RowSet } from "../init/proposal.ts";
import { quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import { bindParameters } from "../model/parameters.ts";
import { Control } from "../probe/sql/baseline.ts";
import type { Schema } from "../prove/analyse/schema.ts";
import type { PreparedSystem } from "../stage/system.ts";

/** What one database says of itself. */
export interface SystemFacts {
  readonly catalog: Catalog;
  readonly schema: Schema;
  /** The relations of the matrix. */
  readonly relations: readonly RelationInfo[];
  /** Schemas whose every relation is declared. */
  readonly exposes: readonly string[];
  /** No matrix was there: chains of writes are searched too. */
  readonly isWhole: boolean;
  readonly roles: readonly ScanRole[];
  readonly asked: AskedOf;
}

/** What `rowgate init` asks of the database itself: by the privileged connection, and nothing that changes it. */
export class Questions {
  readonly #control: Control;
  readonly #readable = new Map<string, boolean>();

  private constructor(control: Control) {
    this.#control = control;
  }

  static async open({ database, limits }: PreparedSystem): Promise<Questions> {
    return new Questions(await Control.open(database, limits));
  }

  async close(): Promise<void> {
    await this.#control.close();
  }

  /** Whether Postgres can read a row set, with a persona's values. */
  async canRead(
    { rows, check }: Proposal,
    of: RelationInfo,
    values: ReadonlyMap<string, string>,
  ): Promise<boolean> {
    for (const set of [rows, check]) {
      if (set === undefined || set === "all") continue;
      const sql = `select from ${quoteQualified(of)} where (${boundText(set, values)}\n) limit 0`;
      const known = this.#readable.get(sql) ?? (await this.#first(sql)) !== undefined;
      this.#readable.set(sql, known);
      if (!known) return false;
    }
    return true;
  }

  /** Rows that are there of a row set, with a persona's values. */
  async count(set: RowSet, of: RelationInfo, values: ReadonlyMap<string, string>): Promise<number> {
    const sql = `select count(*)::text as value from ${quoteQualified(of)} where (${boundText(set, values)}\n)`;
    return Number((await this.#first(sql))?.value ?? -1);
  }

  /** Views that are written through and have no key: a column by which the rows that are there differ. */
  async keysOf(relations: readonly RelationInfo[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const keys = new Map<string, readonly string[]>();
    for (const one of relations) {
      if (
        one.kind !== "view" ||
        one.accepts.length === 0 ||
        one.primaryKey.length + one.uniqueKeys.length > 0
      )
        continue;
      for (const key of keysToTry(one.columns.map(({ name }) => name))) {
        const row = key.map(quoteIdent);
        const isNull = row.map((name) => `${name} is null`).join(" or ");
        const sql = `select (count(*) > 0 and count(*) = count(distinct (${row.join(", ")})) and not pg_catalog.bool_or(${isNull}))::text as value from ${quoteQualified(one)}`;
        if ((await this.#first(sql))?.value !== "true") continue;
        keys.set(keyOf(one), key);
        break;
      }
    }
    return keys;
  }

  /** Arguments of a call, of rows that are there where their names say which; `undefined`: a type whose values are not known. */
  async argumentsOf(routine: RoutineInfo, schema: Schema): Promise<Record<string, string> | undefined> {
    const given: Record<string, string> = {};
    for (const one of routine.arguments.filter(({ required }) => required)) {
      const sql = argumentSql(one, schema);
      const value = (sql === undefined ? undefined : (await this.#first(sql))?.value) ?? plainArgument(one);
      if (value === undefined || value === null) return undefined;
      given[one.name] = value;
    }
    return given;
  }

  /** `undefined`: Postgres refuses the query. */
  async #first(sql: string): Promise<{ readonly value?: string | null } | undefined> {
    return this.#control.ask("while init looked for values", async (client) =>
      client.query<{ value?: string | null }>(sql).then(
        ({ rows }) => rows[0] ?? {},
        () => undefined,
      ),
    );
  }
}

function boundText({ text }: RowSet, values: ReadonlyMap<string, string>): string {
  return bindParameters(text, (name) => values.get(name));
}

/** More are no key that a person would name. */
const mostKeys = 40;

/** One column, else two; those first whose names are like those of keys. */
function keysToTry(names: readonly string[]): readonly (readonly string[])[] {
  const sorted = names.toSorted((a, b) => Number(isIdLike(b)) - Number(isIdLike(a)));
  const pairs = sorted.flatMap((one, at) => sorted.slice(at + 1).map((other) => [one, other]));
  return [...sorted.map((name) => [name]), ...pairs].slice(0, mostKeys);
}

function isIdLike(name: string): boolean {
  return /^id$|_id$|^handle$|^slug$|^key$/.test(name);
}
