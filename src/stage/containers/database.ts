import { createHmac } from "node:crypto";
import { Client, DatabaseError } from "pg";
import { readSql } from "../../lib/sql-file.ts";
import { quoteIdent, quoteLiteral } from "../../lib/sql-text.ts";
import { messageOf, RowgateError } from "../../model/errors.ts";
import type { DatabaseAddress } from "../../model/target.ts";

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** Logs in, does the work, logs out. @throws {RowgateError} `container/prepare` */
export async function withClient<T>(
  address: DatabaseAddress,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  // Without `ssl: false` a PGSSLMODE of the environment would decide.
  const client = new Client({ ...address, ssl: false });
  // The error of the statement tells of a server that went away; without a listener it would end this process.
  client.on("error", () => {});
  try {
    await client.connect();
    return await work(client);
  } catch (cause) {
    if (cause instanceof RowgateError) throw cause;
    throw new RowgateError({
      code: "container/prepare",
      message: `the container's database ${address.database} could not be prepared: ${messageOf(cause)}`,
      cause,
    });
  } finally {
    await client.end().catch(() => {});
  }
}

/** Copies a database; Postgres refuses while another session is connected to it. @throws {RowgateError} `container/prepare` */
export async function copyDatabase(client: Client, from: string, name: string, owner: string): Promise<void> {
  const copy = `create database ${quoteIdent(name)} template ${quoteIdent(from)} owner ${quoteIdent(owner)}`;
  try {
    await client.query(copy);
    return;
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== "55006") throw error;
  }
  await client.query(`alter database ${quoteIdent(from)} with allow_connections false`);
  try {
    await alone(client, from);
    await client.query(copy);
  } finally {
    await client.query(`alter database ${quoteIdent(from)} with allow_connections true`);
  }
}

/** Workers of extensions sit in the image's own database: they are shown out, and come back later. */
async function alone(client: Client, database: string): Promise<void> {
  for (let attempt = 1; attempt <= 100; attempt++) {
    const { rowCount } = await client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1",
      [database],
    );
    if (rowCount === 0) return;
    await client.query("select pg_sleep(0.05)");
  }
  throw new RowgateError({
    code: "container/prepare",
    message: `other connections to the database ${database} did not end, so it could not be copied`,
  });
}

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
