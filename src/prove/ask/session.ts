import { codeOf, isCode, ruleOf } from "../../model/answers.ts";
import { type Client, DatabaseError } from "pg";
import { Turns } from "../../lib/turns.ts";
import type { ProofRelation } from "../analyse/schema.ts";
import type { Skeleton } from "../analyse/skeleton.ts";
import { Gathered } from "./gathered.ts";
import { Actors, batchOf, Known } from "./message.ts";
import { type ActingAs, isError, type Patience, type Step, type StepAnswer } from "./step.ts";

interface Waiting {
  readonly steps: readonly Step[];
  readonly patience: Patience;
  readonly resolve: (answers: readonly StepAnswer[]) => void;
  readonly reject: (error: unknown) => void;
}

const batchLength = 8_000_000;
/** Larger messages would leave node, or the server, without work while the other one is busy. */
const batchRequests = 60;
/** Requests that must wait for a message to be made up, by the number of those that are underway. */
const leastUnderway = [1, 20];

/** Asks on behalf of the proofs of one relation. */
export interface Asking {
  /** A question whose answer does not change within the transaction: asked once. */
  ask(as: ActingAs, sql: string): Promise<StepAnswer>;
  /** Steps that see each other's effects, and are then undone. */
  run(steps: readonly Step[]): Promise<readonly StepAnswer[]>;
  /** As `run`; once such steps take too long no others of their kind are run, and everything else still is. */
  runAside(steps: readonly Step[]): Promise<readonly StepAnswer[]>;
  /** As `run`, once: within the transaction the same steps have the same answers. */
  runOnce(steps: readonly Step[]): Promise<readonly StepAnswer[]>;
  /**
   * What the first steps put in place, and questions about it that change nothing: callers that ask about the same at the same time
   * has it put in once. Answers are the first steps', up to one that fails, and then the questions'.
   */
  askAbout(first: readonly Step[], questions: readonly Step[]): Promise<readonly StepAnswer[]>;
  /** Called once, when the next message is made up: what it asks for then is part of it. */
  beforeSending(ask: () => void): void;
  /** What is worked out of answers, by what it is about and who is asked: once within the transaction. @param keeps `false`: it is too large to be kept */
  once<T>(
    as: readonly ActingAs[],
    what: string,
    make: () => Promise<T>,
    keeps?: (made: T) => boolean,
  ): Promise<T>;
  /** `pg_input_is_valid` is there since Postgres 16. */
  readonly validates: boolean;
  readonly skeletonOf: SkeletonOf;
}

/** Of what parts an expression over a relation's row is made; `undefined`: it is asked as a whole. */
type SkeletonOf = (text: string, alias: string, relation: ProofRelation) => Skeleton | undefined;

/** What a question is answered once the time for all of them is over. */
class OutOfTime extends Error {}

/** @returns `undefined` where the time was over before it was answered */
export async function inTime<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof OutOfTime) return undefined;
    throw error;
  }
}

/** How often a request is sent that a lock holds up; once so many were held up each time, another program holds a lock for long. */
const triesAtMost = 5;
const stuckAtMost = 3;

const timedOut: StepAnswer = { code: codeOf("cancelled"), message: "statement timeout" };

/**
 * One transaction in which everything is asked, and undone. What is asked for at the same time goes in one message, so that
 * code may ask one thing after the other and run side by side.
 */
export class ProofSession {
  readonly #client: Client;
  /** By who is asked, and then by the text: that is long. */
  readonly #answers = new Map<number, Map<string, Promise<StepAnswer>>>();
  /** Requests that a lock held up each time. */
  #stuck = 0;
  readonly #actors = new Actors();
  readonly #runs = new Map<string, Promise<readonly StepAnswer[]>>();
  readonly #timeoutMs: number;
  readonly #endsAt: () => number;
  /** Others ask the same database while none of this session's rows are put in: those would keep them waiting. */
  readonly #turns: Turns;
  readonly #keepsPlans: boolean;
  readonly #skeletonOf: SkeletonOf;
  readonly #gathered = new Map<string, Gathered>();
  readonly #gathering: (() => void)[] = [];
  /** First steps that a constraint refuses, whatever comes after them. */
  readonly #refused = new Map<string, StepAnswer>();
  #turn: Promise<unknown> = Promise.resolve();
  #waiting: Waiting[] = [];
  #woken = false;
  #underway = 0;
  /** Messages sent, for the figures. */
  roundTrips = 0;
  validates = true;

  /**
   * @param endsAt by `performance.now()`; what is asked later is rejected, see `inTime`
   * @param keepsPlans a plan says the same whatever the tables hold
   */
  constructor(
    client: Client,
    timeoutMs: number,
    {
      endsAt = () => Number.POSITIVE_INFINITY,
      turns = new Turns(),
      keepsPlans = false,
      skeletonOf = () => undefined,
    }: {
      readonly endsAt?: (() => number) | undefined;
      readonly turns?: Turns | undefined;
      readonly keepsPlans?: boolean;
      readonly skeletonOf?: SkeletonOf;
    } = {},
  ) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#endsAt = endsAt;
    this.#turns = turns;
    this.#keepsPlans = keepsPlans;
    this.#skeletonOf = skeletonOf;
  }

  async begin(): Promise<void> {
    const { rows } = await this.#client.query<{ num: number }>(
      "select current_setting('server_version_num')::int as num",
    );
    this.validates = (rows[0]?.num ?? 0) >= 160_000;
    await this.#client.query(
      `begin isolation level repeatable read; set local statement_timeout = ${this.#timeoutMs}; set local idle_in_transaction_session_timeout = 0; savepoint rowgate_proof`,
    );
  }

  /** A failed message is rolled back before the next one is sent. */
  #inTurn<T>(use: () => Promise<T>): Promise<T> {
    const used = this.#turn.then(use);
    this.#turn = used.catch(() => undefined);
    return used;
  }

  async end(): Promise<void> {
    await this.#client.query("rollback");
  }

  /** The same, for questions that end with the first timeout among them. */
  about(patience: Patience): Asking {
    const known = new Known(this.#actors);
    const aside: Patience = { timedOut: false };
    return {
      beforeSending: (ask) => {
        this.beforeSending(ask);
      },
      once: (as, what, make, keeps) => known.once(as, what, make, keeps),
      ask: (as, sql) => this.ask(as, sql, patience),
      run: (steps) => this.run(steps, patience),
      runAside: (steps) => this.run(steps, patience.timedOut ? patience : aside),
      runOnce: (steps) => this.runOnce(steps, patience),
      askAbout: (first, questions) => this.askAbout(first, questions, patience),
      validates: this.validates,
      skeletonOf: this.#skeletonOf,
    };
  }

  ask(as: ActingAs, sql: string, patience: Patience = { timedOut: false }): Promise<StepAnswer> {
    const actor = this.#actors.numberOf(as);
    const own = this.#answers.get(actor) ?? new Map<string, Promise<StepAnswer>>();
    this.#answers.set(actor, own);
    let answer = own.get(sql);
    if (answer === undefined) {
      answer = this.run([{ as, sql, rows: true, stored: true }], patience).then(
        ([only]) => only ?? { code: "RGACT", message: "no answer" },
      );
      own.set(sql, answer);
    }
    return answer;
  }

  runOnce(steps: readonly Step[], patience: Patience = { timedOut: false }): Promise<readonly StepAnswer[]> {
    const key = steps
      .map(({ as, sql, ...how }) => JSON.stringify([this.#actors.numberOf(as), sql, how]))
      .join();
    let answers = this.#runs.get(key);
    if (answers === undefined) {
      answers = this.run(steps, patience);
      this.#runs.set(key, answers);
    }
    return answers;
  }

  run(steps: readonly Step[], patience: Patience = { timedOut: false }): Promise<readonly StepAnswer[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ steps, patience, resolve, reject });
      this.#wake();
    });
  }

  askAbout(
    first: readonly Step[],
    questions: readonly Step[],
    patience: Patience = { timedOut: false },
  ): Promise<readonly StepAnswer[]> {
    const keys = first.map((step) => this.#keyOf(step));
    const refused = this.#refused.get(keys[0] ?? "");
    if (refused !== undefined) return Promise.resolve([refused]);
    const key = keys.join("\n");
    const gathered =
      this.#gathered.get(key) ?? new Gathered(first, (as) => this.#actors.numberOf(as), patience);
    this.#gathered.set(key, gathered);
    const answers = gathered.add(questions, this.#keepsPlans);
    this.#wake();
    return answers;
  }

  beforeSending(ask: () => void): void {
    this.#gathering.push(ask);
    this.#wake();
  }

  #keyOf({ as, sql }: Pick<Step, "as" | "sql">): string {
    return `${this.#actors.numberOf(as)}\n${sql}`;
  }

  /** A caller that was answered may ask the next question at once: all of these go together. */
  #wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    setImmediate(() => {
      this.#woken = false;
      this.#sendNext();
    });
  }

  /** While the server answers one message the next one is made up, where enough waits for it. */
  #sendNext(): void {
    const waiting = this.#waiting.length + this.#gathered.size + this.#gathering.length;
    const least = leastUnderway[this.#underway];
    if (least === undefined || waiting < least) return;
    this.#release();
    const batch = this.#next();
    this.#underway += 1;
    void this.#send(batch)
      .catch((error: unknown) => {
        for (const { reject } of batch) reject(error);
      })
      .finally(() => {
        this.#underway -= 1;
        this.#wake();
      });
    this.#wake();
  }

  /** What was gathered becomes requests, each answered to all who wait for it. */
  #release(): void {
    for (const ask of this.#gathering.splice(0)) ask();
    for (const gathered of this.#gathered.values()) {
      const { steps, patience } = gathered;
      this.#waiting.push({
        steps,
        patience,
        resolve: (answers) => {
          this.#note(steps[0], answers[0]);
          gathered.resolve(answers);
        },
        reject: (error) => {
          gathered.reject(error);
        },
      });
    }
    this.#gathered.clear();
  }

  #note(first: Step | undefined, answer: StepAnswer | undefined): void {
    const ends = first !== undefined && first.goOn !== true && first.onlyIf === undefined;
    if (ends && isError(answer) && isCode(answer.code, "constraint"))
      this.#refused.set(this.#keyOf(first), answer);
  }

  #next(): readonly Waiting[] {
    let length = 0;
    let count = 0;
    for (const { steps } of this.#waiting) {
      length += steps.reduce((sum, { sql }) => sum + sql.length, 0);
      if (count > 0 && (length > batchLength || count >= batchRequests)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** @param again how often these were sent before: a lock that another session of the run held is let go soon */
  async #send(all: readonly Waiting[], again = 0): Promise<void> {
    if (performance.now() > this.#endsAt()) {
      for (const { reject } of all) reject(new OutOfTime());
      return;
    }
    for (const { patience, resolve } of all) if (patience.timedOut) resolve([timedOut]);
    const batch = all.filter(({ patience }) => !patience.timedOut);
    if (batch.length === 0) return;
    const asked = batchOf(
      batch.map(({ steps }) => steps),
      this.#actors,
    );
    const answers = await this.#inTurn(() =>
      this.#turns.shared(() => this.#exchange(asked, batch.length === 1)),
    );
    for (const [index, one] of batch.entries()) {
      const answer = answers[index];
      const last = answer?.at(-1);
      const cut = isError(last) && isCode(last.code, "cancelled");
      if (cut && batch.length === 1) one.patience.timedOut = true;
      if (this.#isHeldUp(answer, again)) await this.#send([one], again + 1).catch(one.reject);
      else if (answer !== undefined && (!cut || batch.length === 1)) one.resolve(answer);
      // The timeout was the whole message's; alone, the request has a separate one.
      else await this.#send([one]).catch(one.reject);
    }
  }

  /** Did a lock, or a deadlock, keep it from being answered, as it may not the next time? */
  #isHeldUp(answers: readonly StepAnswer[] | undefined, again: number): boolean {
    const isLocked = answers?.some((one) => isError(one) && ruleOf(one.code, "direct").retried === true);
    if (isLocked !== true || this.#stuck >= stuckAtMost) return false;
    if (again + 1 >= triesAtMost) this.#stuck += 1;
    return again + 1 < triesAtMost;
  }

  async #exchange(asked: string, isAlone: boolean): Promise<readonly (readonly StepAnswer[])[]> {
    this.roundTrips += 1;
    try {
      const results = (await this.#client.query(asked)) as unknown as readonly {
        rows: { answered: string }[];
      }[];
      const answered = results.at(-2)?.rows[0]?.answered ?? "[]";
      return JSON.parse(answered) as readonly (readonly StepAnswer[])[];
    } catch (error) {
      // Outside of any step: the timeout between two of them, or text that JSON cannot hold.
      if (
        !(error instanceof DatabaseError) ||
        error.code === undefined ||
        isCode(error.code, "serverStops") ||
        isCode(error.code, "connection")
      )
        throw error;
      await this.#client.query("rollback to savepoint rowgate_proof");
      return isAlone ? [[{ code: error.code, message: error.message }]] : [];
    }
  }
}
