import { isAssignment } from "../model/cell.ts";
import type { ProbedCell } from "./4-probe.ts";
import type { ProvedCell } from "./5-prove.ts";
import type { ArgumentFaults } from "./arguments.ts";
import { withAssigned } from "./assignments.ts";
import type { Chunk } from "./workers.ts";

/** Cells in memory, whatever the matrix holds: with more, the workers wait too. */
const heldAtMost = 2_000;

interface Held {
  readonly chunk: Chunk;
  readonly probed: readonly ProbedCell[];
  readonly proved: readonly ProvedCell[];
}

export interface HeldBackOptions {
  /** What calls with other arguments, and columns that were tried, come to. */
  readonly declared: Promise<ArgumentFaults>;
  readonly prove: (probed: readonly ProbedCell[], chunk: Chunk) => Promise<readonly ProvedCell[]>;
  readonly record: (one: ProvedCell, faults: ArgumentFaults) => Promise<void>;
}

/** Proves cells as they come, and records them in this order once it is known what was tried beside them. */
export class HeldBack {
  readonly #options: HeldBackOptions;
  readonly #held: Held[] = [];
  #cells = 0;
  #isKnown = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: HeldBackOptions) {
    this.#options = options;
    void this.#learn();
  }

  async #learn(): Promise<void> {
    this.#isKnown = await this.#options.declared.then(
      () => true,
      () => false,
    );
  }

  /** No proof rests on what a column that a write assigns was answered: the proof of such a cell alone waits for it. */
  async add(chunk: Chunk, probed: readonly ProbedCell[]): Promise<void> {
    const others = probed.filter(({ cell }) => !isAssignment(cell));
    this.#held.push({ chunk, probed, proved: await this.#options.prove(others, chunk) });
    this.#cells += probed.length;
    if (this.#isKnown || this.#cells > heldAtMost) await this.release();
  }

  /** One at a time: the cells of a relation are recorded in their order. */
  release(): Promise<void> {
    this.#turn = this.#releaseAfter(this.#turn);
    return this.#turn;
  }

  async #releaseAfter(before: Promise<void>): Promise<void> {
    await before;
    const faults = await this.#options.declared;
    this.#cells = 0;
    for (const one of this.#held.splice(0)) await this.#recordAll(one, faults);
  }

  async #recordAll({ chunk, probed, proved }: Held, faults: ArgumentFaults): Promise<void> {
    const { prove, record } = this.#options;
    const assigned = probed.filter(({ cell }) => isAssignment(cell));
    const answered = assigned.length === 0 ? [] : await prove(withAssigned(assigned, faults.assigned), chunk);
    const found = new Map([...proved, ...answered].map((one) => [one.cell, one]));
    for (const { cell } of probed) {
      const one = found.get(cell);
      if (one !== undefined) await record(one, faults);
    }
  }
}
