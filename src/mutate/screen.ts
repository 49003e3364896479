import type { Cell } from "../model/cell.ts";
import type { Observation } from "../model/observation.ts";
import { operationInfo } from "../model/operations.ts";
import type { DirectChannel, StartedProbe } from "../probe/sql/channel.ts";
import type { Posted } from "../probe/sql/batch.ts";
import {
  type BatchMutant,
  type BatchRequest,
  type RawMutant,
  type Reply,
  replyOf,
  type Request,
} from "../probe/sql/protocol.ts";
import { perObject } from "../lib/recent.ts";
import { inTurns } from "./cells.ts";
import { isOfPolicies, type Mutant } from "./mutant.ts";
import { isFinal, type Outcome, outcomeOf, seenAs } from "./outcome.ts";
import type { MayDiffer } from "./visible.ts";
import { type Asked, elsewhere, isBatched, keyOf, requestsOf } from "./transcripts.ts";

/*
 * Many mutants in one statement. Each is asked what the cells asked without it, and only the first cell that is answered
 * otherwise comes back: its probe is continued with the new answers, and judged. What is answered as before is judged as before.
 */

/** A mutant, and cells of one relation that may notice it, in the order in which they are asked. */
export interface Trial {
  readonly mutant: Mutant;
  readonly cells: readonly Cell[];
  /** A cell as the change would have it planned, once it is to be asked. */
  readonly planned: (cell: Cell) => Cell;
  /** Called with each cell that was answered as without the change. */
  readonly onSame: (cell: Cell) => void;
  /** Whether a cell may notice the change still, after what the others were answered. */
  readonly mayDiffer: MayDiffer;
}

interface Means extends Asked {
  readonly interrupted?: AbortSignal | undefined;
}

/** What is kept of a mutant while it is asked about: why the server refuses is found out once for a role. */
const underChange = perObject((channel: DirectChannel) => perObject(({ ddl }: Mutant) => channel.under(ddl)));

/** What the cells say: `undefined`, none notices; `unknown`, the mutant must be asked by itself. */
type Said = Outcome | "unknown" | undefined;

export interface Screened {
  readonly result: Said;
  /** Cells that were answered otherwise than without the change. */
  readonly differing: ReadonlySet<string>;
}

interface Running {
  readonly trial: Trial;
  /** Cells that are still to be asked. */
  queue: readonly Cell[];
  /** Cells that were answered otherwise, and whose probes are under way. */
  live: readonly Live[];
  result: Said;
  readonly differing: Set<string>;
  /** Cells that the change makes fail with an error, or too late. */
  unclear: number;
  /** Cells that were answered otherwise and noticed nothing. */
  undecided: number;
  /** Of what changes rows: the last of them. */
  last: Cell | undefined;
  done: boolean;
}

interface Live {
  readonly cell: Cell;
  readonly trial: Trial;
  readonly started: StartedProbe;
  readonly replies: Map<string, Reply>;
  pending: readonly BatchRequest[];
}

/** A statement answers for so many mutants; where the statement timeout cuts it short, for half as many. */
const mutantsAtMost = 64;
/** Most mutants are noticed by the first cell that is answered otherwise, or by the next one; after them, more are asked at a time. */
const onesAtMost = 2;
/** So the first message of a mutant asks no more of its cells than these: to make and to read a probe takes time, too. */
const firstAtMost = 4;
const unitsAtMost = 8;
/** Where so many cells say nothing, of one operation after the other, the rest would not either. */
const unclearAtMost = 9;

/** Trials of one relation or function: a batch is of one. */
export async function screen(trials: readonly Trial[], means: Means): Promise<readonly Screened[]> {
  const running = trials.map(
    (trial): Running => ({
      trial,
      queue: trial.cells,
      live: [],
      result: undefined,
      differing: new Set(),
      unclear: 0,
      undecided: 0,
      last: undefined,
      done: false,
    }),
  );
  let size = mutantsAtMost;
  let first = true;
  for (let open = running; open.length > 0; open = running.filter(({ done }) => !done)) {
    for (let from = 0; from < open.length; from += size) {
      means.interrupted?.throwIfAborted();
      const chunk = open.slice(from, from + size);
      if (await askOnce(chunk, { ...means, first })) continue;
      if (chunk.length === 1) for (const one of chunk) end(one, "unknown");
      size = Math.max(1, Math.floor(size / 2));
      break;
    }
    first = false;
  }
  return running;
}

function end(one: Running, result: Said): void {
  one.result = result;
  one.done = true;
}

interface Asking extends Means {
  /** Nothing was asked of these mutants before. */
  readonly first: boolean;
}

/** @returns false: the statement came back without an answer for some of them. */
async function askOnce(chunk: readonly Running[], asking: Asking): Promise<boolean> {
  const posted = new Map<string, Posted>();
  const asked = chunk.map((one) => unitsOf(one, posted, asking));
  if (posted.size === 0) {
    for (const one of chunk) end(one, one.result);
    return true;
  }
  const numbers = new Map([...posted.keys()].map((key, index) => [key, index + 1]));
  const raw = await asking.channel.probeMutants([...posted.values()], {
    mutants: asked.map(
      (units, index): BatchMutant => ({
        changes: chunk[index]?.trial.mutant.ddl ?? [],
        probes: units.flatMap(({ keys }, unit) => keys.map((key) => [numbers.get(key) ?? 0, unit] as const)),
        most: mostOf(chunk[index]),
      }),
    ),
    // What is asked of one mutant alone, as it is planned with a privilege more or less, is judged sooner than it is asked twice.
    usual: [...posted.keys()].map((key) =>
      key.startsWith(anew) ? "" : (asking.transcripts.usual.get(key) ?? (asking.first ? "" : null)),
    ),
  });
  if ("kind" in raw) return false;
  const [usual, answers] = raw;
  for (const [index, key] of [...posted.keys()].entries()) {
    const known = usual[index];
    if (typeof known === "string" && known !== "") asking.transcripts.usual.set(key, known);
  }
  for (const [index, answer] of answers.entries()) {
    const one = chunk[index];
    if (one !== undefined) await advance(one, asked[index] ?? [], answer, asking);
  }
  return answers.length === chunk.length;
}

function mostOf(one: Pick<Running, "undecided"> | undefined): number {
  return one === undefined || one.undecided < onesAtMost ? 1 : unitsAtMost;
}

interface Unit {
  readonly cell: Cell;
  readonly live?: Live;
  readonly keys: readonly string[];
}

/** What begins so is asked anew: what it is answered without any change makes no difference. */
const anew = "anew ";

/** The probes of a mutant, unit by unit, and each probe of a batch once. */
function unitsOf(
  { trial, live, queue }: Running,
  posted: Map<string, Posted>,
  asking: Asking,
): readonly Unit[] {
  const post = (cell: Cell, requests: readonly BatchRequest[], prefix: string): readonly string[] =>
    requests.map((request) => {
      const key = `${prefix}${keyOf(cell, request)}`;
      if (!posted.has(key)) posted.set(key, { cell: request.as ?? cell, request });
      return key;
    });
  if (live.length > 0)
    return live.map((one) => ({ cell: one.cell, live: one, keys: post(one.cell, one.pending, anew) }));
  return nextOf(queue, asking).map((before) => {
    const cell = trial.planned(before);
    const requests = requestsOf(cell, asking).filter((request) => trial.mayDiffer(cell, request));
    return { cell, keys: post(cell, requests, "") };
  });
}

/** Reads by themselves: where one shows the same rows, some of the other cells are not asked. */
function nextOf(queue: readonly Cell[], { first }: Asking): readonly Cell[] {
  if (first) return queue.slice(0, firstAtMost);
  const reads = queue.findIndex(({ operation }) => operation !== "select");
  return reads > 0 ? queue.slice(0, reads) : queue;
}

async function advance(one: Running, units: readonly Unit[], raw: RawMutant, asking: Asking): Promise<void> {
  if ("refused" in raw) {
    const [code, message] = raw.refused;
    return end(one, { state: "compile error", because: `${message} (${code})` });
  }
  const { mutant } = one.trial;
  const most = mostOf(one);
  const live: Live[] = [];
  for (const { unit, answers } of raw) {
    const asked = units[unit];
    if (asked === undefined) continue;
    one.differing.add(asked.cell.id);
    const resumed = asked.live ?? begun(asked.cell, one.trial, asking);
    for (const [index, key] of asked.keys.entries()) {
      const answer = answers[index] ?? undefined;
      if (answer !== undefined) resumed.replies.set(key.replace(anew, ""), replyOf(answer));
    }
    const seen = await resume(resumed, asking);
    if (seen === "unknown") one.result = "unknown";
    else if (seen === undefined) live.push(resumed);
    else {
      const outcome = outcomeOf([asked.cell], [seenAs(asked.cell, seen, mutant)]);
      if (isFinal(outcome)) return end(one, outcome);
      one.result ??= outcome;
      one.undecided += 1;
      if (outcome !== undefined) one.unclear += 1;
      else if (isOfRows(asked.cell)) one.last = asked.cell;
    }
  }
  // An answer that most likely decides ends the statement for this mutant: the others' turn comes if it did not.
  const answered = new Set(raw.map(({ unit }) => unit));
  for (const [unit, { live: waiting }] of units.entries())
    if (waiting !== undefined && !answered.has(unit)) live.push(waiting);
  if (one.live.length === 0) {
    const left = leftOf(one.queue, units.length, raw, most);
    const { differing, trial } = one;
    for (const cell of one.queue.slice(0, one.queue.length - left.length))
      if (!differing.has(cell.id)) trial.onSame(cell);
    one.queue = left.filter((cell) => trial.mayDiffer(cell));
  }
  if (one.unclear >= unclearAtMost) one.queue = [];
  else if (one.unclear > 0 || one.last !== undefined) one.queue = inTurns(one.queue, one.last);
  one.live = live;
  if (live.length === 0 && one.queue.length === 0) end(one, one.result);
}

function isOfRows({ operation }: Cell): boolean {
  const { blind, rowByRow } = operationInfo[operation];
  return blind || rowByRow;
}

/** The cells behind the last one that was answered otherwise, or behind all that were asked. */
function leftOf(
  queue: readonly Cell[],
  asked: number,
  raw: readonly { readonly unit: number }[],
  most: number,
): readonly Cell[] {
  const last = raw.length < most ? undefined : raw.at(-1)?.unit;
  return queue.slice(last === undefined ? asked : last + 1);
}

function begun(cell: Cell, trial: Trial, { channel }: Means): Live {
  return { cell, trial, started: channel.start(cell), replies: new Map(), pending: [] };
}

/** Goes on with a probe as far as its replies are there. @returns undefined: some are not. */
async function resume(live: Live, means: Means): Promise<Observation | "unknown" | undefined> {
  const { started } = live;
  for (;;) {
    const replies: (Reply | undefined)[] = [];
    const pending: BatchRequest[] = [];
    for (const request of started.requests) {
      const reply = await replyTo(request, live, means);
      if (reply === "unknown") return "unknown";
      if (reply === undefined && isBatched(request)) pending.push(request);
      replies.push(reply);
    }
    live.pending = pending;
    if (pending.length > 0) return undefined;
    const step = started.probe.next(replies as Reply[]);
    if (step.done === true) return step.value;
    started.requests = step.value;
  }
}

async function replyTo(
  request: Request,
  { cell, trial, replies }: Live,
  { channel, transcripts }: Means,
): Promise<Reply | "unknown" | undefined> {
  if (request.kind === "explain") {
    // A row too many is a leak, whatever refused the others.
    if ([...replies.values()].some(showsTooMuch)) return { kind: "routine" };
    // What checks privileges does not ask policies.
    const usual = isOfPolicies(trial.mutant) ? transcripts.refusalOf(cell, request) : undefined;
    return usual ?? (await underChange(channel)(trial.mutant).explain(cell, request));
  }
  const key = keyOf(cell, request);
  const known = replies.get(key);
  if (known !== undefined) return known;
  const usual = trial.mayDiffer(cell, request) ? undefined : elsewhere(key, cell, transcripts.of(cell));
  if (usual !== undefined) return usual;
  // The counts say that rows differ; which ones makes no other verdict.
  if (request.differences !== undefined) return replyOf({});
  if (channel.isOnFirst({ cell, request })) return undefined;
  return elsewhere(key, cell, transcripts.of(cell)) ?? "unknown";
}

function showsTooMuch(reply: Reply): boolean {
  return reply.kind === "rows" && reply.rows.unexpected > 0;
}
