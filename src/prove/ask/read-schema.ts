import type { Client } from "pg";
import { fillSql, readSql, relationParts } from "../../lib/sql-file.ts";
import { type ProofFunction, type ProofRelation, Schema } from "../analyse/schema.ts";

/** Reads what the analysis needs: bare names in an answer would mean different things under different search paths. */
export async function readSchema(client: Client): Promise<Schema> {
  const session = await client.query<{ path: string[] }>("select current_schemas(true)::text[] as path");
  await client.query("begin read only; set local search_path = ''");
  try {
    const relations = await client.query<{ relation: string }>(
      fillSql("prove_relations.sql", relationParts()),
    );
    const functions = await client.query<{ function: string }>(readSql("prove_functions.sql"));
    const volatile = await client.query<{ name: string }>(
      "select distinct proname as name from pg_proc where pronamespace = 'pg_catalog'::regnamespace and provolatile = 'v'",
    );
    return new Schema(
      relations.rows.map((one) => JSON.parse(one.relation) as ProofRelation),
      functions.rows.map((one) => JSON.parse(one.function) as ProofFunction),
      session.rows[0]?.path ?? [],
      volatile.rows.map(({ name }) => name),
    );
  } finally {
    await client.query("rollback");
  }
}
