import type { Client, ClientBase } from "pg";
import { addressOf } from "../model/posture.ts";
import type { Target } from "../model/target.ts";
import { connect, disconnect } from "../probe/sql/session.ts";
import { type Clones, sendOne } from "./clones.ts";
import { type PendingStatement, resetSession } from "./migrations.ts";

interface Asked {
  readonly target: Target;
  readonly pending: readonly PendingStatement[];
  readonly clones?: Clones | undefined;
}

export interface Place {
  readonly target: Target;
  /** What each transaction there begins with. */
  readonly applied: readonly PendingStatement[];
}

/** Where the state after the first `count` statements is asked about. */
export function placeOf({ target, pending, clones = new Map() }: Asked, count: number): Place {
  const from = Math.max(0, ...[...clones.keys()].filter((committed) => committed <= count));
  const database = clones.get(from) ?? target.database;
  return { target: { ...target, database }, applied: pending.slice(from, count) };
}

export async function insideTransaction<T>(
  target: Target,
  applied: readonly PendingStatement[],
  ask: (client: ClientBase) => Promise<T>,
): Promise<T> {
  const client = await connect(addressOf(target), target.limits);
  try {
    await client.query("begin");
    for (const [index, statement] of applied.entries()) await sendOne(client, applied, index, statement);
    if (applied.length > 0) await client.query(resetSession.join(";\n"));
    return await ask(nested(client));
  } finally {
    await disconnect(client);
  }
}

/** Within the transaction, questions that begin and roll back one of their own do so with a savepoint. */
function nested(client: Client): ClientBase {
  const query = (first: unknown, ...rest: readonly unknown[]): unknown =>
    Reflect.apply(client.query, client, [typeof first === "string" ? inSavepoint(first) : first, ...rest]);
  return new Proxy(client, {
    get: (of, key): unknown => (key === "query" ? query : Reflect.get(of, key, of)),
  });
}

function inSavepoint(sql: string): string {
  return sql
    .replace(/^\s*begin\b[^;]*/i, "savepoint rowgate_question")
    .replace(/(^|;\s*)rollback\s*$/i, "$1rollback to savepoint rowgate_question");
}
