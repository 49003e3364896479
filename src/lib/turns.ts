/** Uses of one thing that may go on side by side, and uses that want nothing beside them. */
export class Turns {
  readonly #shared = new Set<Promise<unknown>>();
  #alone: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  async shared<T>(use: () => Promise<T>): Promise<T> {
    while (this.#waiting > 0) await this.#alone;
    const used = use();
    this.#shared.add(used);
    try {
      return await used;
    } finally {
      this.#shared.delete(used);
    }
  }

  /** Begins once what is going on is over; what comes meanwhile waits. Never within `shared`: each would wait for the other. */
  async alone<T>(use: () => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const before = this.#alone;
    const used = Promise.allSettled([before, ...this.#shared]).then(use);
    this.#alone = used.catch(() => undefined);
    try {
      return await used;
    } finally {
      this.#waiting -= 1;
    }
  }
}
