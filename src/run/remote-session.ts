import { lookForPooler } from "../doctor/facts/pooling.ts";
import { readSession } from "../doctor/facts/session.ts";
import { connect, disconnect } from "../probe/sql/session.ts";
import { RowgateError } from "../model/errors.ts";
import type { PoolingFacts, SessionFacts } from "../model/examination.ts";
import { addressOf, readsOnly } from "../model/posture.ts";
import type { Target } from "../model/target.ts";

/**
 * Refuses a way to the database on which evidence would be worth less than it says: sessions that are not their own, limits that do
 * not hold, a replica where writes are to be tried. `rowgate doctor` says more.
 * @throws RowgateError `direct/…`
 */
export async function mustServeSessions(target: Target): Promise<void> {
  const address = addressOf(target);
  const [one, other] = [await connect(address, target.limits), await connect(address, target.limits)];
  try {
    const session = await readSession(one, target.limits, Date.now);
    if (session.inRecovery && !readsOnly(target)) throw refused(target, "replica");
    const pooling = await lookForPooler(one, other);
    if (sharesSessions(pooling)) throw refused(target, "pooler");
    if (limitsDropped(session)) throw refused(target, "limits");
  } finally {
    await Promise.all([one, other].map(disconnect));
  }
}

function sharesSessions(pooling: PoolingFacts): boolean {
  return pooling.kind === "told" && (pooling.shared || pooling.statementMode || !pooling.setLocalHolds);
}

function limitsDropped({ limits, told }: SessionFacts): boolean {
  return (Object.keys(told) as (keyof typeof told)[]).some((name) => limits[name] !== told[name]);
}

const reasons = {
  replica: {
    message: "is a read replica, where every write is refused before any policy is asked",
    hint: "connect to the primary, or say `writes: none`",
  },
  pooler: {
    message:
      "is reached through a pooler that gives each transaction another session: none is a fresh one, and what one was told may hold for somebody else",
    hint: "connect to the server itself, or to the pooler's session mode (on Supabase port 5432 instead of 6543)",
  },
  limits: {
    message: "is reached through something that drops the limits which a session is told at its start",
    hint: "connect to the server itself; or give the login the same limits (ALTER ROLE … SET statement_timeout, lock_timeout, idle_in_transaction_session_timeout)",
  },
} as const;

function refused({ name, database }: Target, why: keyof typeof reasons): RowgateError {
  const { message, hint } = reasons[why];
  return new RowgateError({
    code: `direct/${why}`,
    message: `The database of ${name}, ${database.host}:${database.port}/${database.database}, ${message}.`,
    hint: `${hint}; \`rowgate doctor ${name}\` says more`,
  });
}
