import { describe, type Facts, type MessageCode } from "../messages/messages.ts";
import { RowgateError } from "../model/errors.ts";
import { addressOf, readsOnly } from "../model/posture.ts";
import type { Target } from "../model/target.ts";
import { queryPooling, querySession } from "../probe/sql/server-session.ts";
import { connect, disconnect } from "../probe/sql/session.ts";
import { type SessionFault, sessionFaults } from "./session-faults.ts";

/**
 * Refuses a connection on which evidence would be worth less than it claims: shared sessions, limits that are not in force, a replica
 * where writes are to be probed. `rowgate doctor` reports more.
 * @throws RowgateError `direct/…`
 */
export async function mustServeSessions(target: Target): Promise<void> {
  const address = addressOf(target);
  const [one, other] = [await connect(address, target.limits), await connect(address, target.limits)];
  try {
    const session = await querySession(one, target.limits, Date.now);
    if (session.inRecovery && !readsOnly(target))
      throw refused(target, "direct/replica", "read-replica", { host: address.host });
    const [fault] = sessionFaults(session, await queryPooling(one, other));
    if (fault !== undefined) throw refused(target, refusals[fault.code], fault.code, fault.facts);
  } finally {
    await Promise.all([one, other].map(disconnect));
  }
}

const refusals: Readonly<Record<SessionFault["code"], string>> = {
  "transaction-pooler": "direct/pooler",
  "statement-pooler": "direct/pooler",
  "set-local-lost": "direct/pooler",
  "limits-dropped": "direct/limits",
};

function refused<Code extends MessageCode>(
  { name, database }: Target,
  refusal: string,
  code: Code,
  facts: Facts<Code>,
): RowgateError {
  const { sentence, todo } = describe(code, facts);
  return new RowgateError({
    code: refusal,
    message: `Cannot use the database of ${name}, ${database.host}:${database.port}/${database.database}: ${sentence}.`,
    hint: `${todo}; \`rowgate doctor ${name}\` checks the whole target`,
  });
}
