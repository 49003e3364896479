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
  const writers = writing ? texts.filter(({ text, view }) => view || mayWrite.test(text)) : texts;
  // A view that is found among the writers is written through: who only reads it does not matter.
  const through = new Set<string>();
  const found = new Set<string>();
  const todo: SqlText[] = [];
  const add = (one: SqlText, writes: boolean): void => {
    if (one.oid === oid || found.has(one.oid)) return;
    if (!writes || !one.view) found.add(one.oid);
    else if (through.has(one.oid)) return;
    else through.add(one.oid);
    todo.push(one);
  };
  const follow = ({ name }: SqlText, writes: boolean): void => {
    for (const one of writes ? writers : texts) if (one.text.includes(name)) add(one, writes);
  };
  for (const one of texts) if (isDynamic.test(one.text)) add(one, false);
  for (const one of texts) if (one.oid === oid) follow(one, writing);
  for (let one = todo.pop(); one !== undefined; one = todo.pop()) follow(one, !found.has(one.oid));
  return new Set([...found, ...through]);
}
