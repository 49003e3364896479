import type { Client } from "pg";
import { quoteIdent } from "../../lib/sql-text.ts";
import { readSql } from "../../lib/sql-file.ts";

/** What a server was like when it was pristine. */
export interface Mark {
  /** A digest of all that its databases share. */
  readonly state: string;
  readonly databases: readonly string[];
  readonly roles: readonly string[];
}

export async function stateOf(client: Client): Promise<Mark> {
  const { rows } = await client.query<Mark>(readSql("container_state.sql"));
  return rows[0] as Mark;
}

/** `undefined`: whoever made the server has not come that far. */
export async function readMark(client: Client, database: string): Promise<Mark | undefined> {
  const { rows } = await client.query<{ text: string | null }>(
    "select shobj_description(oid, 'pg_database') as text from pg_database where datname = $1",
    [database],
  );
  const text = rows[0]?.text ?? null;
  return text === null ? undefined : (JSON.parse(text) as Mark);
}

/** Databases, then roles. @returns whether the server is as it was */
export async function dropWhatCame(client: Client, mark: Mark): Promise<boolean> {
  const now = await stateOf(client);
  for (const name of now.databases.filter((one) => !mark.databases.includes(one))) {
    await client.query(`drop database ${quoteIdent(name)} with (force)`);
  }
  await dropRoles(
    client,
    now.roles.filter((one) => !mark.roles.includes(one)),
  );
  return (await stateOf(client)).state === mark.state;
}

/** A role that has granted something goes after those that it was granted to, whatever their order. */
async function dropRoles(client: Client, names: readonly string[]): Promise<void> {
  let left = names;
  for (let before = left.length + 1; left.length > 0 && left.length < before;) {
    before = left.length;
    const kept: string[] = [];
    for (const name of left) {
      await client.query(`drop role ${quoteIdent(name)}`).catch(() => kept.push(name));
    }
    left = kept;
  }
}
