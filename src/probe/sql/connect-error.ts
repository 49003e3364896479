import { connectionCode, connectionFacts } from "../../messages/connection.ts";
import { describe } from "../../messages/messages.ts";
import { RowgateError } from "../../model/errors.ts";
import type { DatabaseAddress, Limits } from "../../model/target.ts";
import { linkFailure } from "../link-failure.ts";

/** What kept a login from succeeding, and what to do. Never contains the password. */
export function connectError(to: DatabaseAddress, limits: Limits, cause: unknown): RowgateError {
  const { host, port, user, database } = to;
  const where = `${host}:${port}`;
  const failure = linkFailure(cause);
  const seconds = Math.round(limits.requestTimeoutMs / 1000);
  const facts = connectionFacts({ where, host, user, database, seconds }, failure);
  const { sentence, todo } = describe(connectionCode(failure), facts);
  return new RowgateError({
    code: "direct/connect",
    message: `Cannot log in to ${where}/${database} as ${user}: ${sentence}`,
    hint: todo,
    cause,
  });
}
