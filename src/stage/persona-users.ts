import { messageOf } from "../model/errors.ts";
import type { Client } from "pg";
import { readSql } from "../lib/sql-file.ts";
import type { SkippedStatement } from "../model/baseline.ts";
import type { Matrix, Persona } from "../model/matrix.ts";

const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Personas that an auth server of Supabase would know. */
export function personasWithUser({ personas }: Matrix): readonly Persona[] {
  return personas.filter(({ role, claims }) => {
    const sub = claims?.["sub"];
    return role === "authenticated" && typeof sub === "string" && uuid.test(sub);
  });
}

/**
 * Makes each a row of `auth.users` where there is none. One that the system's triggers refuse stays without, as after a sign-up that failed.
 * @returns those, with the reason
 */
export async function addUsers(
  client: Client,
  personas: readonly Persona[],
): Promise<readonly SkippedStatement[]> {
  const refused: SkippedStatement[] = [];
  for (const { name, role, claims, at } of personas) {
    try {
      await client.query(
        "begin; set local session authorization supabase_auth_admin; set local search_path = auth",
      );
      await client.query("select set_config('rowgate.claims', $1, true)", [
        JSON.stringify({ ...claims, role }),
      ]);
      await client.query(readSql("baseline/supabase/persona_user.sql"));
      await client.query("commit");
    } catch (cause) {
      await client.query("rollback");
      const because = messageOf(cause);
      refused.push({
        file: at.file,
        line: at.line,
        statement: `persona ${name} as a row of auth.users`,
        because,
      });
    }
  }
  return refused;
}
