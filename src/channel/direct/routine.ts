import type { Answer } from "../../model/observation.ts";
import type { Reply, Request } from "./protocol.ts";

/** The answer with the routine that raised it, asked for once per relation, statement and message. */
export function* withRoutine(
  answer: Answer,
  statement: string,
): Generator<readonly Request[], Answer, readonly Reply[]> {
  const [reply] = yield [{ kind: "explain", sql: statement, message: answer.message ?? "" }];
  return reply?.kind === "routine" && reply.routine !== undefined
    ? { ...answer, routine: reply.routine }
    : answer;
}
