import { DatabaseError } from "pg";
import type { ClientBase, Pool, PoolClient } from "pg";
import type { TxEnd } from "./config.ts";
import { refuse, Refused } from "./errors.ts";
import { compile, sql } from "./fragment.ts";
import type { Statement } from "./fragment.ts";
import type { Identity } from "./jwt.ts";
import { runPipeline } from "./pipeline.ts";
import { readOutcome } from "./plan.ts";
import type { Outcome, Plan } from "./plan.ts";
import type { Request } from "./request.ts";
import { beginning, sessionSettings } from "./settings.ts";
import type { SessionRules } from "./settings.ts";
import { connectionRefusal, refusalOf } from "./sqlstate.ts";

export interface TransactionRules extends SessionRules {
  readonly txEnd: TxEnd;
  /** `select "schema"."function"()`, run before each request's own statement. */
  readonly preRequest: Statement | undefined;
  readonly anonRole: string | undefined;
}

/**
 * Runs a plan as its identity, in a transaction of its own: begin, settings and role, pre-request function, the statement,
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
  if (!isConditional(plan)) return readOutcome((await run(...before, main, ...end))?.[0] ?? []);

  const outcome = readOutcome((await run(...before, main))?.[0] ?? []);
  const objection = objectionTo(outcome, plan);
  await run(...(objection === undefined ? end : [rollback]));
  if (objection !== undefined) throw objection;
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

function isConditional({ shape, request: { action, prefer } }: Plan): boolean {
  const isPut = action.kind === "mutate" && action.mutation === "upsert";
  return shape === "object" || isPut || (prefer.handling === "strict" && prefer.maxAffected !== undefined);
}

/** What makes a request fail whose statement succeeded; it is rolled back then. */
function objectionTo({ rows }: Outcome, { shape, request: { action, prefer } }: Plan): Refused | undefined {
  const mutation = action.kind === "mutate" ? action.mutation : undefined;
  if (mutation === "upsert") return rows === 1 ? undefined : refuse.putKey();
  if (shape === "object" && rows !== 1) return refuse.notSingular(rows);
  const counts = action.kind === "call" || mutation === "update" || mutation === "delete";
  const most = prefer.handling === "strict" && counts ? prefer.maxAffected : undefined;
  return most !== undefined && BigInt(rows) > most ? refuse.maxAffected(rows) : undefined;
}
