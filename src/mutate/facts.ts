import type { ClientBase } from "pg";
import { readSql } from "../lib/sql-file.ts";
import type { OperatorFacts } from "./operators.ts";
import type { ColumnGrant } from "./privileges.ts";
import type { Barrier, DefaultGrant } from "./unseen.ts";

/** What operators need to know, and the catalogue of a run does not say. */
export interface Facts extends OperatorFacts {
  readonly defaults: readonly DefaultGrant[];
}

/** @param roles of personas */
export async function readFacts(
  client: ClientBase,
  schemas: readonly string[],
  roles: readonly string[],
): Promise<Facts> {
  return {
    columnGrants: (await client.query<ColumnGrant>(readSql("mutate_column_grants.sql"))).rows,
    barriers: (await client.query<Barrier>(readSql("mutate_barriers.sql"))).rows,
    defaults: (await client.query<DefaultGrant>(readSql("mutate_defaults.sql"), [schemas, roles])).rows,
  };
}
