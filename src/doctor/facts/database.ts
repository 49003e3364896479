import type { Client, ClientBase } from "pg";
import { readCatalog } from "../../catalog/catalog.ts";
import { readSql } from "../../lib/sql-file.ts";
import { quoteIdent } from "../../lib/sql-text.ts";
import type { LinkFailure } from "../../model/link-failure.ts";
import { addressOf } from "../../model/posture.ts";
import type { Target } from "../../model/target.ts";
import { linkFailure } from "../../probe/link-failure.ts";
import { queryPooling, querySession } from "../../probe/sql/server-session.ts";
import { connect, disconnect } from "../../probe/sql/session.ts";
import type { DatabaseFacts, ReachedDatabase, UsersFacts } from "../facts.ts";

export interface DatabaseQuestions {
  readonly target: Target;
  /** Roles of personas; `undefined`: those that the gateway may become. */
  readonly roles: readonly string[] | undefined;
  /** Other roles that must exist. */
  readonly logins: readonly string[];
  readonly schemas: readonly string[];
  /** `sub` claims of personas. */
  readonly subs: readonly string[];
  /** Ours, in milliseconds since 1970. */
  readonly clock: () => number;
}

/** What a run would meet on the direct connection. Only reads. */
export async function queryDatabase(questions: DatabaseQuestions): Promise<DatabaseFacts> {
  const { target } = questions;
  const opened: Client[] = [];
  const open = async (): Promise<Client> => {
    const client = await connect(addressOf(target), target.limits);
    opened.push(client);
    return client;
  };
  try {
    return await queryAll(await open(), await open(), questions);
  } catch (error) {
    return { kind: "unreached", failure: linkFailure(error), loggedIn: opened.length > 0 };
  } finally {
    await Promise.all(opened.map(disconnect));
  }
}

async function queryAll(
  client: Client,
  other: Client,
  questions: DatabaseQuestions,
): Promise<ReachedDatabase> {
  const { target, logins, schemas, subs, clock } = questions;
  const { rest } = target;
  const session = await querySession(client, target.limits, clock);
  const roles = questions.roles ?? (await queryGatewayRoles(client, rest?.login));
  const gateway = rest === undefined ? [] : [rest.anonRole, rest.login ?? rest.anonRole];
  const catalog = await readCatalog(client, schemas, [...new Set([...roles, ...logins, ...gateway])]);
  const existing = roles.filter((role) => catalog.roles.some(({ name }) => name === role));
  const pooling = await queryPooling(client, other);
  // Without transactions doctor cannot try anything that has to be undone.
  const canUndo = pooling.kind === "unknown" || !pooling.statementMode;
  return {
    kind: "connected",
    session,
    pooling,
    catalog,
    becomes: await trySetRole(client, canUndo ? existing : []),
    users: canUndo ? await queryUsers(client, subs) : noTransaction,
    unreadable: await names(client, readSql("doctor_unreadable.sql"), schemas),
    schemas: await names(
      client,
      "select nspname::text as name from pg_namespace where nspname = any ($1::text[])",
      schemas,
    ),
  };
}

async function names(client: ClientBase, sql: string, value: unknown): Promise<readonly string[]> {
  return (await client.query<{ name: string }>(sql, [value])).rows.map(({ name }) => name);
}

/** Roles that the gateway's login may SET ROLE to, itself excepted. */
async function queryGatewayRoles(client: ClientBase, login: string | undefined): Promise<readonly string[]> {
  return login === undefined ? [] : await names(client, readSql("doctor_gateway_roles.sql"), login);
}

/** Tries each role: what a membership allows differs between versions of Postgres. */
async function trySetRole(
  client: ClientBase,
  roles: readonly string[],
): Promise<ReadonlyMap<string, LinkFailure | null>> {
  const tried = new Map<string, LinkFailure | null>();
  for (const role of roles) {
    try {
      await client.query(`begin read only; set local role ${quoteIdent(role)}; rollback`);
      tried.set(role, null);
    } catch (error) {
      tried.set(role, linkFailure(error));
      await client.query("rollback");
    }
  }
  return tried;
}

const noTransaction: UsersFacts = { kind: "unreadable", message: "no transaction can be opened" };

/** Which of `subs` have no row in Supabase's `auth.users`. */
async function queryUsers(client: ClientBase, subs: readonly string[]): Promise<UsersFacts> {
  // Not to_regclass(): it fails without USAGE on the schema.
  const { rowCount } = await client.query(
    "select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'auth' and c.relname = 'users'",
  );
  if (rowCount === 0) return { kind: "no-table" };
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
