import type { Cell } from "../../model/cell.ts";
import type { ChannelAnswer, Identity } from "../../model/channel.ts";
import type { Failure, Observation } from "../../model/observation.ts";
import type { RestHandshake } from "../../model/run.ts";
import type { Target } from "../../model/target.ts";
import { noWrites, postureRules, readsOnly, WriteRefused } from "../../model/posture.ts";
import type { RestChannel } from "./contract.ts";
import { Caller } from "./caller.ts";
import type { Clients } from "./clients.ts";
import { type Controls, lookForAll } from "./controls.ts";
import { ProbeFailure, failureOf } from "./failure.ts";
import type { Handshaken } from "./handshake.ts";
import { showsIdentity, showsRows } from "./identity.ts";
import { mapLimited } from "./limit.ts";
import { comparesRows } from "../direct/calls.ts";
import { probeCall } from "./calling.ts";
import { isWrite, observe, plainRequest } from "./operations.ts";
import { playedBack } from "./played-back.ts";
import { rpcOf } from "./rpc.ts";
import type { Sender } from "./sender.ts";
import type { Sight } from "./sight.ts";
import { snapshotFor } from "./snapshot-for.ts";
import type { Snapshot } from "./snapshot.ts";
import { agrees, betweenLooks, stoodStill } from "./stillness.ts";
import { takeSnapshot } from "./take-snapshot.ts";
import type { Wire } from "./wire.ts";

export interface HttpChannelParts {
  readonly wire: Wire;
  readonly sight: Sight;
  readonly sender: Sender;
  readonly clients: Clients;
  readonly identities: ReadonlyMap<string, Identity>;
  readonly handshaken: Handshaken;
  readonly target: Target;
  readonly concurrency: number;
}

/** Rows of a database that others use which one statement may lock and rewrite, although it is undone. */
const sharedRowsCeiling = 10_000;

export class HttpChannel implements RestChannel {
  readonly name = "rest";
  readonly #parts: HttpChannelParts;
  #identityShown: boolean | undefined;
  /** Set while probing: no answer of this gateway can be believed. */
  #distrust: Failure | undefined;

  constructor(parts: HttpChannelParts) {
    this.#parts = parts;
    parts.wire.rememberReads();
    if (parts.handshaken.noWrites !== undefined) parts.sender.blockWrites(parts.handshaken.noWrites);
  }

  get handshake(): RestHandshake {
    return { ...this.#parts.handshaken.handshake, identityShown: this.#identityShown };
  }

  get roundTrips(): number {
    return this.#parts.wire.requests;
  }

  async showIdentity(cells: readonly Cell[]): Promise<boolean | undefined> {
    for (const cell of cells) {
      const [answer] = await this.probe([cell]);
      const shown = answer === undefined ? undefined : showsIdentity(answer);
      this.#identityShown = shown ?? this.#identityShown;
      if (shown === true) break;
    }
    return this.#identityShown;
  }

  async showRows(cells: readonly Cell[]): Promise<boolean> {
    for (const cell of cells) {
      const [answer] = await this.probe([cell]);
      if (answer !== undefined && showsRows(answer)) return true;
    }
    return false;
  }

  forbids(cell: Cell): string | undefined {
    const { target } = this.#parts;
    return readsOnly(target) && isWrite(cell) ? noWrites(target) : undefined;
  }

  async probe(cells: readonly Cell[]): Promise<readonly ChannelAnswer[]> {
    const forbidden = cells.find((cell) => this.forbids(cell) !== undefined);
    if (forbidden !== undefined) throw new WriteRefused(forbidden.id);
    const refused = cells.map((cell) => this.#refusal(cell));
    const open = cells.filter((_, index) => refused[index] === undefined);
    const looked = open.filter((cell) => cell.call === undefined || comparesRows(cell));
    const controls = await lookForAll(this.#parts.sight, looked);
    const answers = new Map<Cell, ChannelAnswer>();
    const probeOne = async (cell: Cell): Promise<void> =>
      void answers.set(cell, await this.#probeOne(cell, controls.get(cell.column)));
    await Promise.all([
      mapLimited(
        open.filter((cell) => !isWrite(cell)),
        this.#parts.concurrency,
        probeOne,
      ),
      // Writes of one relation would wait for each other's locks.
      mapLimited(open.filter(isWrite), 1, probeOne),
    ]);
    if (postureRules[this.#parts.target.posture].shared) await this.#lookAgain(looked, controls, answers);
    this.#distrust ??= await playedBack(this.#parts.wire, this.#parts.identities);
    const distrusted: Observation | undefined = this.#distrust && { kind: "failed", failure: this.#distrust };
    return cells.map((cell, index) => {
      const observation = refused[index] ?? distrusted;
      const answer = answers.get(cell);
      return observation === undefined && answer !== undefined
        ? answer
        : { observation: observation ?? failed(new Error("the probe was lost")), probe: plainRequest(cell) };
    });
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#parts.wire.close(), this.#parts.sight.close()]);
  }

  /** What is known before anything is sent. */
  #refusal(cell: Cell): Observation | undefined {
    const { handshaken, sender } = this.#parts;
    const failure = handshaken.distrust ?? this.#distrust ?? handshaken.personas.get(cell.persona.name);
    if (failure !== undefined) return { kind: "failed", failure };
    return isWrite(cell) && sender.writesBlocked !== undefined
      ? { kind: "failed", failure: sender.writesBlocked }
      : undefined;
  }

  /** Where others write: what agrees is believed when its rows stood still meanwhile, and is asked again otherwise. */
  async #lookAgain(
    cells: readonly Cell[],
    before: Controls,
    answers: Map<Cell, ChannelAnswer>,
  ): Promise<void> {
    const agreeing = cells.filter((cell) => {
      const answer = answers.get(cell);
      return answer !== undefined && agrees(answer.observation);
    });
    if (agreeing.length === 0) return;
    const after = await lookForAll(this.#parts.sight, cells);
    for (const cell of agreeing) {
      const [was, is] = [before.get(cell.column), after.get(cell.column)];
      if (was !== undefined && is !== undefined && stoodStill(cell, was, is)) continue;
      answers.set(cell, await this.#probeOne(cell, undefined, true));
    }
  }

  #callerFor({ persona, relation: { info }, call }: Cell): Caller {
    const { clients, sender, identities } = this.#parts;
    const identity = identities.get(persona.name);
    if (identity === undefined) throw new Error(`the persona ${persona.name} was not signed in`);
    return new Caller(clients.of(identity, info.schema), sender, info, call && rpcOf(call));
  }

  async #probeOne(cell: Cell, control: Snapshot | undefined, between = false): Promise<ChannelAnswer> {
    const { sight, target, identities } = this.#parts;
    if (!identities.has(cell.persona.name))
      return { observation: failed(new Error("the persona was not signed in")), probe: "" };
    const caller = this.#callerFor(cell);
    // A second look is for what differed: it shows which rows.
    const look = (): Promise<Snapshot> =>
      takeSnapshot(sight, { ...snapshotFor([cell], cell.relation), rows: true });
    try {
      if (cell.call !== undefined && !comparesRows(cell)) {
        const observation = await probeCall(cell.call, caller, (other) => this.#callerFor(other));
        return { observation, probe: caller.sent ?? plainRequest(cell) };
      }
      const probe = (snapshot: Snapshot): Promise<Observation> => {
        const wholeWrites = !postureRules[target.posture].shared || snapshot.total <= sharedRowsCeiling;
        return observe(cell, { caller, sight, wholeWrites }, snapshot, look);
      };
      const observation = between
        ? await betweenLooks(cell, probe, look)
        : await probe(control ?? (await look()));
      return { observation, probe: caller.sent ?? plainRequest(cell) };
    } catch (error) {
      if (error instanceof WriteRefused) throw error;
      const sent = error instanceof ProbeFailure ? error.sent : undefined;
      return { observation: failed(error), probe: sent ?? caller.sent ?? plainRequest(cell) };
    }
  }
}

function failed(error: unknown): Observation {
  return { kind: "failed", failure: failureOf(error) };
}
