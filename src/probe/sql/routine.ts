import { ruleFor } from "../../model/answers.ts";
import type { Answer, RowsObservation } from "../../model/observation.ts";
import type { BatchRequest, Part, Reply, Request } from "./protocol.ts";

/** The answer with the routine that raised it, asked for once per relation, statement and message. */
export function* withRoutine(
  answer: Answer,
  statement: string,
): Generator<readonly Request[], Answer, readonly Reply[]> {
  const [reply] = yield [{ kind: "explain", sql: statement, message: answer.message ?? "" }];
  if (reply?.kind !== "routine" || reply.routine === undefined) return answer;
  const { routine, beforeRows } = reply;
  return { ...answer, routine, ...(beforeRows === true && { beforeRows }) };
}

/** Names the server's routine behind a refusal that the role's privileges do not explain. */
export function* explained(
  first: BatchRequest,
  observed: RowsObservation,
  part: Part | null | undefined,
): Generator<readonly Request[], RowsObservation, readonly Reply[]> {
  const { answer } = observed;
  const statement = part?.sql ?? first.statements[(part?.variant ?? 1) - 1];
  if (ruleFor(answer)?.routineTells !== true || statement === undefined) return observed;
  return { ...observed, answer: yield* withRoutine(answer, statement) };
}
