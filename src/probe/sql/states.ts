import { ruleOf } from "../../model/answers.ts";
import type { Failure, UntestedState } from "../../model/observation.ts";
import type { Part, Reply } from "./protocol.ts";
import type { SessionState } from "../sessions.ts";
import { failedObservation } from "./failed.ts";

/** The other states of the session that came to no answer: what a policy does there has not been seen. */
export function untestedStates(
  states: readonly SessionState[],
  replies: readonly (Reply | undefined)[],
): readonly UntestedState[] | undefined {
  const found = states.flatMap((state, index) => {
    const failure = failureIn(replies[index]);
    return failure === undefined ? [] : [{ state, failure }];
  });
  return found.length === 0 ? undefined : found;
}

function failureIn(reply: Reply | undefined): Failure | undefined {
  if (reply?.kind === "rows") return interrupted(reply.rows.affected === 0 ? [reply.rows.last ?? {}] : []);
  if (reply?.kind === "parts" && reply.parts.length > 0) return interrupted(reply.parts);
  return failedObservation(reply).failure;
}

/** Of several statements, one that went through tells enough. */
function interrupted(parts: readonly Part[]): Failure | undefined {
  const found = parts.find(({ code }) => code !== undefined && ruleOf(code, "direct").momentary === true);
  return found && { kind: "timeout", message: `${found.message ?? "no answer"} (${found.code})` };
}
