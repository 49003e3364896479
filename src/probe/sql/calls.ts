import type { Cell, PlannedCall } from "../../model/cell.ts";
import type { Answer, PositiveControl, Observation } from "../../model/observation.ts";
import { comparesRows, positiveControlOf } from "../what-to-compare.ts";
import { answerOf } from "./answer.ts";
import type { Means } from "./first-requests.ts";
import type { BatchRequest, Reply, Request } from "./protocol.ts";
import type { SessionState } from "../sessions.ts";
import { failedObservation } from "./failed.ts";
import { type CellProbe, probeReach } from "./reach.ts";
import { runSql } from "./source.ts";
import { untestedStates } from "./states.ts";

export function* probeCall(
  cell: Cell,
  call: PlannedCall,
  means: Means,
  states: readonly SessionState[],
): CellProbe {
  if (comparesRows(cell)) return yield* probeReach(cell, means, states);
  const request = runRequest(call);
  const asked = cell.expectation.kind === "deny" ? states : [];
  const [reply, ...others] = yield [request, ...asked.map((state): BatchRequest => ({ ...request, state }))];
  const answer = callAnswer(call, reply);
  if (answer === undefined) return failedObservation(reply);
  return {
    kind: "call",
    answer,
    states: asked.flatMap((state, index) => {
      const other = callAnswer(call, others[index]);
      return other === undefined ? [] : [{ state, answer: other }];
    }),
    untestedStates: untestedStates(asked, others),
    positiveControl: answer.code === null ? undefined : yield* askBeside(call),
  } satisfies Observation;
}

function runRequest(call: PlannedCall): BatchRequest {
  return { kind: "call", statements: [runSql(call)] };
}

/** The first of the calls that should go through that does; else the last. */
function* askBeside(
  call: PlannedCall,
): Generator<readonly Request[], PositiveControl | undefined, readonly Reply[]> {
  let last: PositiveControl | undefined;
  for (const other of call.positiveControls) {
    if (other.call === undefined) continue;
    const [reply] = yield [{ ...runRequest(other.call), as: other }];
    const answer = callAnswer(other.call, reply);
    if (answer === undefined) continue;
    last = positiveControlOf(other, answer);
    if (answer.code === null) break;
  }
  return last;
}

function callAnswer({ routine }: PlannedCall, reply: Reply | undefined): Answer | undefined {
  const part = reply?.kind === "parts" ? reply.parts.at(-1) : undefined;
  if (part === undefined) return undefined;
  const { rows, ...answer } = answerOf(part);
  return routine.returnsSet ? { ...answer, rows } : answer;
}
