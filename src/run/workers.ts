import type { Catalog } from "../model/catalog.ts";
import type { Cell, Channel, PlannedRelation } from "../model/cell.ts";
import type { ChannelAnswer, ProbeChannel } from "../model/channel.ts";
import { RowgateError } from "../model/errors.ts";
import type { Matrix, Persona, RelationSpec } from "../model/matrix.ts";
import type { SurveyRow } from "../probe/sql/survey.ts";
import { expandCalls } from "../plan/calls.ts";
import { expandCells } from "../plan/expand.ts";
import type { ExpandOptions } from "../plan/options.ts";
import type { PlannedFunction } from "../plan/function.ts";

/** A relation with all that its cells need. */
export interface Work {
  readonly spec: RelationSpec;
  readonly relation: PlannedRelation;
}

export interface LaneInput {
  readonly matrix: Matrix;
  readonly catalog: Catalog;
  readonly options: Omit<ExpandOptions, "visible">;
  /** Rows that personas are declared to see, for those whose INSERT candidates need them. */
  readonly visibleRows: (
    work: Work,
    personas: readonly Persona[],
  ) => Promise<ReadonlyMap<string, readonly SurveyRow[]>>;
  /** Why what writes, or calls, is not sent here. */
  readonly blockedBy: (work: Work | PlannedFunction) => string | undefined;
  readonly interrupted: AbortSignal | undefined;
  readonly take: (
    cell: Cell,
    answers: Readonly<Partial<Record<Channel, ChannelAnswer>>>,
  ) => void | Promise<void>;
}

/** Some personas at a time: the cells of one chunk are in memory, whatever the matrix holds. */
const personasAtOnce = 100;

/**
 * One lane: takes a relation or function, probes its cells chunk by chunk, direct before rest, then the next. A relation is
 * in one lane only, so that its probes do not wait for each other's locks.
 */
export async function runLane(
  queue: Iterator<Work | PlannedFunction>,
  channels: readonly ProbeChannel[],
  input: LaneInput,
): Promise<void> {
  for (let next = queue.next(); next.done !== true; next = queue.next()) {
    const work = next.value;
    const { personas } = input.matrix;
    for (let from = 0; from < personas.length; from += personasAtOnce) {
      input.interrupted?.throwIfAborted();
      await probeChunk(work, personas.slice(from, from + personasAtOnce), channels, input);
    }
  }
}

async function probeChunk(
  work: Work | PlannedFunction,
  personas: readonly Persona[],
  channels: readonly ProbeChannel[],
  input: LaneInput,
): Promise<void> {
  const { cells, failure } = await cellsOf(work, personas, input);
  const answers = cells.map((): Partial<Record<Channel, ChannelAnswer>> => ({}));
  const blocked = input.blockedBy(work);
  for (const channel of channels) {
    const own = cells.flatMap((cell, index) =>
      cell.channels.includes(channel.name) ? [{ cell, index }] : [],
    );
    const asked = own.map(({ cell }) => cell);
    const found =
      failure === undefined ? await ask(channel, asked, blocked) : asked.map(() => unasked(failure));
    for (const [position, { index }] of own.entries()) {
      const answer = found[position];
      const slot = answers[index];
      if (answer !== undefined && slot !== undefined) slot[channel.name] = answer;
    }
  }
  for (const [index, cell] of cells.entries()) await input.take(cell, answers[index] ?? {});
}

/** What the posture forbids is answered here: the channel itself would throw. `blocked`: why only reads are sent. */
async function ask(
  channel: ProbeChannel,
  cells: readonly Cell[],
  blocked: string | undefined,
): Promise<readonly ChannelAnswer[]> {
  const reasons = cells.map(
    (cell) => channel.forbids(cell) ?? (cell.operation === "select" ? undefined : blocked),
  );
  const found = (await channel.probe(cells.filter((_, index) => reasons[index] === undefined))).values();
  return reasons.flatMap((reason) =>
    reason === undefined
      ? (found.next().value ?? [])
      : { observation: { kind: "skipped", reason }, probe: "not sent" },
  );
}

async function cellsOf(
  work: Work | PlannedFunction,
  personas: readonly Persona[],
  input: LaneInput,
): Promise<{ readonly cells: readonly Cell[]; readonly failure?: RowgateError }> {
  const { matrix, catalog, options } = input;
  if ("routine" in work) return { cells: expandCalls(matrix, work, catalog, personas, options) };
  const expand = (visible: Awaited<ReturnType<LaneInput["visibleRows"]>>): readonly Cell[] =>
    expandCells(matrix, work.spec, work.relation, catalog, personas, { ...options, visible });
  try {
    return { cells: expand(await input.visibleRows(work, personas)) };
  } catch (error) {
    input.interrupted?.throwIfAborted();
    if (!(error instanceof RowgateError)) throw error;
    // Without the rows that candidates are made of, a refused INSERT would prove less: no cell of these is asked.
    return { cells: expand(new Map()), failure: error };
  }
}

function unasked({ message }: RowgateError): ChannelAnswer {
  return { observation: { kind: "failed", failure: { kind: "connection", message } }, probe: "" };
}
