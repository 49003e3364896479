import type { ClientBase } from "pg";
import { readSql } from "../lib/sql-file.ts";

/** A relation or function, with the SQL that it consists of. */
export interface SqlText {
  readonly oid: string;
  readonly name: string;
  readonly text: string;
  /** What it names was looked up when it was made, not when it runs. */
  readonly bound: boolean;
  /** What is written to it may be written to what it reads. */
  readonly view: boolean;
}

export async function readTexts(client: ClientBase): Promise<readonly SqlText[]> {
  return (await client.query<SqlText>(readSql("mutate_texts.sql"))).rows;
}

/** SQL that is put together where it runs may name anything. */
const isDynamic = /\bexecute\s+(?!function\b|procedure\b)/i;

/** SQL that asks more than SELECT's policies and privileges; locking rows asks those of UPDATE. */
const mayWrite = /\b(?:insert|update|delete|merge|truncate|copy|share|execute)\b/i;

/**
 * What may use the relation or call the function, directly or through others; `writing`: use it otherwise than in a SELECT. By name:
 * to ask one that means another thing of that name costs time, and nothing else.
 */
export function readersOf(oid: string, texts: readonly SqlText[], writing = false): ReadonlySet<string> {
  const first = writing ? texts.filter(({ text, view }) => view || mayWrite.test(text)) : texts;
  const found = new Set<string>(texts.filter(({ text }) => isDynamic.test(text)).map((one) => one.oid));
  const todo = texts.filter((one) => found.has(one.oid)).map(({ name }) => name);
  const follow = (name: string, among: readonly SqlText[]): void => {
    for (const one of among) {
      if (found.has(one.oid) || one.oid === oid || !one.text.includes(name)) continue;
      found.add(one.oid);
      todo.push(one.name);
    }
  };
  for (const one of texts) if (one.oid === oid) follow(one.name, first);
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) follow(name, texts);
  return found;
}
