import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { messageOf, RowgateError } from "../../model/errors.ts";
import { quoteIdent, quoteLiteral } from "../../lib/sql-text.ts";
import type { DatabaseAddress } from "../../model/target.ts";
import { listSql, readSql } from "../../lib/sql-file.ts";
import { readAcl } from "../../lib/acl.ts";
import type { Baseline, BaselineName } from "../../model/baseline.ts";
import { findNative, nativeOfBin } from "./binaries.ts";
import { type EmbeddedTimings, startSupervisor } from "./spawn.ts";

export interface EmbeddedOptions {
  /** Folder with Postgres's `bin/`, `lib/` and `share/`; by default that of the installed platform package. */
  readonly native?: string | undefined;
  /** The `bin` folder, or the one above it, of a Postgres that is installed on the machine, with its extensions. */
  readonly postgresBin?: string | undefined;
  /** Whether CREATE EXTENSION finds stand-ins for those that Postgres lacks; default: on a Supabase baseline. */
  readonly standIns?: boolean | undefined;
  /** Folder in which the private directory is made; by default the system's temporary folder. */
  readonly tempRoot?: string | undefined;
  /** Server settings (`postgresql.conf`), on top of those that make it fast to throw away. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** Whose roles the server has; `plain` unless said. */
  readonly baseline?: BaselineName | undefined;
}

/** A real Postgres with Supabase's roles, that ends and disappears with the process that started it. */
export interface EmbeddedServer extends AsyncDisposable {
  /** The superuser (`postgres`, on a Supabase baseline `supabase_admin`) and the database `postgres`. */
  readonly database: DatabaseAddress;
  /** What PostgREST logs in as: LOGIN NOINHERIT, may become `anon`, `authenticated` and `service_role`. */
  readonly authenticator: { readonly user: string; readonly password: string };
  readonly baseline: BaselineName;
  readonly timings: EmbeddedTimings;
  /**
   * A new database with Supabase's `auth` helpers and nothing else; on a Supabase baseline with the platform's schemas.
   * @throws {RowgateError} `embedded/prepare`
   */
  createDatabase(name: string, baseline?: Baseline): Promise<DatabaseAddress>;
  /**
   * Ends the server and removes what it left; safe to call twice.
   * @throws {RowgateError} `embedded/left-behind`
   */
  stop(): Promise<void>;
}

/**
 * Starts a separate Postgres in a private temporary directory, on 127.0.0.1 and a free port. It does not keep this
 * process alive, and is gone a moment after it, however this process ends.
 * @throws {RowgateError} `embedded/…`
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<EmbeddedServer> {
  const baseline = options.baseline ?? "plain";
  const superuser = superusers[baseline];
  const installed = options.postgresBin === undefined ? undefined : nativeOfBin(options.postgresBin);
  const supervised = await startSupervisor({
    superuser,
    native: installed ?? options.native ?? findNative(),
    installed: installed !== undefined,
    // An installed Postgres cannot be copied, and its folders are not rowgate's.
    standIns: installed === undefined && (options.standIns ?? baseline === "supabase"),
    tempRoots: options.tempRoot === undefined ? [] : [options.tempRoot],
    settings: options.settings ?? {},
  });
  const { port, timings } = supervised;
  const initial = {
    host: "127.0.0.1",
    port,
    user: superuser,
    password: supervised.password,
    database: "postgres",
  };
  // A kept cluster's password is that of each server which was copied from it.
  const database = { ...initial, password: randomBytes(32).toString("base64url") };
  const authenticator = { user: "authenticator", password: randomBytes(32).toString("base64url") };
  try {
    await runSql(
      initial,
      rolesSql(authenticator.password),
      `alter role ${superuser} password ${quoteLiteral(database.password)}`,
    );
    await runSql(
      database,
      baseline === "plain" ? readSql("supabase_auth.sql") : readSql("baseline/supabase/roles.sql"),
    );
  } catch (error) {
    await supervised.stop();
    throw error;
  }
  return {
    database,
    authenticator,
    baseline,
    timings,
    createDatabase: (name, wished) =>
      baseline === "plain" ? createDatabase(database, name) : createProject(database, name, wished),
    stop: supervised.stop,
    [Symbol.asyncDispose]: supervised.stop,
  };
}

function rolesSql(authenticatorPassword: string): string {
  // A role's password can only be a literal.
  return `${readSql("supabase_roles.sql")}\nalter role authenticator password ${quoteLiteral(authenticatorPassword)};`;
}

async function createDatabase(server: DatabaseAddress, name: string): Promise<DatabaseAddress> {
  const database = { ...server, database: name };
  // Copying files takes two checkpoints, which cost little without fsync, and beats logging every page.
  await runSql(server, `create database ${quoteIdent(name)} strategy file_copy`);
  await runSql(database, readSql("supabase_auth.sql"));
  return database;
}

const superusers: Readonly<Record<BaselineName, string>> = { plain: "postgres", supabase: "supabase_admin" };

/** A database as a new Supabase project has it, owned by `postgres`. */
async function createProject(
  server: DatabaseAddress,
  name: string,
  baseline: Baseline | undefined,
): Promise<DatabaseAddress> {
  const database = { ...server, database: name };
  await runSql(server, `create database ${quoteIdent(name)} owner postgres strategy file_copy`);
  await runSql(
    database,
    ...listSql("baseline/supabase/schemas").map(readSql),
    readSql("supabase_auth.sql"),
    readSql("baseline/supabase/access.sql"),
    ...defaultPrivilegesSql(baseline),
  );
  return database;
}

function defaultPrivilegesSql(baseline: Baseline | undefined): readonly string[] {
  const state = baseline?.name === "supabase" ? baseline : undefined;
  if (state?.captured !== undefined) {
    const entries = state.captured.entries.map(({ acl, ...entry }) => ({
      ...entry,
      grants: acl.flatMap(readAcl),
    }));
    return [
      `set rowgate.captured = ${quoteLiteral(JSON.stringify(entries))}`,
      readSql("baseline/supabase/default_privileges_captured.sql"),
    ];
  }
  const legacy = readSql("baseline/supabase/default_privileges.sql");
  return state?.defaultPrivileges === "none"
    ? [legacy, readSql("baseline/supabase/default_privileges_none.sql")]
    : [legacy];
}

async function runSql(address: DatabaseAddress, ...texts: readonly string[]): Promise<void> {
  // Without `ssl: false` a PGSSLMODE of the environment would decide.
  const client = new Client({ ...address, ssl: false });
  // The error of the statement tells of a server that went away; without a listener it would end this process.
  client.on("error", () => {});
  try {
    await client.connect();
    for (const text of texts) await client.query(text);
  } catch (cause) {
    throw new RowgateError({
      code: "embedded/prepare",
      message: `the embedded database ${address.database} could not be prepared: ${messageOf(cause)}`,
      cause,
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}
