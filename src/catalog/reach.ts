import type { ClientBase } from "pg";
import { readSql } from "../lib/sql-file.ts";

/** Schemas besides `known` in which sessions of these roles find something, where no gateway stands between. */
export async function schemasInReach(
  client: ClientBase,
  known: readonly string[],
  roles: readonly string[],
): Promise<readonly string[]> {
  if (roles.length === 0) return [];
  const { rows } = await client.query<{ name: string }>(readSql("schemas_in_reach.sql"), [known, roles]);
  return rows.map(({ name }) => name);
}
