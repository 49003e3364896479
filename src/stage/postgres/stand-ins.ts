import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { listSql, readSql } from "../../lib/sql-file.ts";

const scripts = "baseline/supabase/extensions";

/** Extensions of the platform whose objects no access rests on: CREATE EXTENSION succeeds, and nothing is made. */
const empty: readonly string[] = [
  "address_standardizer",
  "hypopg",
  "index_advisor",
  "pg_graphql",
  "pg_partman",
  "pg_repack",
  "pg_stat_monitor",
  "pgaudit",
  "pgroonga",
  "pgrouting",
  "pgsodium",
  "pgtap",
  "plpgsql_check",
  "plv8",
  "postgis_raster",
  "postgis_sfcgal",
  "postgis_tiger_geocoder",
  "postgis_topology",
  "rum",
  "supabase_vault",
  "timescaledb",
  "wrappers",
];

/**
 * What an extension's version says where it is a stand-in. `effects`: its functions do nothing where the extension's would act, and
 * answer alike; `exact`: they do the same. sql/catalog_session_facts.sql reads it.
 */
const versions: Readonly<Record<string, string>> = {
  pg_cron: "stand-in-effects",
  pg_net: "stand-in-effects",
  pgjwt: "stand-in-exact",
  pgmq: "stand-in-exact",
};

/** Makes the stand-ins available to CREATE EXTENSION, in a copy of Postgres's folders. An extension that is there is left alone. */
export function addStandIns(native: string): void {
  const folder = path.join(native, "share", "postgresql", "extension");
  mkdirSync(folder, { recursive: true });
  const made = listSql(scripts).map((file) => ({ name: path.basename(file, ".sql"), sql: readSql(file) }));
  const [begin, end] = ["begin", "end"].map((part) => readSql(`baseline/supabase/stand_in_${part}.sql`));
  for (const { name, sql } of [...made, ...empty.map((one) => ({ name: one, sql: "" }))]) {
    const control = path.join(folder, `${name}.control`);
    if (existsSync(control)) continue;
    const version = versions[name] ?? "stand-in";
    const lines = [
      `comment = 'stand-in of rowgate'`,
      `default_version = '${version}'`,
      "relocatable = false",
    ];
    writeFileSync(control, `${lines.join("\n")}\n`, { mode: 0o644 });
    const script = sql === "" ? "select 1;\n" : `${begin}\n${sql}\n${end}`;
    writeFileSync(path.join(folder, `${name}--${version}.sql`), script, { mode: 0o644 });
  }
}
