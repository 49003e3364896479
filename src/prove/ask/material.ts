import { perObject } from "../../lib/recent.ts";
import { quoteIdent, quoteQualified } from "../../lib/sql-text.ts";
import type { ProofColumn, ProofRelation } from "../analyse/schema.ts";
import type { Asking } from "./session.ts";
import { askTexts } from "./texts.ts";

/** Bytes: a longer value that is there is not tried as one to put in. */
const longestValue = 10_000;

/** Keys that a column may hold; `all`: and no others. */
interface Parents {
  readonly values: readonly string[];
  readonly all: boolean;
}

/** Material that has nothing to do with who asks: it is read by the privileged connection, once for a relation. */
export class Material {
  readonly #session: Asking;
  readonly #relations: Iterable<ProofRelation>;
  readonly #parents = perObject((_of: ProofRelation) => new Map<string, Promise<Parents | undefined>>());
  readonly #otherKeys = new Map<string, Promise<readonly string[]>>();

  constructor(session: Asking, relations: Iterable<ProofRelation>) {
    this.#session = session;
    this.#relations = relations;
  }

  async #list(sql: string): Promise<readonly string[]> {
    return (await askTexts(this.#session, sql)) ?? [];
  }

  /** Keys that a foreign key lets the column hold: asked for by each row that is made. */
  parents(relation: ProofRelation, name: string): Promise<Parents | undefined> {
    const known = this.#parents(relation);
    const parents = known.get(name) ?? this.#readParents(relation, name);
    known.set(name, parents);
    return parents;
  }

  async #readParents(relation: ProofRelation, name: string): Promise<Parents | undefined> {
    const key = relation.foreignKeys.find(({ columns }) => columns.includes(name));
    if (key === undefined) return undefined;
    const referenced = key.referenced[key.columns.indexOf(name)] ?? "";
    const values = await askTexts(
      this.#session,
      `select distinct ${quoteIdent(referenced)}::text from ${quoteQualified(key.to)} where ${quoteIdent(referenced)} is not null order by 1 limit 501`,
    );
    // With several columns, one NULL frees the others.
    const bound =
      key.columns.length === 1 ||
      key.columns.every((one) => relation.columns.find((column) => column.name === one)?.notNull === true);
    // What cannot be read may hold any key.
    if (values === undefined) return { values: [], all: false };
    return { values: values.slice(0, 500), all: values.length <= 500 && bound && !key.notValid };
  }

  standing(relation: ProofRelation, name: string): Promise<readonly string[]> {
    const column = quoteIdent(name);
    return this.#list(
      `select distinct ${column}::text from ${quoteQualified(relation)} where pg_catalog.octet_length(${column}::text) < ${longestValue} order by 1 limit 30`,
    );
  }

  /** Keys of other relations of the same type, for a function that nothing bounds. */
  otherKeys({ base }: ProofColumn): Promise<readonly string[]> {
    const keys = this.#otherKeys.get(base) ?? this.#readOtherKeys(base);
    this.#otherKeys.set(base, keys);
    return keys;
  }

  async #readOtherKeys(base: string): Promise<readonly string[]> {
    const lists = [...this.#relations].flatMap((relation) =>
      relation.schema === "pg_toast" || (relation.kind !== "table" && relation.kind !== "partitioned")
        ? []
        : relation.uniques
            .filter((one) => one.length <= 2)
            .flat()
            .flatMap((name) => {
              const key = relation.columns.find((one) => one.name === name);
              if (key === undefined || key.base !== base) return [];
              return [
                this.#list(
                  `select distinct ${quoteIdent(name)}::text from ${quoteQualified(relation)} where ${quoteIdent(name)} is not null order by 1 limit 100`,
                ),
              ];
            }),
    );
    return [...new Set((await Promise.all(lists)).flat())].slice(0, 400);
  }
}
