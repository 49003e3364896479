import type { Client } from "pg";
import type { Failure } from "../../model/observation.ts";
import { addressOf } from "../../model/posture.ts";
import type { Target } from "../../model/target.ts";
import type { Line } from "./exchange.ts";
import { connect, disconnect, isLost } from "./session.ts";
import { messageOf } from "../../model/errors.ts";

/** The connections of a channel: the first, and those on which some settings were never set, by anybody. */
export class Lines {
  readonly first: Line;
  readonly #target: Target;
  readonly #onConnect: string | undefined;
  readonly #pristine = new Map<string, Line>();
  /** Why one of them could not be opened: a server that refuses connections is not asked again for every cell. */
  readonly #unopened = new Map<string, Failure>();

  private constructor(target: Target, first: Line, onConnect: string | undefined) {
    this.#target = target;
    this.#onConnect = onConnect;
    this.first = first;
  }

  /** @param onConnect SQL that each connection begins with */
  static async open(target: Target, onConnect?: string): Promise<Lines> {
    return new Lines(target, await openLine(target, onConnect), onConnect);
  }

  get roundTrips(): number {
    return this.#all.reduce((sum, { roundTrips }) => sum + roundTrips, 0);
  }

  /** Opened on first use. A failure then concerns no other cell and no other connection. */
  async lineFor(key: string): Promise<Line | Failure> {
    if (key === "") return this.first;
    const known = this.#pristine.get(key) ?? this.#unopened.get(key);
    if (known !== undefined) return known;
    try {
      const made = await openLine(this.#target, this.#onConnect);
      this.#pristine.set(key, made);
      return made;
    } catch (error) {
      if (!isLost(error)) throw error;
      const failure: Failure = { kind: "connection", message: messageOf(error) };
      this.#unopened.set(key, failure);
      return failure;
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#all.map(({ client }) => disconnect(client)));
  }

  get #all(): readonly Line[] {
    return [this.first, ...this.#pristine.values()];
  }
}

/** Every connection of a line is opened alike, one in a lost one's place too. */
async function openLine(target: Target, onConnect: string | undefined): Promise<Line> {
  const reopen = async (): Promise<Client> => {
    const client = await connect(addressOf(target), target.limits);
    if (onConnect !== undefined) await client.query(onConnect);
    return client;
  };
  return { client: await reopen(), roundTrips: 0, losses: 0, reopen, stuck: new Map() };
}
