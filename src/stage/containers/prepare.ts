import { createHmac } from "node:crypto";
import type { Client } from "pg";
import { quoteIdent, quoteLiteral } from "../../lib/sql-text.ts";
import type { DatabaseAddress } from "../../model/target.ts";
import { readSql } from "../../lib/sql-file.ts";
import type { Login } from "./protocol.ts";
import { withClient } from "./session.ts";

export interface PreparedLogins {
  readonly applicant: Login;
  readonly authenticator: Login;
}

/**
 * Gives a fresh Postgres what Supabase's API needs: its roles where the image lacks them, and the `auth` helpers. Those of
 * Supabase's own image are replaced too: until its auth server has run its migrations they read only settings that
 * PostgREST sets no more, and `auth.uid()` would be NULL for everybody.
 * @throws {RowgateError} `container/prepare`
 */
export async function preparePostgres(database: DatabaseAddress): Promise<PreparedLogins> {
  const logins = loginsOf(database);
  return withClient(database, async (client) => {
    if (!(await hasApiRoles(client))) await client.query(readSql("supabase_roles.sql"));
    await client.query(readSql("supabase_auth.sql"));
    const applicant = (await hasRole(client, logins.applicant.user)) ? logins.applicant : database;
    for (const { user, password } of [logins.authenticator, applicant])
      await setPassword(client, user, password);
    return {
      applicant: { user: applicant.user, password: applicant.password },
      authenticator: logins.authenticator,
    };
  });
}

/** Who they are in a Postgres that was prepared before. */
export async function preparedLogins(database: DatabaseAddress): Promise<PreparedLogins> {
  const logins = loginsOf(database);
  return withClient(database, async (client) => ({
    ...logins,
    applicant: (await hasRole(client, logins.applicant.user))
      ? logins.applicant
      : { user: database.user, password: database.password },
  }));
}

/** Passwords that follow from the superuser's, so that a run that finds the server finds them too. */
function loginsOf({ user, password }: DatabaseAddress): PreparedLogins {
  const derived = (name: string): string => createHmac("sha256", password).update(name).digest("base64url");
  return {
    // On Supabase migrations run as postgres, which is no superuser there.
    applicant: user === "postgres" ? { user, password } : { user: "postgres", password: derived("postgres") },
    authenticator: { user: "authenticator", password: derived("authenticator") },
  };
}

async function hasApiRoles(client: Client): Promise<boolean> {
  const names = ["anon", "authenticated", "service_role", "authenticator"];
  const { rowCount } = await client.query("select from pg_roles where rolname = any ($1)", [names]);
  return rowCount === names.length;
}

async function hasRole(client: Client, name: string): Promise<boolean> {
  const { rowCount } = await client.query("select from pg_roles where rolname = $1", [name]);
  return rowCount === 1;
}

async function setPassword(client: Client, user: string, password: string): Promise<void> {
  // A role's password can only be a literal.
  await client.query(`alter role ${quoteIdent(user)} password ${quoteLiteral(password)}`);
}
