import type { ClientBase } from "pg";
import type { BypassPath } from "../model/bypass-path.ts";
import type { Persona } from "../model/matrix.ts";
import { readSql } from "../lib/sql-file.ts";

/** What lies open to whoever logs in by himself, in these schemas. */
export async function readWaysAround(
  client: ClientBase,
  personas: readonly Persona[],
  schemas: readonly string[],
): Promise<readonly BypassPath[]> {
  const logins = personas.flatMap(({ login }) => login ?? []);
  if (logins.length === 0) return [];
  const roles = personas.flatMap(({ login, role }) => (login === undefined ? [] : [login, role]));
  const { rows } = await client.query<BypassPath>(readSql("logins_around.sql"), [roles, schemas, logins]);
  return rows;
}
