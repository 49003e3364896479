import type { Cell } from "../../model/cell.ts";
import type { ChannelAnswer, Identity, ProbeChannel } from "../../model/channel.ts";
import type { Failure, Observation } from "../../model/observation.ts";
import { WriteRefused, noWrites, postureRules, readsOnly } from "../../model/posture.ts";
import type { GatewayChecks } from "../../model/run.ts";
import type { ScratchRowRecord } from "../../model/scratch-row.ts";
import type { Target } from "../../model/target.ts";
import type { ScratchRows } from "../scratch/scratch-rows.ts";
import { comparesRows } from "../what-to-compare.ts";
import { Caller } from "./caller.ts";
import { probeCall } from "./calls.ts";
import type { Clients } from "./clients.ts";
import { ProbeFailure, failureOf } from "./failure.ts";
import { mapLimited } from "../../lib/limiter.ts";
import { isWrite, observe, plainRequest } from "./operations.ts";
import type { PrivilegedConnection } from "./privileged.ts";
import { rpcOf } from "./rpc.ts";
import { probeScratchRows } from "../scratch/observe.ts";
import type { HttpClient } from "./http-client.ts";
import type { Snapshot } from "./snapshot.ts";
import { agrees, probeBetweenReads, unchanged } from "./stable-read.ts";
import { type Controls, lookForAll, snapshotFor, takeSnapshot } from "./take-snapshot.ts";
import type { Transport } from "./transport.ts";
import type { CheckedGateway } from "./verify/gateway-checks.ts";
import { differsFromTwin, showsIdentity, twinOf } from "./verify/identity.ts";
import { playedBack } from "./verify/tokens.ts";

/** The rest channel, as the run sees it. */
export interface RestChannel extends ProbeChannel {
  /** Made when the channel was opened. */
  readonly gatewayChecks: GatewayChecks;
  /**
   * Probes cells until one shows that `sub` arrives: by rows that depend on it, or by a request that is answered otherwise
   * with another `sub`. `undefined`: none could show it.
   */
  showIdentity(cells: Iterable<Cell>): Promise<boolean | undefined>;
  /** Removes rows that were made where nothing is rolled back, and says what became of them. */
  finish(): Promise<readonly ScratchRowRecord[]>;
}

export interface HttpChannelParts {
  readonly transport: Transport;
  readonly privileged: PrivilegedConnection;
  readonly http: HttpClient;
  readonly clients: Clients;
  readonly identities: ReadonlyMap<string, Identity>;
  readonly checked: CheckedGateway;
  /** Set: the gateway commits, and rows are made that writes may touch. */
  readonly scratchRows: ScratchRows | undefined;
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
    parts.transport.rememberReads();
    const { scratchRows, http, checked } = parts;
    if (scratchRows !== undefined) http.commitScratchRows(() => scratchRows.ledger.noAnswer());
    else if (checked.noWrites !== undefined) http.blockWrites(checked.noWrites);
  }

  get gatewayChecks(): GatewayChecks {
    return { ...this.#parts.checked.gatewayChecks, identityShown: this.#identityShown };
  }

  get roundTrips(): number {
    return this.#parts.transport.requests;
  }

  async showIdentity(cells: Iterable<Cell>): Promise<boolean | undefined> {
    for (const cell of cells) {
      const shown =
        (cell.expectation.kind === "rows" ? await this.#showsIdentity(cell) : undefined) ??
        (await this.#differsFromTwin(cell));
      this.#identityShown = shown ?? this.#identityShown;
      if (shown === true) break;
    }
    return this.#identityShown;
  }

  async #showsIdentity(cell: Cell): Promise<boolean | undefined> {
    const [answer] = await this.probe([cell]);
    return answer === undefined ? undefined : showsIdentity(answer);
  }

  /** `undefined`: it was not asked, or both were answered alike. */
  async #differsFromTwin(cell: Cell): Promise<true | undefined> {
    const { identities, target, scratchRows } = this.#parts;
    const identity = identities.get(cell.persona.name);
    const twin = identity && twinOf(identity, target.signingKey);
    const isScratch = scratchRows !== undefined && isWrite(cell);
    if (twin === undefined || isScratch || this.#refusal(cell) !== undefined) return undefined;
    if (this.forbids(cell) !== undefined) return undefined;
    const asked = differsFromTwin(cell, this.#callerFor(cell), this.#callerFor(cell, twin));
    // What comes to nothing shows nothing; each cell will say so itself.
    return (await asked.catch(() => false)) ? true : undefined;
  }

  forbids(cell: Cell): string | undefined {
    const { target, scratchRows } = this.#parts;
    if (!isWrite(cell)) return undefined;
    return readsOnly(target) ? noWrites(target) : scratchRows?.refusal(cell);
  }

  async finish(): Promise<readonly ScratchRowRecord[]> {
    return (await this.#parts.scratchRows?.ledger.finish()) ?? [];
  }

  async probe(cells: readonly Cell[]): Promise<readonly ChannelAnswer[]> {
    const forbidden = cells.find((cell) => this.forbids(cell) !== undefined);
    if (forbidden !== undefined) throw new WriteRefused(forbidden.id);
    const refused = cells.map((cell) => this.#refusal(cell));
    const { scratchRows } = this.#parts;
    const open = cells.filter((_, index) => refused[index] === undefined);
    const looked = open.filter(
      (cell) =>
        (cell.call === undefined || comparesRows(cell)) && (scratchRows === undefined || !isWrite(cell)),
    );
    const controls = await lookForAll(this.#parts.privileged, looked);
    const answers = new Map<Cell, ChannelAnswer>();
    const probeOne = async (cell: Cell): Promise<void> =>
      void answers.set(cell, await this.#probeOne(cell, controls.get(cell.column)));
    const reads = mapLimited(
      open.filter((cell) => !isWrite(cell)),
      this.#parts.concurrency,
      probeOne,
    );
    // Scratch rows would be among those that are read.
    if (scratchRows !== undefined) await reads;
    // Writes of one relation would wait for each other's locks.
    await Promise.all([reads, mapLimited(open.filter(isWrite), 1, probeOne)]);
    if (postureRules[this.#parts.target.posture].shared) await this.#lookAgain(looked, controls, answers);
    this.#distrust ??= await playedBack(this.#parts.transport, this.#parts.identities);
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
    // What is still on its way must not come after the rows have been removed.
    await this.#parts.transport.close().catch(() => undefined);
    await Promise.allSettled([this.#parts.scratchRows?.close(), this.#parts.privileged.close()]);
  }

  /** What is known before anything is sent. */
  #refusal(cell: Cell): Observation | undefined {
    const { checked, http } = this.#parts;
    const failure = checked.distrust ?? this.#distrust ?? checked.personas.get(cell.persona.name);
    if (failure !== undefined) return { kind: "failed", failure };
    return isWrite(cell) && http.writesBlocked !== undefined
      ? { kind: "failed", failure: http.writesBlocked }
      : undefined;
  }

  /** Where others write: what agrees is believed when its rows did not change meanwhile, and is asked again otherwise. */
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
    const after = await lookForAll(this.#parts.privileged, cells);
    for (const cell of agreeing) {
      const [was, is] = [before.get(cell.column), after.get(cell.column)];
      if (was !== undefined && is !== undefined && unchanged(cell, was, is)) continue;
      answers.set(cell, await this.#probeOne(cell, undefined, true));
    }
  }

  /** `twin`: instead of the persona. */
  #callerFor({ persona, relation: { info, key }, call }: Cell, twin?: Identity): Caller {
    const { clients, http, identities, scratchRows } = this.#parts;
    const identity = twin ?? identities.get(persona.name);
    if (identity === undefined) throw new Error(`the persona ${persona.name} was not signed in`);
    const own = scratchRows && {
      columns: key,
      permits: (columns: readonly string[], values: readonly (string | null)[]) =>
        scratchRows.ledger.permits(info, columns, values),
    };
    const client =
      twin === undefined ? clients.of(identity, info.schema) : clients.withToken(identity.token, info.schema);
    return new Caller(client, http, info, call && rpcOf(call), own);
  }

  async #probeOne(cell: Cell, control: Snapshot | undefined, between = false): Promise<ChannelAnswer> {
    const { privileged, target, identities, scratchRows } = this.#parts;
    if (!identities.has(cell.persona.name))
      return { observation: failed(new Error("the persona was not signed in")), probe: "" };
    const caller = this.#callerFor(cell);
    // A second look is for what differed: it shows which rows.
    const look = (): Promise<Snapshot> =>
      takeSnapshot(privileged, { ...snapshotFor([cell], cell.relation), rows: true });
    try {
      if (cell.call !== undefined && !comparesRows(cell)) {
        const observation = await probeCall(cell.call, caller, (other) => this.#callerFor(other));
        return { observation, probe: caller.sent ?? plainRequest(cell) };
      }
      if (scratchRows !== undefined && isWrite(cell)) {
        const observation = await probeScratchRows(cell, scratchRows, { caller, privileged });
        return { observation, probe: caller.sent ?? plainRequest(cell) };
      }
      const probe = (snapshot: Snapshot): Promise<Observation> => {
        const wholeWrites = !postureRules[target.posture].shared || snapshot.total <= sharedRowsCeiling;
        return observe(cell, { caller, privileged, wholeWrites }, snapshot, look);
      };
      const observation = between
        ? await probeBetweenReads(cell, probe, look)
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
