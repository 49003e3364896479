import type { ClientBase } from "pg";
import { readSql } from "../lib/sql-file.ts";

/** A function that says it answers everybody alike, which Postgres believes. */
export interface ImmutableFunction {
  /** With its argument types, quoted where need be. */
  readonly name: string;
  readonly readsSetting: boolean;
}

/** Those that policies may come to: see `sql/immutable_functions.sql`. Volatility: https://www.postgresql.org/docs/current/xfunc-volatility.html */
export async function readImmutable(client: ClientBase): Promise<readonly ImmutableFunction[]> {
  const { rows } = await client.query<ImmutableFunction>(readSql("immutable_functions.sql"));
  return rows;
}
