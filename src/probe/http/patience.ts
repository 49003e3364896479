import { ProbeFailure } from "./failure.ts";

/** In a row, without one answer between them. */
const silencesAtMost = 4;

/**
 * How long a server that answers nothing is asked: each silence may last as long as the target's limit, and a matrix may
 * hold thousands of cells. Whatever answers in between, if only with an error, begins the count anew.
 */
export class Patience {
  readonly #who: string;
  #silences = 0;
  #last: ProbeFailure | undefined;

  constructor(who: string) {
    this.#who = who;
  }

  /** @throws ProbeFailure instead of asking, once the patience is used up */
  async spend<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#last !== undefined && this.#silences >= silencesAtMost) throw this.#usedUp(this.#last);
    try {
      const answer = await ask();
      this.#silences = 0;
      return answer;
    } catch (error) {
      const isSilence =
        error instanceof ProbeFailure && ["connection", "timeout"].includes(error.failure.kind);
      this.#silences = isSilence ? this.#silences + 1 : 0;
      if (isSilence) this.#last = error;
      throw error;
    }
  }

  #usedUp({ failure, message }: ProbeFailure): ProbeFailure {
    const text = `not asked: ${this.#who} gave no answer ${this.#silences} times in a row, last: ${message}`;
    return new ProbeFailure(failure.kind, text);
  }
}
