import type { Client } from "pg";
import { fillSql, readSql, relationParts } from "../../lib/sql-file.ts";
import { withListedValues } from "../analyse/listed.ts";
import { type FunctionNames, type ProofFunction, type ProofRelation, Schema } from "../analyse/schema.ts";

/** Reads what the analysis needs: bare names in an answer would mean different things under different search paths. */
export async function readSchema(client: Client): Promise<Schema> {
  const session = await client.query<{ path: string[] }>("select current_schemas(true)::text[] as path");
  await client.query("begin read only; set local search_path = ''");
  try {
    const relations = await client.query<{ relation: string }>(
      fillSql("prove_relations.sql", relationParts()),
    );
    const functions = await client.query<{ function: string }>(readSql("prove_functions.sql"));
    const { rows: names } = await client.query<FunctionNames>(
      "select coalesce(json_agg(proname) filter (where pronamespace = 'pg_catalog'::regnamespace and provolatile = 'v'), '[]') as volatile, " +
        "json_agg(proname) filter (where prokind in ('a', 'w')) as aggregates, coalesce(json_agg(proname) filter (where proretset), '[]') as sets, " +
        "coalesce((select json_agg(distinct p.proname) from pg_aggregate a join pg_proc p on p.oid = a.aggfnoid, unnest(array[aggtransfn, aggfinalfn]) f (oid) " +
        "join pg_proc own on own.oid = f.oid join pg_language l on l.oid = own.prolang where l.lanname not in ('internal', 'c')), '[]') as \"ownAggregates\", " +
        "(select coalesce(json_agg(json_build_object('schema', s.nspname, 'name', o.name)), '[]') from (select typnamespace, typname from pg_type where typtype in ('d', 'e', 'r') or typtype = 'c' and typrelid in (select oid from pg_class where relkind = 'c') " +
        "union all select cfgnamespace, cfgname from pg_ts_config) o (namespace, name) join pg_namespace s on s.oid = o.namespace where s.nspname not in ('pg_catalog', 'information_schema')) as others from pg_proc",
    );
    return new Schema(
      relations.rows.map((one) => withListedValues(JSON.parse(one.relation) as ProofRelation)),
      functions.rows.map((one) => JSON.parse(one.function) as ProofFunction),
      session.rows[0]?.path ?? [],
      names[0] ?? { volatile: [], aggregates: [], sets: [], ownAggregates: [], others: [] },
    );
  } finally {
    await client.query("rollback");
  }
}
