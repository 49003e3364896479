import type { ClientBase } from "pg";
import type { RestAddress } from "../model/target.ts";
import { readSql } from "../lib/sql-file.ts";

/** What the database tells PostgREST to do, whatever its own configuration says. */
export interface GatewaySettings {
  readonly schemas: readonly string[];
  /** Whom a request without a token is. */
  readonly anonRole: string;
  /** `schema.function`: called before each request. */
  readonly preRequest: string | undefined;
}

const usualLogin = "authenticator";

/** See `sql/gateway_settings.sql`. */
export async function readGatewaySettings(
  client: ClientBase,
  { login = usualLogin, anonRole }: Pick<RestAddress, "login" | "anonRole">,
): Promise<GatewaySettings> {
  const { rows } = await client.query<{ name: string; value: string }>(readSql("gateway_settings.sql"), [
    login,
  ]);
  const found = new Map(rows.map(({ name, value }) => [name, value]));
  const schemas = (found.get("db_schemas") ?? found.get("db_schema") ?? "").split(",");
  return {
    schemas: schemas.map((name) => name.trim()).filter((name) => name !== ""),
    anonRole: found.get("db_anon_role") ?? anonRole,
    preRequest: found.get("db_pre_request"),
  };
}
