import { readSql } from "../lib/sql-file.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { ArgumentFault } from "../model/argument-fault.ts";
import type { Declaration, RelationSpec } from "../model/matrix.ts";
import { isStillThere, type Suspicion } from "./answers.ts";
import type { Asked, CallDatabase } from "./database.ts";
import { type Caller, keysOf } from "./world.ts";

// What a row that may be read holds beside its own values: a column that carries a value of a row that is denied.

/** Whether the matrix speaks of the column: under `carries:`, or by a cell of its own (`columns:`). */
export function isListed(
  spec: Pick<RelationSpec, "carries"> | undefined,
  said: Pick<Declaration, "columns"> | undefined,
  column: string,
): boolean {
  return (
    spec?.carries?.includes(column) === true ||
    (said?.columns ?? []).some(
      ({ shows, columns }) => shows === "visible" || columns.some(({ name }) => name === column),
    )
  );
}

export interface Asking {
  readonly database: CallDatabase;
  readonly caller: Caller;
  readonly asked: Asked;
}

/** The first suspicion that goes once the rows are gone that the answer seems to come from. */
export async function confirmed(
  suspicions: readonly Suspicion[],
  { database, caller, asked }: Asking,
): Promise<Suspicion | undefined> {
  const words = suspicions.some(({ beside }) => beside !== undefined)
    ? await schemaWords(database)
    : undefined;
  for (const one of suspicions) {
    // A status or a label that the schema spells out tells of no row.
    if (one.beside !== undefined && words?.has(one.beside.value) === true) continue;
    const without = await database.without([one], caller, asked);
    if (without === undefined ? one.beside === undefined : !isStillThere(without.rows, one)) return one;
  }
  return undefined;
}

async function schemaWords(database: CallDatabase): Promise<ReadonlySet<string>> {
  return new Set(JSON.parse((await database.ask(readSql("schema_words.sql"))) ?? "[]") as string[]);
}

export function showsFault({ table, rows, beside }: Suspicion, sql: string): ArgumentFault {
  const distinct = [...new Set(rows)];
  return {
    kind: "shows",
    argument: beside?.column,
    value: beside?.value ?? null,
    whose: "",
    relation: formatQualified(table.info),
    rows: distinct.length,
    keys: keysOf(table, distinct),
    sql,
  };
}
