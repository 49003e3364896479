import type { Control } from "../probe/sql/baseline.ts";
import type { ArchiveWriter } from "../archive/write.ts";
import { createTally, type Tally } from "../judge/counts.ts";
import type { Cell } from "../model/cell.ts";
import type { Identity } from "../model/channel.ts";
import { dayOf } from "../lib/moment.ts";
import type { ExpandOptions } from "../plan/options.ts";
import { blockedBy } from "../plan/side-effects.ts";
import type { OpenChannels } from "./channels.ts";
import { type LaneInput, runLane } from "./workers.ts";
import { type Preparation, visibleRows } from "./preparation.ts";
import { recordCell } from "./record.ts";
import type { RunEvents, RunRequest } from "./request.ts";
import type { Traces } from "./traces.ts";

export interface ProbingInput {
  readonly request: RunRequest;
  readonly prepared: Preparation;
  readonly channels: OpenChannels;
  readonly identities: ReadonlyMap<string, Identity>;
  readonly options: Omit<ExpandOptions, "visible">;
  readonly archive: ArchiveWriter;
  /** With full sight. */
  readonly control: Control;
  readonly traces: Traces;
  readonly events: RunEvents;
}

/** Probe → judge → archive, cell by cell: what every lane's channels answer is judged and written at once. */
export async function probeAll(input: ProbingInput): Promise<Tally> {
  const { request, prepared, channels, identities, options, archive, control, traces, events } = input;
  const { matrix } = request;
  const context = {
    ...request,
    matrix: matrix.name,
    matrixFile: matrix.file,
    identities,
    trust: channels.trust,
    undoes: channels.handshake?.rollbackHonoured === true,
    today: dayOf(request.startedAt),
  };
  const tally = createTally();
  const take = async (cell: Cell, answers: Parameters<LaneInput["take"]>[1]): Promise<void> => {
    request.interrupted?.throwIfAborted();
    const record = recordCell(cell, answers, context);
    tally.add(record);
    traces.note(cell, Object.values(answers));
    events.cell?.(record);
    await archive.cell(record);
  };
  const failed = new AbortController();
  const lane: LaneInput = {
    matrix,
    catalog: prepared.catalog,
    options,
    take,
    interrupted: AbortSignal.any([failed.signal, ...(request.interrupted ? [request.interrupted] : [])]),
    visibleRows: (work, personas) =>
      control.ask("while rows for candidates were read", (client) =>
        visibleRows(client, matrix, work, personas),
      ),
    blockedBy: ({ spec }) => blockedBy(spec, prepared.survivors, request.target.posture),
  };
  const queue = [...prepared.work, ...prepared.functions].values();
  // One that fails ends the others, and is waited for like them: nothing writes into an archive that was abandoned.
  const lanes = channels.lanes.map((own) =>
    runLane(queue, own, lane).catch((error: unknown) => failed.abort(error)),
  );
  await Promise.all(lanes);
  failed.signal.throwIfAborted();
  return tally;
}
