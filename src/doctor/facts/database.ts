import type { Client } from "pg";
import type { DatabaseFacts, ReachedDatabase, UsersFacts } from "../../model/examination.ts";
import { addressOf } from "../../model/posture.ts";
import type { Target } from "../../model/target.ts";
import { readCatalog } from "../../catalog/catalog.ts";
import { connect, disconnect } from "../../probe/sql/session.ts";
import { readSql } from "../../lib/sql-file.ts";
import { linkFailure } from "./link.ts";
import { lookForPooler } from "./pooling.ts";
import { rolesOfGateway, tryRoles } from "./roles.ts";
import { readSession } from "./session.ts";
import { readUsers } from "./users.ts";

export interface DatabaseQuestions {
  readonly target: Target;
  /** Roles of personas; `undefined`: whomever the gateway may become. */
  readonly roles: readonly string[] | undefined;
  /** Other roles that must be there. */
  readonly logins: readonly string[];
  readonly schemas: readonly string[];
  /** `sub` claims of personas. */
  readonly subs: readonly string[];
  /** Ours, in milliseconds since 1970. */
  readonly clock: () => number;
}

/** What a run would meet on the direct connection. Reads, and changes nothing. */
export async function examineDatabase(questions: DatabaseQuestions): Promise<DatabaseFacts> {
  const { target } = questions;
  const opened: Client[] = [];
  const open = async (): Promise<Client> => {
    const client = await connect(addressOf(target), target.limits);
    opened.push(client);
    return client;
  };
  try {
    return { kind: "reached", ...(await askAll(await open(), await open(), questions)) };
  } catch (error) {
    return { kind: "unreached", failure: linkFailure(error), loggedIn: opened.length > 0 };
  } finally {
    await Promise.all(opened.map(disconnect));
  }
}

async function askAll(client: Client, other: Client, questions: DatabaseQuestions): Promise<ReachedDatabase> {
  const { target, logins, schemas, subs, clock } = questions;
  const session = await readSession(client, target.limits, clock);
  const roles = questions.roles ?? (await rolesOfGateway(client, target.rest?.login));
  const gateway =
    target.rest === undefined ? [] : [target.rest.anonRole, target.rest.login ?? target.rest.anonRole];
  const catalog = await readCatalog(client, schemas, [...new Set([...roles, ...logins, ...gateway])]);
  const there = roles.filter((role) => catalog.roles.some(({ name }) => name === role));
  const pooling = await lookForPooler(client, other);
  // Without transactions nothing can be tried that has to be undone.
  const undoes = pooling.kind === "untold" || !pooling.statementMode;
  return {
    session,
    pooling,
    catalog,
    becomes: await tryRoles(client, undoes ? there : []),
    users: undoes ? await readUsers(client, subs) : noTransaction,
    unreadable: (await client.query<{ name: string }>(readSql("doctor_unreadable.sql"), [schemas])).rows.map(
      ({ name }) => name,
    ),
    schemas: await existing(client, schemas),
  };
}

const noTransaction: UsersFacts = { kind: "unreadable", message: "no transaction can be opened" };

async function existing(client: Client, schemas: readonly string[]): Promise<readonly string[]> {
  const sql = "select nspname::text as name from pg_namespace where nspname = any ($1::text[])";
  return (await client.query<{ name: string }>(sql, [schemas])).rows.map(({ name }) => name);
}
