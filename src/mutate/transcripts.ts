import type { Cell } from "../model/cell.ts";
import type { DirectChannel } from "../probe/sql/channel.ts";
import { refusalKey } from "../probe/sql/explain.ts";
import type { BatchRequest, ExplainRequest, Reply, Request } from "../probe/sql/protocol.ts";

/** What a cell's probe asked without any change, round by round. */
export interface Round {
  readonly requests: readonly Request[];
  readonly replies: readonly Reply[];
}

/** What was asked, and replied, without any change. */
export class Transcripts {
  /** By the cell's id. */
  readonly #rounds = new Map<string, Round[]>();
  /** By the cell's id: as it was planned when it was asked. */
  readonly #cells = new Map<string, Cell>();
  /** Which routine refuses, by what {@link refusalKey} says. */
  readonly #refusals = new Map<string, Reply>();
  /** By probe: the hash of what it is answered. */
  readonly usual: Map<string, string> = new Map();

  add(cell: Cell, requests: readonly Request[], replies: readonly Reply[]): void {
    this.#rounds.set(cell.id, [...this.of(cell), { requests, replies }]);
    this.#cells.set(cell.id, cell);
    for (const [index, request] of requests.entries()) {
      const reply = replies[index];
      if (reply === undefined) continue;
      if (!isBatched(request)) {
        if (reply.kind === "routine" && reply.routine !== undefined)
          this.#refusals.set(refusalKey(cell, request), reply);
      } else if (reply.md5 !== undefined) this.usual.set(keyOf(cell, request), reply.md5);
    }
  }

  /** The cell is the one that was asked, and no other plan of it. */
  isOf(cell: Cell): boolean {
    return this.#cells.get(cell.id) === cell;
  }

  refusalOf(cell: Cell, request: ExplainRequest): Reply | undefined {
    return this.#refusals.get(refusalKey(cell, request));
  }

  of({ id }: Cell): readonly Round[] {
    return this.#rounds.get(id) ?? [];
  }
}

/** Where cells are asked, and what they were answered without any change. */
export interface Asked {
  readonly channel: DirectChannel;
  readonly transcripts: Transcripts;
}

const keys = new WeakMap<BatchRequest, string>();

export function keyOf(cell: Cell, request: BatchRequest): string {
  let key = keys.get(request);
  if (key === undefined) {
    const { as, ...asked } = request;
    const asking = as ?? cell;
    key = JSON.stringify([asking.persona.name, asking.operation, asking.column, asking.call?.name, asked]);
    keys.set(request, key);
  }
  return key;
}

const requested = new WeakMap<Cell, readonly BatchRequest[]>();

/** What the cell's probe asks over the first connection: all that it asked before, or what it asks first. */
export function requestsOf(cell: Cell, { channel, transcripts }: Asked): readonly BatchRequest[] {
  let found = requested.get(cell);
  if (found === undefined) {
    const before = transcripts.of(cell);
    const first = transcripts.isOf(cell) ? undefined : channel.start(cell).requests;
    const all =
      first === undefined || isSame(cell, first, before) ? before.flatMap(({ requests }) => requests) : first;
    found = all.filter(isBatched).filter((request) => channel.isOnFirst({ cell, request }));
    requested.set(cell, found);
  }
  return found;
}

/** The cell asks first what it asked without the change. */
function isSame(cell: Cell, first: readonly Request[], [before]: readonly Round[]): boolean {
  return before !== undefined && keysOf(cell, first) === keysOf(cell, before.requests);
}

function keysOf(cell: Cell, requests: readonly Request[]): string {
  return requests
    .filter(isBatched)
    .map((request) => keyOf(cell, request))
    .join("\n");
}

export function isBatched(request: Request): request is BatchRequest {
  return request.kind !== "explain";
}

/** What another state of the session was answered without the change. */
export function elsewhere(key: string, cell: Cell, rounds: readonly Round[]): Reply | undefined {
  for (const { requests, replies } of rounds)
    for (const [index, request] of requests.entries())
      if (isBatched(request) && keyOf(cell, request) === key) return replies[index];
  return undefined;
}

/** Whether a batch of mutants says too little of a cell: its probe was not the same, or some of it goes over another connection. */
export function isLeftOut(cell: Cell, asked: Asked): boolean {
  const known = leftOut.get(cell) ?? asksOtherwise(cell, asked);
  leftOut.set(cell, known);
  return known;
}

/** Of cells as they were planned, which are asked about by many mutants. */
const leftOut = new WeakMap<Cell, boolean>();

function asksOtherwise(cell: Cell, { channel, transcripts }: Asked): boolean {
  const before = transcripts.of(cell);
  const requests = transcripts.isOf(cell) ? before[0]?.requests : channel.start(cell).requests;
  if (requests === undefined) return true;
  if (requests.some((request) => isBatched(request) && !channel.isOnFirst({ cell, request }))) return true;
  return !isSame(cell, requests, before);
}
