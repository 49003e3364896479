import type { Cell, PlannedCall } from "../../model/cell.ts";
import type { Answer, CallObservation, PositiveControl } from "../../model/observation.ts";
import { positiveControlOf } from "../what-to-compare.ts";
import { Caller } from "./caller.ts";
import type { SchemaClient } from "./clients.ts";
import { isWriteCall, rpcOf } from "./rpc.ts";
import type { HttpClient } from "./http-client.ts";

/** A caller for another cell's persona and call. */
export type CallerFor = (cell: Cell) => Caller;

/** Whether a call goes through; and where it does not, whether one does that should. */
export async function probeCall(
  call: PlannedCall,
  caller: Caller,
  callerFor: CallerFor,
): Promise<CallObservation> {
  const answer = await run(call, caller);
  const positiveControl = answer.code === null ? undefined : await askPositiveControl(call, callerFor);
  return { kind: "call", answer, states: [], positiveControl };
}

async function askPositiveControl(
  call: PlannedCall,
  callerFor: CallerFor,
): Promise<PositiveControl | undefined> {
  let last: PositiveControl | undefined;
  for (const other of call.positiveControls) {
    if (other.call === undefined) continue;
    const answer = await run(other.call, callerFor(other));
    last = positiveControlOf(other, answer);
    if (answer.code === null) break;
  }
  return last;
}

async function run({ routine }: PlannedCall, caller: Caller): Promise<Answer> {
  const { rows, ...answer } = (await caller.run()).answer;
  return routine.returnsSet ? { ...answer, rows } : answer;
}

/** Declared calls that the gateway checks may make where there is no relation to ask for: GETs that are meant to go through. */
export function harmlessCalls(cells: readonly Cell[]): readonly Cell[] {
  return cells.filter(
    (cell) => cell.channels.includes("rest") && cell.expectation.kind !== "deny" && !isWriteCall(cell),
  );
}

export function callerOfCall(client: SchemaClient, http: HttpClient, { relation, call }: Cell): Caller {
  return new Caller(client, http, relation.info, call && rpcOf(call));
}
