import type { IncomingHttpHeaders } from "node:http";
import { type ClientBase, DatabaseError, type Pool, type PoolClient } from "pg";
import { quoteIdent } from "../../lib/sql-text.ts";
import type { TxEnd } from "./config.ts";
import { connectionRefusal, refusalOf, refuse, Refused } from "./errors.ts";
import { compile, sql, type Sql, type Statement } from "./fragment.ts";
import type { Identity } from "./jwt.ts";
import { runPipeline } from "./pipeline.ts";
import { type Outcome, type Plan, readOutcome } from "./read.ts";
import type { Request } from "./request.ts";

interface TransactionRules extends SessionRules {
  readonly txEnd: TxEnd;
  /** `select "schema"."function"()`, run before each request's own statement. */
  readonly preRequest: Statement | undefined;
  readonly anonRole: string | undefined;
}

/**
 * Runs a plan as its identity, in a separate transaction: begin, settings and role, pre-request function, the statement,
 * end. All of it is one message, unless its outcome decides how it ends.
 * @throws {Refused}
 */
export async function runPlan(
  pool: Pool,
  plan: Plan,
  identity: Identity,
  rules: TransactionRules,
): Promise<Outcome> {
  const client = await connect(pool);
  let lost: Error | undefined;
  try {
    return await transact(client, plan, identity, rules);
  } catch (error) {
    lost = lossIn(error);
    throw error instanceof Refused ? error : connectionRefusal(error);
  } finally {
    client.release(lost);
  }
}

/** Why the connection is of no use any more, or nothing: a refusal leaves it usable, unless the server said farewell. */
function lossIn(error: unknown): Error | undefined {
  if (!(error instanceof Refused)) return error instanceof Error ? error : new Error(String(error));
  const { cause } = error;
  return cause instanceof DatabaseError && farewell.test(cause.code ?? "") ? cause : undefined;
}

// By SQLSTATE: the severity FATAL comes in the server's language.
const farewell = /^(?:57P|08|25P03)/;

async function connect(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw connectionRefusal(error);
  }
}

async function transact(
  client: ClientBase,
  plan: Plan,
  identity: Identity,
  rules: TransactionRules,
): Promise<Outcome> {
  const run = async (
    ...statements: readonly Statement[]
  ): Promise<readonly (readonly (string | null)[])[] | undefined> => {
    const { rows, error } = await runPipeline(client, statements, identity.role);
    if (error !== undefined) throw new Refused(refusalOf(error, identity.role === rules.anonRole), error);
    return rows[before.length];
  };
  const before = [
    compile(beginning(plan, rules.ofRole)),
    sessionSettings(plan, identity, rules),
    ...(rules.preRequest === undefined ? [] : [rules.preRequest]),
  ];
  const end = ending(plan.request, rules.txEnd);
  const main = compile(plan.main);
  if (plan.shape === "array") return readOutcome((await run(...before, main, ...end))?.[0] ?? []);

  // A single object was asked for: whatever else the statement gave or wrote is rolled back.
  const outcome = readOutcome((await run(...before, main))?.[0] ?? []);
  const isSingle = outcome.rows === 1;
  await run(...(isSingle ? end : [rollback]));
  if (!isSingle) throw refuse.notSingular(outcome.rows);
  return outcome;
}

const commit = compile(sql`commit`);
const rollback = compile(sql`rollback`);
// Deferred constraints would never be checked in a transaction that is rolled back.
const checkDeferred = compile(sql`set constraints all immediate`);

function ending({ prefer }: Request, txEnd: TxEnd): readonly Statement[] {
  const rollsBack = prefer.tx === "rollback" || (txEnd.startsWith("rollback") && prefer.tx !== "commit");
  return rollsBack ? [checkDeferred, rollback] : [commit];
}

export interface SessionRules {
  readonly extraSearchPath: readonly string[];
  /** Settings of the role that is switched to. */
  readonly ofRole: Readonly<Record<string, string>>;
}

// They decide how the transaction begins, and cannot be set once it has.
const isolation = "default_transaction_isolation";

/** One statement that makes the transaction what its request is: who asks, for what, and with which settings. */
export function sessionSettings(
  { request, settings }: Plan,
  identity: Identity,
  rules: SessionRules,
): Statement {
  const path = [request.schema, ...rules.extraSearchPath].map(quoteIdent).join(", ");
  const { cookie, ...headers } = request.headers;
  const timezone = request.prefer.timezone;
  const all: readonly (readonly [string, string])[] = [
    ["search_path", path],
    // Before the role: a login may be allowed a setting that the role is not.
    ...withoutIsolation(rules.ofRole),
    ["role", identity.role],
    ["request.jwt.claims", identity.claims],
    ["request.method", request.method],
    ["request.path", request.path],
    ["request.headers", JSON.stringify(flat(headers))],
    ["request.cookies", JSON.stringify(cookies(cookie))],
    ...(timezone === undefined ? [] : [["timezone", timezone] as const]),
    ...withoutIsolation(settings),
  ];
  return { text: textFor(all.length), values: all.flatMap(([name, value]) => [name, value]) };
}

/** Every request runs this statement, so its text is made once for each number of settings. */
const texts = new Map<number, string>();

function textFor(settings: number): string {
  const known = texts.get(settings);
  if (known !== undefined) return known;
  const calls = Array.from({ length: settings }, (_, i) => `set_config($${2 * i + 1}, $${2 * i + 2}, true)`);
  const text = `select ${calls.join(", ")}`;
  texts.set(settings, text);
  return text;
}

function withoutIsolation(settings: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(settings).filter(([name]) => name !== isolation);
}

const levels: Readonly<Record<string, Sql>> = {
  "read committed": sql`read committed`,
  "repeatable read": sql`repeatable read`,
  serializable: sql`serializable`,
};

/** `begin …`: the function's isolation level, then the role's, then READ COMMITTED; PostgREST knows no other way. */
function beginning({ readOnly, settings }: Plan, ofRole: Readonly<Record<string, string>>): Sql {
  const level = levels[(settings[isolation] ?? ofRole[isolation] ?? "").toLowerCase()] ?? sql`read committed`;
  return sql`begin isolation level ${level} ${readOnly ? sql`read only` : sql`read write`}`;
}

function flat(headers: IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name, String(value ?? "")] as const);
  return Object.fromEntries(entries);
}

function cookies(header: string | undefined): Record<string, string> {
  const pairs = (header ?? "").split(";").flatMap((pair): [string, string][] => {
    const [name = "", ...value] = pair.trim().split("=");
    return name === "" ? [] : [[name, value.join("=").replace(/^"(.*)"$/, "$1")]];
  });
  return Object.fromEntries(pairs);
}
