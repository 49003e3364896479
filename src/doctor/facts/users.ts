import type { ClientBase } from "pg";
import type { UsersFacts } from "../../model/examination.ts";
import { readSql } from "../../lib/sql-file.ts";
import { linkFailure } from "./link.ts";

/** Which of `subs` have no row in Supabase's `auth.users`. */
export async function readUsers(client: ClientBase, subs: readonly string[]): Promise<UsersFacts> {
  // Not to_regclass(): whoever may not look into the schema would be refused.
  const { rows: there } = await client.query<{ is: boolean }>(
    "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'auth' and c.relname = 'users') as is",
  );
  if (there[0]?.is !== true) return { kind: "no-table" };
  try {
    await client.query("begin read only; set local row_security = off");
    const { rows } = await client.query<{ empty: boolean; missing: string[] }>(readSql("doctor_users.sql"), [
      subs,
    ]);
    return { kind: "read", isEmpty: rows[0]?.empty ?? true, missing: rows[0]?.missing ?? [] };
  } catch (error) {
    return { kind: "unreadable", message: linkFailure(error).message };
  } finally {
    await client.query("rollback");
  }
}
