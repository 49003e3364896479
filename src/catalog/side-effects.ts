import type { ClientBase } from "pg";
import type { SideEffect } from "../model/side-effect.ts";
import { readSql } from "../lib/sql-file.ts";

/** What a rollback would not undo, by relation and routine of these schemas, as far as the catalogue tells. */
export async function readSurvivors(
  client: ClientBase,
  schemas: readonly string[],
): Promise<readonly SideEffect[]> {
  const { rows } = await client.query<SideEffect>(readSql("findings_survivors.sql"), [schemas]);
  return rows;
}
