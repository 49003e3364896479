import type { ClientBase } from "pg";
import { isOfTheMoment } from "../model/answered.ts";
import { type Cell, type Channel, isAssignment } from "../model/cell.ts";
import type { ChannelAnswer, ProbeChannel } from "../model/channel.ts";
import { RowgateError } from "../model/errors.ts";
import type { Persona } from "../model/matrix.ts";
import { bindParameters, personaParameter } from "../model/parameters.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import { cellsOf, type Plan, type RelationWork } from "../plan/plan.ts";
import { blockedBy } from "../plan/side-effects.ts";
import { type SurveyRow, rowsWhere } from "../probe/sql/survey.ts";
import type { OpenRun } from "./3-open.ts";
import type { Chunk } from "./workers.ts";

/** A cell and what each of its channels answered. */
export interface ProbedCell {
  readonly cell: Cell;
  readonly answers: Readonly<Partial<Record<Channel, ChannelAnswer>>>;
}

/** Stage 4: sends the cells of one chunk through a worker's channels, direct before rest. Judges nothing. */
export async function probe(
  chunk: Chunk,
  channels: readonly ProbeChannel[],
  run: OpenRun,
): Promise<readonly ProbedCell[]> {
  const { cells, failure } = await plannedCells(chunk, run);
  const answers = cells.map((): Partial<Record<Channel, ChannelAnswer>> => ({}));
  const blocked = blockedBy(chunk.work.spec, run.plan.sideEffects, run.request.target.posture);
  for (const channel of channels) {
    const own = cells.flatMap((cell, index) =>
      cell.channels.includes(channel.name) && !isAssignment(cell) ? [{ cell, index }] : [],
    );
    const asked = own.map(({ cell }) => cell);
    const found =
      failure === undefined
        ? await askTwice(run, asked, (some) => ask(channel, some, blocked))
        : asked.map(() => unasked(failure));
    for (const [position, { index }] of own.entries()) {
      const answer = found[position];
      const slot = answers[index];
      if (answer !== undefined && slot !== undefined) slot[channel.name] = answer;
    }
  }
  const probed = cells.map((cell, index) => ({ cell, answers: answers[index] ?? {} }));
  for (const one of probed) run.traces.note(one.cell, Object.values(one.answers));
  return probed;
}

/**
 * A row that the proof puts in, with the key of one that a probe sends, keeps the probe waiting, past a limit at the worst: what was
 * cut off so is asked once more, while the proof waits. Where writes are committed nothing is sent twice: the first may have taken effect.
 */
async function askTwice(
  { prover, turns, request: { target } }: OpenRun,
  cells: readonly Cell[],
  send: (cells: readonly Cell[]) => Promise<readonly ChannelAnswer[]>,
): Promise<readonly ChannelAnswer[]> {
  const found = await send(cells);
  const cut = found.map(({ observation }) => isOfTheMoment(observation));
  if (prover === undefined || target.writes === "commit" || !cut.includes(true)) return found;
  const again = (await turns.alone(() => send(cells.filter((_, index) => cut[index])))).values();
  return found.map((answer, index) => (cut[index] === true ? (again.next().value ?? answer) : answer));
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

function unasked({ message }: RowgateError): ChannelAnswer {
  return { observation: { kind: "failed", failure: { kind: "connection", message } }, probe: "" };
}

async function plannedCells(
  { work, personas, interrupted }: Chunk,
  { plan, options, privileged, request: { filters } }: OpenRun,
): Promise<{ readonly cells: readonly Cell[]; readonly failure?: RowgateError }> {
  if ("routine" in work) return { cells: cellsOf(plan, work, personas, options) };
  // Most relations have no cell that a filter lets through: no rows are read for these.
  if (filters.only.length > 0 && cellsOf(plan, work, personas, options).length === 0) return { cells: [] };
  try {
    const visible = await privileged.ask("while rows for candidates were read", (client) =>
      visibleRows(client, plan, work, personas),
    );
    return { cells: cellsOf(plan, work, personas, options, visible) };
  } catch (error) {
    interrupted.throwIfAborted();
    if (!(error instanceof RowgateError)) throw error;
    // Without the rows that candidates are made of, a refused INSERT would prove less: no cell of these is asked.
    return { cells: cellsOf(plan, work, personas, options), failure: error };
  }
}

/** Rows that personas are declared to see, asked for only where an INSERT is denied by a policy and not by a grant. */
export async function visibleRows(
  client: ClientBase,
  { matrix }: Plan,
  { spec, relation }: RelationWork,
  personas: readonly Persona[],
): Promise<ReadonlyMap<string, readonly SurveyRow[]>> {
  const asking = personas.flatMap((persona) => {
    const held = relation.info.privileges[persona.role];
    const writes = (held?.insert.length ?? 0) + (held?.update.length ?? 0) > 0;
    const seen = resolveExpectation(spec, persona.name, "select")?.expectation;
    if (!writes || seen?.kind !== "rows" || relation.baseline !== relation.info) return [];
    const where = bindParameters(seen.predicate, (name) => personaParameter(persona, matrix.vars, name));
    return [{ name: persona.name, where }];
  });
  const rows = await rowsWhere(
    client,
    relation.info,
    asking.map(({ where }) => where),
  );
  return new Map(asking.map(({ name }, index) => [name, rows[index] ?? []]));
}
