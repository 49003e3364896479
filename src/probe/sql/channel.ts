import { type Cell, mustReturn } from "../../model/cell.ts";
import type { RoleInfo } from "../../model/catalog.ts";
import type { ChannelAnswer, ProbeChannel } from "../../model/channel.ts";
import type { Failure, Observation } from "../../model/observation.ts";
import type { Target } from "../../model/target.ts";
import { noWrites, postureRules, readsOnly, WriteRefused, wouldWrite } from "../../model/posture.ts";
import { grouped } from "../../lib/grouped.ts";
import { readLint } from "../../catalog/lints.ts";
import { type BatchSettings, keepBlockSql, type Posted } from "./batch.ts";
import { probeCall } from "./calls.ts";
import { exchange, exchangeMutants } from "./exchange.ts";
import { Lines } from "./connections.ts";
import { Routines } from "./explain.ts";
import { type Means, firstRequest } from "./first-requests.ts";
import { shownUpsert } from "./upserts.ts";
import { probeInsert } from "./inserts.ts";
import type { BatchMutants, ExplainRequest, RawMutants, Reply, Request } from "./protocol.ts";
import { failedObservation } from "./failed.ts";
import { type CellProbe, probeReach } from "./reach.ts";
import { mayActAsReplica } from "./session.ts";
import { lineOf, type SessionRules, type SessionState, statesOf } from "../sessions.ts";
import { shownCall } from "./source.ts";
import { insertSql } from "./statements.ts";
import { probeTruncate, shownPrivilege, truncateOf } from "./truncate.ts";

export interface DirectChannelOptions {
  readonly target: Target;
  readonly sessions: SessionRules;
  /** Whom rowgate logs in as. */
  readonly home: RoleInfo;
  /** {@link BatchSettings.hashed} */
  readonly hashed?: true | undefined;
  /** {@link BatchSettings.kept} */
  readonly kept?: true | undefined;
}

/** Opens the direct channel: one connection for probes, and one on which no setting is ever set. */
export async function openDirectChannel(options: DirectChannelOptions): Promise<DirectChannel> {
  const { target, sessions, home, hashed, kept } = options;
  const lines = await Lines.open(target, kept && keepBlockSql());
  const { client } = lines.first;
  const means: Means = { replica: await mayActAsReplica(client), logins: home.superuser };
  return new DirectChannel(target, lines, means, {
    sessions,
    hashed,
    kept,
    preRequest: target.preRequest,
    readOnly: readsOnly(target),
    statementTimeoutMs: target.limits.statementTimeoutMs,
    keepsPlans:
      (await readLint(client, "immutable-reads-setting")).length === 0 && sessions.known.every(isOfNoMatter),
  });
}

/** A setting of Postgres's own (`TimeZone`) may change how a literal is read. Of the search path a plan takes care. */
function isOfNoMatter(setting: string): boolean {
  return setting === "search_path";
}

/** A probe under way, and what it asks for now. */
export interface StartedProbe {
  readonly probe: CellProbe;
  requests: readonly Request[];
}

/** And where its replies will go. */
interface Running extends StartedProbe {
  readonly index: number;
  readonly cell: Cell;
}

/** Called for each round of a cell's probe: what was asked, and what was replied. */
export type OnReplies = (cell: Cell, requests: readonly Request[], replies: readonly Reply[]) => void;

export class DirectChannel implements ProbeChannel {
  readonly name = "direct";
  readonly #target: Target;
  readonly #lines: Lines;
  readonly #means: Means;
  readonly #settings: BatchSettings;
  readonly #routines: Routines;

  constructor(target: Target, lines: Lines, means: Means, settings: BatchSettings) {
    this.#target = target;
    this.#lines = lines;
    this.#means = means;
    this.#settings = settings;
    this.#routines = new Routines(lines.first, settings);
  }

  /**
   * The same connections, with changes made at the start of each transaction, and undone at its end.
   * @param plansHold no change makes a function whose answer may not be kept from one persona to the next
   * @param shallow {@link BatchSettings.shallow}
   */
  under(changes: readonly string[], plansHold = true, shallow?: true): DirectChannel {
    const keepsPlans = this.#settings.keepsPlans && plansHold;
    return new DirectChannel(this.#target, this.#lines, this.#means, {
      ...this.#settings,
      changes,
      keepsPlans,
      shallow,
    });
  }

  /** The same connections, with other sessions for the personas. */
  as(sessions: SessionRules): DirectChannel {
    return new DirectChannel(this.#target, this.#lines, this.#means, { ...this.#settings, sessions });
  }

  get roundTrips(): number {
    return this.#lines.roundTrips;
  }

  forbids(cell: Cell): string | undefined {
    // The catalogue answers it, see below.
    if (cell.operation === "truncate") return undefined;
    return this.#settings.readOnly && wouldWrite(cell) ? noWrites(this.#target) : undefined;
  }

  async probe(cells: readonly Cell[], onReplies?: OnReplies): Promise<readonly ChannelAnswer[]> {
    const forbidden = cells.find((cell) => this.forbids(cell) !== undefined);
    if (forbidden !== undefined) throw new WriteRefused(forbidden.id);
    const observations: Observation[] = Array.from({ length: cells.length });
    let running = cells.map((cell, index): Running => ({ index, cell, ...this.start(cell) }));
    const shown = running.map(({ cell, requests }) =>
      this.#byCatalogue(cell) ? shownPrivilege(cell) : shownStatement(cell, this.#means, requests),
    );
    while (running.length > 0) {
      const replies = await this.#round(running);
      running = running.filter((one, position) => {
        onReplies?.(one.cell, one.requests, replies[position] ?? []);
        const step = one.probe.next(replies[position] ?? []);
        if (step.done === true) observations[one.index] = step.value;
        else one.requests = step.value;
        return step.done !== true;
      });
    }
    return shown.map((probe, index) => ({
      observation: observations[index] ?? failedObservation(undefined),
      probe,
    }));
  }

  /** Requests that belong to no probe; a reply for each. */
  async ask(posted: readonly Posted[]): Promise<readonly Reply[]> {
    const { sessions } = this.#settings;
    const replies = new Map<Posted, Reply>();
    for (const [key, group] of grouped(posted, ({ cell }) => lineOf(sessions, cell, undefined))) {
      const answers = await this.#answersOn(key, group);
      for (const [index, one] of group.entries())
        replies.set(one, answers[index] ?? { kind: "failed", failure: notAnswered });
    }
    return posted.map((one) => replies.get(one) ?? { kind: "failed", failure: notAnswered });
  }

  async close(): Promise<void> {
    await this.#lines.close();
  }

  /** A cell's probe, whose replies the caller brings. */
  start(cell: Cell): StartedProbe {
    const probe = this.#notAsked(cell) ?? probeOf(cell, this.#means, statesOf(this.#settings.sessions, cell));
    const first = probe.next();
    return { probe, requests: first.done === true ? [] : first.value };
  }

  /** Whether a request goes over the first connection, as those of {@link probeMutants} do. */
  isOnFirst({ cell, request }: Posted): boolean {
    return lineOf(this.#settings.sessions, request.as ?? cell, request.state) === "";
  }

  async explain(cell: Cell, request: ExplainRequest): Promise<Reply> {
    return await this.#routines.explain(cell, request);
  }

  /** Probes of one relation under the changes of each of some mutants, in one statement. */
  async probeMutants(posted: readonly Posted[], mutants: BatchMutants): Promise<RawMutants | Failure> {
    return await exchangeMutants(this.#lines.first, posted, this.#settings, mutants);
  }

  /** TRUNCATE would lock a table that others use. */
  #byCatalogue({ operation }: Cell): boolean {
    const { shared } = postureRules[this.#target.posture];
    return operation === "truncate" && (shared || this.#settings.readOnly);
  }

  #notAsked(cell: Cell): CellProbe | undefined {
    const { login, role } = cell.persona;
    if (this.#byCatalogue(cell)) return ending(truncateOf(cell.relation.info.privileges[role]));
    const { home } = this.#settings.sessions;
    if (login === undefined || login === home || this.#means.logins) return undefined;
    return ending({ kind: "failed", failure: { kind: "not-sent", message: noSuperuser(login, home) } });
  }

  /** Sends what every running probe asks for; the replies come back probe by probe. */
  async #round(running: readonly Running[]): Promise<Reply[][]> {
    const replies: Reply[][] = running.map(() => []);
    const lines = new Map<string, { posted: Posted; to: [number, number] }[]>();
    for (const [position, { cell, requests }] of running.entries()) {
      for (const [slot, request] of requests.entries()) {
        const slots = replies[position];
        if (request.kind === "explain") {
          if (slots !== undefined) slots[slot] = await this.#routines.explain(cell, request);
        } else {
          const as = request.as ?? cell;
          const key = lineOf(this.#settings.sessions, as, request.state);
          const wanted = lines.get(key) ?? [];
          lines.set(key, wanted);
          wanted.push({ posted: { cell: as, request }, to: [position, slot] });
        }
      }
    }
    for (const [key, wanted] of lines) {
      const answers = await this.#answersOn(
        key,
        wanted.map((one) => one.posted),
      );
      for (const [index, { to }] of wanted.entries()) {
        const slots = replies[to[0]];
        const answer = answers[index];
        if (slots !== undefined && answer !== undefined) slots[to[1]] = answer;
      }
    }
    return replies;
  }

  async #answersOn(key: string, posted: readonly Posted[]): Promise<readonly Reply[]> {
    const line = await this.#lines.lineFor(key);
    if (!("kind" in line)) return await exchange(line, posted, this.#settings);
    return posted.map((): Reply => ({ kind: "failed", failure: line }));
  }
}

const notAnswered: Failure = { kind: "not-sent", message: "no answer came" };

/** A probe that asks for nothing. */
function* ending(observation: Observation): CellProbe {
  yield [];
  return observation;
}

/** Only a superuser can change `session_user`. */
function noSuperuser(login: string, home: string): string {
  return (
    `it logs in as ${login}, and only a superuser can take another login's place (SET SESSION AUTHORIZATION), which ${home} is not: ` +
    "log in as a superuser, or take `login:` out if neither a policy nor a setting depends on it"
  );
}

function probeOf(cell: Cell, means: Means, states: readonly SessionState[]): CellProbe {
  if (cell.call !== undefined) return probeCall(cell, cell.call, means, states);
  if (cell.operation === "insert") return probeInsert(cell, states);
  return cell.operation === "truncate" ? probeTruncate(cell, means) : probeReach(cell, means, states);
}

function shownInsert(cell: Cell): string {
  const [first] = cell.candidates;
  const returning = first !== undefined && mustReturn(cell, first) ? cell.returning : undefined;
  return insertSql(cell.relation.info, first?.values ?? {}, returning);
}

/** What the archive and the report show of a cell's probe. */
function shownStatement(cell: Cell, means: Means, [first]: readonly Request[]): string {
  const { operation, call } = cell;
  if (call !== undefined) return shownCall(cell, call);
  if (operation === "upsert") return shownUpsert(cell);
  if (operation === "insert") return shownInsert(cell);
  const request =
    first === undefined || first.kind === "explain" ? firstRequest[operation](cell, means) : first;
  return request.statements[0] ?? "";
}
