import type { Client } from "pg";
import { DatabaseError } from "pg";
import { RowgateError } from "../../model/errors.ts";
import { type AnswerName, isCode } from "../../model/answers.ts";
import type { DatabaseAddress, Limits } from "../../model/target.ts";
import { connect, disconnect, isLost } from "./session.ts";
import { messageOf } from "../../model/errors.ts";

/** A connection that is lost again and again is not worth another. */
const renewals = 3;

/**
 * The privileged connection. It only reads, so that a question whose connection broke is asked once more, on another
 * connection. Workers share it: their questions come one after the other, for one that fails ends its transaction by itself.
 */
export class Control {
  readonly #address: DatabaseAddress;
  readonly #limits: Limits;
  #client: Client;
  #renewed = 0;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(address: DatabaseAddress, limits: Limits, client: Client) {
    this.#address = address;
    this.#limits = limits;
    this.#client = client;
  }

  /** @throws RowgateError `direct/connect` */
  static async open(address: DatabaseAddress, limits: Limits): Promise<Control> {
    return new Control(address, limits, await connect(address, limits));
  }

  /**
   * @param doing the end of the sentence that begins with “The database failed”: `while the matrix was compared with it`
   * @throws RowgateError `run/database` for what the database or the way to it did; what else is thrown stays as it is
   */
  ask<T>(doing: string, question: (client: Client) => Promise<T>): Promise<T> {
    const answer = this.#turn.then(() => this.#ask(doing, question));
    this.#turn = answer.catch(() => undefined);
    return answer;
  }

  async #ask<T>(doing: string, question: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await question(this.#client);
    } catch (cause) {
      if (!isLost(cause) || this.#renewed >= renewals) throw controlError(doing, cause);
      try {
        await this.#renew();
        return await question(this.#client);
      } catch (second) {
        // What broke first is what happened; that nothing answers now follows from it.
        throw controlError(doing, second instanceof DatabaseError ? second : cause);
      }
    }
  }

  async close(): Promise<void> {
    await disconnect(this.#client);
  }

  async #renew(): Promise<void> {
    this.#renewed += 1;
    await disconnect(this.#client);
    this.#client = await connect(this.#address, this.#limits);
  }
}

/** The first that fits. */
const hints: readonly (readonly [code: AnswerName, hint: string])[] = [
  [
    "lockNotAvailable",
    "another session holds a lock on a table that is to be probed: see pg_locks and pg_stat_activity, and run again when it is done",
  ],
  [
    "insufficientPrivilege",
    "rowgate logs in as a role that reads every table past its policies: name another login in the target's url (on Supabase: postgres), or grant this one what it lacks: `alter role <login> bypassrls; grant pg_read_all_data, <the personas' roles> to <login>`, and INSERT, UPDATE, DELETE where writes are tried (they are undone)",
  ],
  ["cancelled", "it took longer than the target's limit for one statement (statement_timeout)"],
  ["serverStops", "the server is being stopped or restarted: see its log"],
  ["resources", "the server has run out of something: see its log"],
];

/** What the database's answer to a question of rowgate's own means to a person. */
export function controlError(doing: string, cause: unknown): unknown {
  if (cause instanceof RowgateError) return cause;
  if (!(cause instanceof DatabaseError) && !isLost(cause)) return cause;
  const code = cause instanceof DatabaseError ? (cause.code ?? "") : "";
  const hint = hints.find(([name]) => isCode(code, name))?.[1];
  return new RowgateError({
    code: "run/database",
    message: `The database failed ${doing}: ${messageOf(cause)}${code === "" ? "" : ` (${code})`}`,
    hint:
      hint ??
      (code === ""
        ? "the connection was lost: see the server's log, and what is between (a proxy, a pooler)"
        : undefined),
    cause,
  });
}
