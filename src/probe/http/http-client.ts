import { stuckAtMost, triesAtMost } from "../limits.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { ruleFor } from "../../model/answers.ts";
import type { Failure } from "../../model/observation.ts";
import { WriteRefused } from "../../model/posture.ts";
import { CircuitBreaker, ProbeFailure } from "./failure.ts";
import { type Reply, replyOf, saysRolledBack } from "./reply.ts";
import type { RawReply } from "./response-handler.ts";
import type { HttpRequest, Transport } from "./transport.ts";
import type { TokenTimes } from "./verify/tokens.ts";

export type Verb = "read" | "write";

/** Sends requests, again where that is safe, and sees to it that no write stays. */
export class HttpClient {
  readonly #transport: Transport;
  readonly #tokenTimes: TokenTimes | undefined;
  readonly #breaker = new CircuitBreaker("the gateway");
  #blocked: Failure | undefined;
  #stuck = 0;
  /** Set: writes are committed, so that only those about scratch rows leave. Called when one gets no answer. */
  #lost: (() => void) | undefined;

  constructor(transport: Transport, tokenTimes?: TokenTimes) {
    this.#transport = transport;
    this.#tokenTimes = tokenTimes;
  }

  /** Set: no write leaves any more, and why. */
  get writesBlocked(): Failure | undefined {
    return this.#blocked;
  }

  blockWrites(message: string): void {
    this.#blocked ??= { kind: "not-sent", message };
  }

  /** From now on writes may stay, of rows that the run has made. */
  commitScratchRows(lost: () => void): void {
    this.#lost = lost;
  }

  /**
   * `own`: the request touches scratch rows only. Throws ProbeFailure when there is no answer of PostgREST.
   * @throws WriteRefused
   */
  async send(verb: Verb, request: HttpRequest, own = false): Promise<Reply> {
    for (let tries = 1; ; tries += 1) {
      if (verb === "write") this.#mayWrite(own);
      const raw = await this.#once(verb, request, tries === 1);
      if (verb === "write" && this.#lost === undefined) this.#mustNotStay(raw);
      const reply = replyOf(raw);
      this.#tokenTimes?.mustHold(reply, raw);
      if (ruleFor(reply.answer)?.retried !== true) {
        if (tries > 1) this.#stuck = 0;
        return reply;
      }
      if (this.#stuck >= stuckAtMost) return reply;
      if (tries === triesAtMost) {
        this.#stuck += 1;
        return reply;
      }
      await sleep(10 * 2 ** tries);
    }
  }

  /** A read whose connection broke is sent once more; a write never is: it may have taken effect. */
  async #once(verb: Verb, request: HttpRequest, again: boolean): Promise<RawReply> {
    const deliver = (): Promise<RawReply> => this.#breaker.run(() => this.#transport.send(request));
    try {
      return await deliver();
    } catch (error) {
      if (verb === "write") this.#lost?.();
      const broken = error instanceof ProbeFailure && error.failure.kind === "connection";
      if (verb === "write" || !again || !broken) throw error;
      return await deliver();
    }
  }

  #mayWrite(own: boolean): void {
    if (this.#lost !== undefined && !own)
      throw new WriteRefused(
        "a request about rows that the run has not made",
        "What is written here stays, and only scratch rows may be written",
      );
    if (this.#blocked !== undefined) throw new ProbeFailure(this.#blocked.kind, this.#blocked.message);
  }

  #mustNotStay(raw: RawReply): void {
    // PostgREST names the applied preferences on successes only; an error undoes the transaction anyway.
    if (raw.status >= 400 || saysRolledBack(raw)) return;
    const message =
      "the gateway answered a write without saying that it was rolled back (Preference-Applied)";
    this.blockWrites(`${message}; no further write was sent`);
    throw new ProbeFailure("protocol", `${message}: it may have been committed`, raw.sent());
  }
}
