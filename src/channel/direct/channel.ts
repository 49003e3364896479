import { DatabaseError, escapeLiteral } from "pg";
import type { Cell } from "../../model/cell.ts";
import type { ChannelAnswer, Identity, ProbeChannel } from "../../model/channel.ts";
import type { Observation } from "../../model/observation.ts";
import { quoteIdent } from "../../model/sql-text.ts";
import type { Target } from "../../model/target.ts";
import type { BatchSettings, Posted } from "./batch.ts";
import { probeCall } from "./calls.ts";
import { type Line, exchange } from "./exchange.ts";
import { type Means, firstRequest } from "./first-requests.ts";
import { probeInsert } from "./inserts.ts";
import type { BatchRequest, ExplainRequest, Reply, Request, SessionState } from "./protocol.ts";
import { type CellProbe, failedObservation, probeReach } from "./reach.ts";
import { connect, mayActAsReplica } from "./session.ts";
import { shownCall } from "./source.ts";
import { insertSql } from "./statements.ts";

export interface DirectChannelOptions {
  readonly target: Target;
  readonly identities: ReadonlyMap<string, Identity>;
}

/** Opens the direct channel: one connection for probes, and one on which no setting is ever set. */
export async function openDirectChannel({ target, identities }: DirectChannelOptions): Promise<ProbeChannel> {
  const client = await connect(target.database, target.limits);
  const means: Means = { replica: await mayActAsReplica(client) };
  const settingNames = [
    ...new Set([...identities.values()].flatMap(({ persona }) => Object.keys(persona.settings))),
  ];
  return new DirectChannel(target, { client, roundTrips: 0 }, means, {
    identities,
    settingNames,
    jwt: target.rest !== undefined || [...identities.values()].some(({ claims }) => claims !== undefined),
    preRequest: target.preRequest,
    readOnly: target.posture === "production",
    statementTimeoutMs: target.limits.statementTimeoutMs,
  });
}

/** A probe under way: what it asks for now, and where its replies will go. */
interface Running {
  readonly index: number;
  readonly cell: Cell;
  readonly probe: CellProbe;
  requests: readonly Request[];
}

class DirectChannel implements ProbeChannel {
  readonly name = "direct";
  readonly #target: Target;
  readonly #line: Line;
  readonly #means: Means;
  readonly #settings: BatchSettings;
  readonly #routines = new Map<string, string | undefined>();
  #pristine: Line | undefined;

  constructor(target: Target, line: Line, means: Means, settings: BatchSettings) {
    this.#target = target;
    this.#line = line;
    this.#means = means;
    this.#settings = settings;
  }

  get roundTrips(): number {
    return this.#line.roundTrips + (this.#pristine?.roundTrips ?? 0);
  }

  async probe(cells: readonly Cell[]): Promise<readonly ChannelAnswer[]> {
    const observations: Observation[] = Array.from({ length: cells.length });
    let running = cells.map((cell, index) => this.#start(cell, index));
    while (running.length > 0) {
      const replies = await this.#round(running);
      running = running.filter((one, position) => {
        const step = one.probe.next(replies[position] ?? []);
        if (step.done === true) observations[one.index] = step.value;
        else one.requests = step.value;
        return step.done !== true;
      });
    }
    return cells.map((cell, index) => ({
      observation: observations[index] ?? failedObservation(undefined),
      probe: shownStatement(cell, this.#means),
    }));
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#line.client.end(), this.#pristine?.client.end()]);
  }

  #start(cell: Cell, index: number): Running {
    const probe = this.#skips(cell) ?? probeOf(cell, this.#means, this.#states(cell));
    const first = probe.next();
    return { index, cell, probe, requests: first.done === true ? [] : first.value };
  }

  /** A read-only transaction stops what a function writes here, not what it sends elsewhere. */
  #skips({ call }: Cell): CellProbe | undefined {
    if (!this.#settings.readOnly || call?.routine.volatility !== "volatile") return undefined;
    return skipped("no function that may write is called in production");
  }

  /** A persona that signs in with nothing is asked again in the states that a session can be in. */
  #states(cell: Cell): readonly SessionState[] {
    const { persona } = cell;
    if (cell.role.superuser || cell.role.bypassRls) return [];
    const lacks = this.#settings.settingNames.some((name) => persona.settings[name] === undefined);
    return persona.claims === undefined && persona.tokenFrom === undefined && (lacks || this.#settings.jwt)
      ? ["never set", "reset"]
      : [];
  }

  /** Sends what every running probe asks for; the replies come back probe by probe. */
  async #round(running: readonly Running[]): Promise<Reply[][]> {
    const replies: Reply[][] = running.map(() => []);
    const lanes: Record<"own" | "pristine", { posted: Posted; to: [number, number] }[]> = {
      own: [],
      pristine: [],
    };
    for (const [position, { cell, requests }] of running.entries()) {
      for (const [slot, request] of requests.entries()) {
        const slots = replies[position];
        if (request.kind === "explain") {
          if (slots !== undefined) slots[slot] = await this.#explain(cell, request);
        } else
          lanes[request.state === "never set" ? "pristine" : "own"].push({
            posted: { cell: request.as ?? cell, request },
            to: [position, slot],
          });
      }
    }
    for (const lane of ["own", "pristine"] as const) {
      const wanted = lanes[lane];
      if (wanted.length === 0) continue;
      const line = lane === "own" ? this.#line : await this.#pristineLine();
      const answers = await exchange(
        line,
        wanted.map((one) => one.posted),
        this.#settings,
      );
      for (const [index, { to }] of wanted.entries()) {
        const slots = replies[to[0]];
        const answer = answers[index];
        if (slots !== undefined && answer !== undefined) slots[to[1]] = answer;
      }
    }
    return replies;
  }

  async #pristineLine(): Promise<Line> {
    this.#pristine ??= { client: await connect(this.#target.database, this.#target.limits), roundTrips: 0 };
    return this.#pristine;
  }

  /** Runs the refused statement by itself: the wire tells the server's routine, which a block cannot see. */
  async #explain(cell: Cell, { sql, message }: ExplainRequest): Promise<Reply> {
    const key = JSON.stringify([cell.relation.info.oid, cell.operation, message]);
    if (!this.#routines.has(key)) this.#routines.set(key, await this.#routineOf(cell, sql, message));
    return { kind: "routine", routine: this.#routines.get(key) };
  }

  async #routineOf(cell: Cell, statement: string, message: string): Promise<string | undefined> {
    const { client } = this.#line;
    const identity = this.#settings.identities.get(cell.persona.name);
    const claims = identity?.claims === undefined ? "" : JSON.stringify(identity.claims);
    const settings = [["request.jwt.claims", claims] as const, ...Object.entries(cell.persona.settings)];
    const calls = settings.map(
      ([name, value]) => `set_config(${escapeLiteral(name)}, ${escapeLiteral(value)}, true)`,
    );
    this.#line.roundTrips += 2;
    try {
      await client.query(
        `begin${this.#settings.readOnly ? " read only" : ""}; select ${calls.join(", ")}; set local role ${quoteIdent(cell.persona.role)}; ${statement}`,
      );
      return undefined;
    } catch (error) {
      if (!(error instanceof DatabaseError)) return undefined;
      return error.code === "42501" && error.message === message ? error.routine : undefined;
    } finally {
      await client.query("rollback").catch(() => {});
    }
  }
}

// A probe that asks for nothing.
// oxlint-disable-next-line require-yield
function* skipped(reason: string): CellProbe {
  return { kind: "skipped", reason };
}

function probeOf(cell: Cell, means: Means, states: readonly SessionState[]): CellProbe {
  if (cell.call !== undefined) return probeCall(cell, cell.call, means, states);
  if (cell.operation === "insert") return probeInsert(cell, states);
  return cell.operation === "truncate" ? probeTruncate(cell, means) : probeReach(cell, means, states);
}

function* probeTruncate(cell: Cell, means: Means): CellProbe {
  const [reply] = yield [firstRequest.truncate(cell, means)];
  const part = reply?.kind === "parts" ? reply.parts.at(-1) : undefined;
  if (part === undefined) return failedObservation(reply);
  return {
    kind: "statement",
    answer: { code: part.code ?? null, message: part.message, foreignFrame: part.away },
  };
}

/** What the archive and the report show of a cell's probe. */
function shownStatement(cell: Cell, means: Means): string {
  const { operation, candidates, relation, call } = cell;
  if (call !== undefined) return shownCall(cell, call);
  if (operation !== "insert") return statementText(firstRequest[operation](cell, means));
  return insertSql(relation.info, candidates[0]?.values ?? {});
}

function statementText(request: BatchRequest): string {
  return request.statements[0] ?? "";
}
