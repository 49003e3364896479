import { quoteLiteral } from "../../lib/sql-text.ts";
import type { SqlSource } from "./source.ts";

/**
 * The secrets that Supabase's CLI makes of `[db.vault]` before all other SQL. Their values stay where they are: what a role may read does
 * not depend on them, and what is not in the database is in no report.
 * @param config `config.toml` as it was read
 * @returns none where it names no secret
 */
export function secretSource(config: SqlSource, names: readonly string[]): SqlSource | undefined {
  if (names.length === 0) return undefined;
  const calls = names.map(
    (name) => `select vault.create_secret(${quoteLiteral(`the secret ${name}`)}, ${quoteLiteral(name)})`,
  );
  return { ...config, text: calls.join(";\n") };
}
