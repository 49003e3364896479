import type { ClientBase } from "pg";
import type { SettingsInForce } from "../model/settings.ts";
import { readSql } from "../lib/sql-file.ts";

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
  return {
    roles: rows.flatMap(({ role, value, here, name, postgrest }) =>
      role === null || value === null ? [] : [{ role, here, name, value, postgrest }],
    ),
    base: new Map(rows.flatMap(({ name, base }) => (base === null ? [] : [[name, base] as const]))),
    custom: new Set(rows.filter(({ custom }) => custom).map(({ name }) => name)),
  };
}
