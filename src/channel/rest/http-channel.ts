import type { Cell } from "../../model/cell.ts";
import type { ChannelAnswer, Identity } from "../../model/channel.ts";
import type { Observation } from "../../model/observation.ts";
import type { RestHandshake } from "../../model/run.ts";
import type { Target } from "../../model/target.ts";
import { noWrites, postureRules, readsOnly, WriteRefused } from "../../model/posture.ts";
import type { RestChannel } from "./contract.ts";
import { Caller } from "./caller.ts";
import type { Clients } from "./clients.ts";
import { ProbeFailure, failureOf } from "./failure.ts";
import type { Handshaken } from "./handshake.ts";
import { showsIdentity } from "./identity.ts";
import { mapLimited } from "./limit.ts";
import { comparesRows } from "../direct/calls.ts";
import { probeCall } from "./calling.ts";
import { isWrite, observe, plainRequest } from "./operations.ts";
import { rpcOf } from "./rpc.ts";
import type { Sender } from "./sender.ts";
import type { Sight } from "./sight.ts";
import { snapshotFor } from "./snapshot-for.ts";
import type { Snapshot } from "./snapshot.ts";
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

  constructor(parts: HttpChannelParts) {
    this.#parts = parts;
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

  forbids(cell: Cell): string | undefined {
    const { target } = this.#parts;
    return readsOnly(target) && isWrite(cell) ? noWrites(target) : undefined;
  }

  async probe(cells: readonly Cell[]): Promise<readonly ChannelAnswer[]> {
    const forbidden = cells.find((cell) => this.forbids(cell) !== undefined);
    if (forbidden !== undefined) throw new WriteRefused(forbidden.id);
    const refused = cells.map((cell) => this.#refusal(cell));
    const open = cells.filter((_, index) => refused[index] === undefined);
    const controls = await this.#controls(
      open.filter((cell) => cell.call === undefined || comparesRows(cell)),
    );
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
    return cells.map((cell, index) => {
      const observation = refused[index];
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
    const failure = handshaken.distrust ?? handshaken.personas.get(cell.persona.name);
    if (failure !== undefined) return { kind: "failed", failure };
    return isWrite(cell) && sender.writesBlocked !== undefined
      ? { kind: "failed", failure: sender.writesBlocked }
      : undefined;
  }

  /** One look for the cells of the relation, and one for each column that has cells of its own. */
  async #controls(cells: readonly Cell[]): Promise<ReadonlyMap<string | undefined, Snapshot | undefined>> {
    const columns = [...new Set(cells.map(({ column }) => column))];
    const looks = await Promise.all(
      columns.map((column) => this.#control(cells.filter((cell) => cell.column === column))),
    );
    return new Map(columns.map((column, index) => [column, looks[index]]));
  }

  /** One look for all cells; `undefined` when it failed: then each cell looks for itself, and the faulty one alone fails. */
  async #control(cells: readonly Cell[]): Promise<Snapshot | undefined> {
    const [cell] = cells;
    if (cell === undefined) return undefined;
    return await takeSnapshot(this.#parts.sight, snapshotFor(cells, cell.relation)).catch(() => undefined);
  }

  #callerFor({ persona, relation: { info }, call }: Cell): Caller {
    const { clients, sender, identities } = this.#parts;
    const identity = identities.get(persona.name);
    if (identity === undefined) throw new Error(`the persona ${persona.name} was not signed in`);
    return new Caller(clients.of(identity, info.schema), sender, info, call && rpcOf(call));
  }

  async #probeOne(cell: Cell, control: Snapshot | undefined): Promise<ChannelAnswer> {
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
      const snapshot = control ?? (await look());
      const wholeWrites = !postureRules[target.posture].shared || snapshot.total <= sharedRowsCeiling;
      const observation = await observe(cell, { caller, sight, wholeWrites }, snapshot, look);
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
