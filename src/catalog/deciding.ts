import type { ClientBase } from "pg";
import type { DecidingColumn } from "../model/deciding.ts";
import { readSql } from "../lib/sql-file.ts";

/** By which columns of these schemas policies decide. */
export async function readDeciding(
  client: ClientBase,
  schemas: readonly string[],
): Promise<readonly DecidingColumn[]> {
  const { rows } = await client.query<DecidingColumn>(readSql("deciding_columns.sql"), [schemas]);
  return rows;
}
