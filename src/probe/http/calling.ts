import type { Cell, PlannedCall } from "../../model/cell.ts";
import type { Answer, PositiveControl, CallObservation } from "../../model/observation.ts";
import { besideOf } from "../sql/calls.ts";
import type { Caller } from "./caller.ts";

/** A caller for another cell's persona and call. */
export type CallerFor = (cell: Cell) => Caller;

/** Whether a call goes through; and where it does not, whether one does that should. */
export async function probeCall(
  call: PlannedCall,
  caller: Caller,
  callerFor: CallerFor,
): Promise<CallObservation> {
  const answer = await run(call, caller);
  const beside = answer.code === null ? undefined : await askBeside(call, callerFor);
  return { kind: "call", answer, states: [], positiveControl: beside };
}

async function askBeside(call: PlannedCall, callerFor: CallerFor): Promise<PositiveControl | undefined> {
  let last: PositiveControl | undefined;
  for (const other of call.positiveControls) {
    if (other.call === undefined) continue;
    const answer = await run(other.call, callerFor(other));
    last = besideOf(other, answer);
    if (answer.code === null) break;
  }
  return last;
}

async function run({ routine }: PlannedCall, caller: Caller): Promise<Answer> {
  const { rows, ...answer } = (await caller.run()).answer;
  return routine.returnsSet ? { ...answer, rows } : answer;
}
