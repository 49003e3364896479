import { messageOf } from "../../model/errors.ts";
import type { Failure } from "../../model/observation.ts";

/** Ends a cell's probe: there is no usable answer of the server. Caught at the channel's edge, never seen outside. */
export class ProbeFailure extends Error {
  readonly failure: Failure;
  /** The request that came to nothing, as people read it. */
  readonly sent: string | undefined;

  constructor(kind: Failure["kind"], message: string, sent?: string) {
    super(message);
    this.name = "ProbeFailure";
    this.failure = { kind, message };
    this.sent = sent;
  }
}

/** Anything else that was thrown is a fault of ours or of the client: still no answer of the server. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ProbeFailure) return error.failure;
  return { kind: "protocol", message: messageOf(error) };
}

/** In a row, without one answer between them. */
const failuresInARow = 4;

/**
 * How long a server that answers nothing is asked: each silence may last as long as the target's limit, and a matrix may
 * hold thousands of cells. Whatever answers in between, if only with an error, begins the count anew.
 */
export class CircuitBreaker {
  readonly #who: string;
  #failures = 0;
  #last: ProbeFailure | undefined;

  constructor(who: string) {
    this.#who = who;
  }

  /** @throws ProbeFailure instead of asking, once the patience is used up */
  async run<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#last !== undefined && this.#failures >= failuresInARow) throw this.#usedUp(this.#last);
    try {
      const answer = await ask();
      this.#failures = 0;
      return answer;
    } catch (error) {
      const isSilence =
        error instanceof ProbeFailure && ["connection", "timeout"].includes(error.failure.kind);
      this.#failures = isSilence ? this.#failures + 1 : 0;
      if (isSilence) this.#last = error;
      throw error;
    }
  }

  #usedUp({ failure, message }: ProbeFailure): ProbeFailure {
    const text = `not asked: ${this.#who} gave no answer ${this.#failures} times in a row, last: ${message}`;
    return new ProbeFailure(failure.kind, text);
  }
}
