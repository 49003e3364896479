import { type Client, DatabaseError } from "pg";
import { readSql } from "../lib/sql-file.ts";
import { RowgateError } from "../model/errors.ts";
import type { DatabaseAddress, Limits } from "../model/target.ts";
import { connect, disconnect } from "../probe/sql/session.ts";
import { copyDatabase } from "../stage/postgres/copy.ts";
import { failureOf, type PendingStatement, textsOf } from "./migrations.ts";

/** Databases in which the first statements are committed: by how many. */
export type Clones = ReadonlyMap<number, DatabaseAddress>;

/**
 * Copies a database that rowgate has made, once for each statement that has to be committed, each copy from the one before it.
 * No connection to it may be open. @throws RowgateError where a statement fails, or roles change before it
 */
export async function openClones(
  database: DatabaseAddress,
  limits: Limits,
  pending: readonly PendingStatement[],
): Promise<Clones> {
  const clones = new Map<number, DatabaseAddress>();
  const counts = pending.flatMap(({ commits }, index) => (commits === undefined ? [] : [index + 1]));
  if (counts.length === 0) return clones;
  const admin = await connect({ ...database, database: "postgres" }, limits);
  try {
    const roles = await readRoles(admin);
    let from = { count: 0, database };
    for (const count of counts) {
      const clone = { ...database, database: `${database.database.slice(0, 40)}_gate_${count}` };
      await copyDatabase(admin, from.database.database, clone.database);
      await commitAll(clone, limits, pending.slice(from.count, count));
      clones.set(count, clone);
      from = { count, database: clone };
    }
    if ((await readRoles(admin)) !== roles) throw changesRoles(pending.slice(0, from.count));
  } finally {
    await disconnect(admin);
  }
  return clones;
}

async function commitAll(
  database: DatabaseAddress,
  limits: Limits,
  statements: readonly PendingStatement[],
): Promise<void> {
  const client = await connect(database, limits);
  try {
    for (const [index, statement] of statements.entries())
      await sendOne(client, statements, index, statement);
  } finally {
    await disconnect(client);
  }
}

/** @throws RowgateError with the statement's file and line */
export async function sendOne(
  client: Client,
  statements: readonly PendingStatement[],
  index: number,
  statement: PendingStatement,
): Promise<void> {
  try {
    for (const one of textsOf(statements, index).flat()) await client.query(one);
  } catch (error) {
    if (error instanceof DatabaseError) throw await failureOf(statement, error);
    throw error;
  }
}

async function readRoles(client: Client): Promise<string> {
  return JSON.stringify((await client.query(readSql("embedded_roles.sql"))).rows);
}

function changesRoles(statements: readonly PendingStatement[]): RowgateError {
  const last = statements.at(-1);
  return new RowgateError({
    code: "gate/roles-and-commits",
    message: `${last?.text ?? "a statement"} must be committed, and statements before it change roles: roles belong to the whole server, so the state before could not be compared any more.`,
    ...(last && { at: { file: last.file, line: last.line, column: 1 } }),
    hint: "put the role changes into a migration of their own, and run rowgate gate once for each",
  });
}
