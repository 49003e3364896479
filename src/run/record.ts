import type { Cell, Channel } from "../model/cell.ts";
import type { ChannelAnswer, Identity } from "../model/channel.ts";
import type { CellRecord, ChannelRecord } from "../model/run.ts";
import type { Target } from "../model/target.ts";
import { judge } from "../judge/verdict.ts";
import { type Judged, mergeVerdicts } from "../judge/merge.ts";
import { byHand } from "./by-hand.ts";
import { inForce } from "./in-force.ts";

export interface RecordContext {
  readonly matrix: string;
  readonly matrixFile: string;
  readonly target: Target;
  readonly identities: ReadonlyMap<string, Identity>;
  readonly identityShown: Readonly<Record<Channel, boolean>>;
  /** `YYYY-MM-DD`: waivers that end before it no longer hold. */
  readonly today: string;
}

/** What the channels answered for a cell, judged and made ready for the archive. */
export function recordCell(
  cell: Cell,
  answers: Readonly<Partial<Record<Channel, ChannelAnswer>>>,
  context: RecordContext,
): CellRecord {
  const judged: Partial<Record<Channel, Judged>> = {};
  const channels: Partial<Record<Channel, ChannelRecord>> = {};
  for (const channel of cell.channels) {
    const answer = answers[channel];
    if (answer === undefined) continue;
    const { observation, probe } = answer;
    const judgement = judge(cell, observation, { channel, identityShown: context.identityShown[channel] });
    judged[channel] = { judgement, observation };
    channels[channel] = { ...judgement, probe, observation, milliseconds: undefined };
  }
  const verdict = mergeVerdicts(judged);
  const clean = verdict === "pass" || verdict === "skipped";
  const { info } = cell.relation;
  return {
    id: cell.id,
    matrix: context.matrix,
    persona: cell.persona.name,
    schema: info.schema,
    relation: info.name,
    operation: cell.operation,
    expectation: cell.expectation,
    implied: cell.implied,
    at: cell.at,
    waiver: cell.waiver,
    waived: !clean && cell.waiver !== undefined && cell.waiver.expires >= context.today,
    verdict,
    channels,
    notOn: cell.notOn,
    byHand: clean
      ? undefined
      : byHand(
          cell,
          context.identities.get(cell.persona.name),
          { direct: answers.direct?.probe, rest: answers.rest?.probe },
          context.target,
          context.matrixFile,
        ),
    inForce: clean ? [] : inForce(cell),
  };
}
