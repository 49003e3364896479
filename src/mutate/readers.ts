import type { ClientBase } from "pg";
import { readSql } from "../lib/sql-file.ts";

/** A relation or function, with the SQL that it consists of. */
export interface SqlText {
  readonly oid: string;
  readonly name: string;
  readonly text: string;
  /** What it names was looked up when it was made, not when it runs. */
  readonly bound: boolean;
}

export async function readTexts(client: ClientBase): Promise<readonly SqlText[]> {
  return (await client.query<SqlText>(readSql("mutate_texts.sql"))).rows;
}

/** SQL that is put together where it runs may name anything. */
const isDynamic = /\bexecute\s+(?!function\b|procedure\b)/i;

/**
 * What may read the relation or call the function, directly or through others. By name: to ask one that means another thing of
 * that name costs time, and nothing else.
 */
export function readersOf(oid: string, texts: readonly SqlText[]): ReadonlySet<string> {
  const found = new Set<string>(texts.filter(({ text }) => isDynamic.test(text)).map((one) => one.oid));
  const todo = texts.filter((one) => one.oid === oid || found.has(one.oid)).map(({ name }) => name);
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    for (const one of texts) {
      if (found.has(one.oid) || one.oid === oid || !one.text.includes(name)) continue;
      found.add(one.oid);
      todo.push(one.name);
    }
  }
  return found;
}
