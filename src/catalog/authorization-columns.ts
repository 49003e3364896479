import type { ClientBase } from "pg";
import type { AuthorizationColumn } from "../model/authorization-column.ts";
import { readSql } from "../lib/sql-file.ts";

/** By which columns of these schemas policies decide. */
export async function readDeciding(
  client: ClientBase,
  schemas: readonly string[],
): Promise<readonly AuthorizationColumn[]> {
  const { rows } = await client.query<AuthorizationColumn>(readSql("deciding_columns.sql"), [schemas]);
  return rows;
}
