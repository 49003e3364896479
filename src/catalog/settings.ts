import type { ClientBase } from "pg";
import type { SettingsInForce } from "../model/settings.ts";
import type { RestAddress } from "../model/target.ts";
import { readSql } from "../lib/sql-file.ts";
import { namesListed } from "../model/settings.ts";

interface SettingRow {
  readonly role: string | null;
  readonly here: boolean;
  readonly name: string;
  readonly value: string | null;
  readonly custom: boolean;
  readonly postgrest: boolean;
  readonly base: string | null;
}

/** Reads what sessions of these roles, and of the login that asks, bring along. `gateway`: what PostgREST logs in as. */
export async function readSettings(
  client: ClientBase,
  roles: readonly string[],
  gateway: string | undefined,
): Promise<SettingsInForce> {
  const { rows } = await client.query<SettingRow>(readSql("catalog_settings.sql"), [roles, gateway ?? null]);
  const extra = await client.query<{ path: string | null }>(readSql("extra_search_path.sql"), [
    gateway ?? null,
  ]);
  const path = extra.rows[0]?.path ?? undefined;
  return {
    roles: rows.flatMap(({ role, value, here, name, postgrest }) =>
      role === null || value === null ? [] : [{ role, here, name, value, postgrest }],
    ),
    base: new Map(rows.flatMap(({ name, base }) => (base === null ? [] : [[name, base] as const]))),
    custom: new Set(rows.filter(({ custom }) => custom).map(({ name }) => name)),
    extraPath: path === undefined ? undefined : namesListed(path),
  };
}

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
  return {
    schemas: namesListed(found.get("db_schemas") ?? found.get("db_schema") ?? ""),
    anonRole: found.get("db_anon_role") ?? anonRole,
    preRequest: found.get("db_pre_request"),
  };
}
