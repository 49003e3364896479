import type { AnswerView, PageData, VerdictView } from "../data.ts";

export interface Filters {
  /** Names; empty: all. A verdict may also be `failing`, `waived` or `changed`. */
  readonly persona: string;
  readonly relation: string;
  readonly verdict: string;
  readonly evidence: string;
  readonly find: string;
}

interface Found {
  readonly filters: Filters;
  readonly cells: readonly number[];
  /** By cell: 1 when it is among them. */
  readonly mask: Uint8Array;
}

export const noFilters: Filters = { persona: "", relation: "", verdict: "", evidence: "", find: "" };

/** Answers questions about a run's cells by their places. */
export class Model {
  readonly data: PageData;
  readonly size: number;
  readonly passed: number;
  readonly channelsAsked: number;
  readonly #rank: Uint8Array;
  readonly #order: Uint32Array;
  #last: Found | undefined;
  #ids: readonly string[] | undefined;
  readonly #evidence: Int8Array;
  #places: Map<string, number> | undefined;

  constructor(data: PageData) {
    this.data = data;
    this.size = data.cells.verdict.length;
    this.passed = data.verdicts.findIndex(({ name }) => name === "pass");
    this.channelsAsked = data.cells.answers.filter((column) => column.some((answer) => answer !== -1)).length;
    this.#evidence = Int8Array.from({ length: this.size }, (_, cell) => {
      if (data.cells.verdict[cell] !== this.passed) return -1;
      return Math.max(...data.channels.map((_channel, place) => this.answer(cell, place)?.evidence ?? -1));
    });
    this.#rank = Uint8Array.from({ length: this.size }, (_, cell) => this.#rankOf(cell));
    // Failures first, in the order in which a person should look; within it as the matrix has them.
    this.#order = Uint32Array.from({ length: this.size }, (_, cell) => cell).toSorted(
      (a, b) => (this.#rank[a] ?? 0) - (this.#rank[b] ?? 0) || a - b,
    );
  }

  #rankOf(cell: number): number {
    const verdict = this.data.cells.verdict[cell] ?? 0;
    const { failureOrder } = this.data;
    if (!this.verdict(cell).failing) return failureOrder.length + 1 + (verdict === this.passed ? 1 : 0);
    return this.isWaived(cell) ? failureOrder.length : failureOrder.indexOf(verdict);
  }

  text(place: number | undefined): string {
    return this.data.texts[place ?? 0] ?? "";
  }

  verdict(cell: number): VerdictView {
    return this.verdictAt(this.data.cells.verdict[cell] ?? 0);
  }

  verdictAt(place: number): VerdictView {
    const found = this.data.verdicts[place];
    if (found === undefined) throw new Error(`no verdict ${place}`);
    return found;
  }

  isWaived(cell: number): boolean {
    return ((this.data.cells.flags[cell] ?? 0) & 2) !== 0;
  }

  isImplied(cell: number): boolean {
    return ((this.data.cells.flags[cell] ?? 0) & 1) !== 0;
  }

  /** It fails the run. */
  isFailing(cell: number): boolean {
    return this.verdict(cell).failing && !this.isWaived(cell);
  }

  persona(cell: number): string {
    return this.data.personas[this.data.cells.persona[cell] ?? -1]?.name ?? "";
  }

  relation(cell: number): string {
    return this.data.relations[this.data.cells.relation[cell] ?? -1]?.name ?? "";
  }

  /** `select`, `execute own_org`, `select · email` */
  operation(cell: number): string {
    const { operation, call, column } = this.data.cells;
    const of = this.data.operations[operation[cell] ?? -1] ?? "";
    const behind = [call[cell], column[cell]].map((place) => this.text(place));
    return `${of}${behind[0] === "" ? "" : ` ${behind[0]}`}${behind[1] === "" ? "" : ` · ${behind[1]}`}`;
  }

  answer(cell: number, channel: number): AnswerView | undefined {
    return this.data.answers[this.data.cells.answers[channel]?.[cell] ?? -1];
  }

  before(cell: number, channel: number): AnswerView | undefined {
    return this.data.answers[this.data.against?.answers[channel]?.[cell] ?? -1];
  }

  /** What a pass rests on: the weaker of its channels; -1: it did not pass. */
  evidence(cell: number): number {
    return this.#evidence[cell] ?? -1;
  }

  /** Its verdict, or what a channel brought back, is not what the other run had. */
  hasChanged(cell: number): boolean {
    return (this.data.against?.kind[cell] ?? -1) !== -1;
  }

  id(cell: number): string {
    const known = this.data.ids[cell];
    if (known !== undefined) return known;
    const { operation, call, column } = this.data.cells;
    const name = this.data.operationNames[operation[cell] ?? -1] ?? "";
    const [inner, behind] = [this.text(call[cell]), this.text(column[cell])];
    const what = `${name}${inner === "" ? "" : `(${inner})`}${behind === "" ? "" : `/${behind}`}`;
    return `${this.persona(cell)}/${this.relation(cell)}/${what}`;
  }

  cellOf(id: string): number | undefined {
    this.#places ??= new Map(Array.from({ length: this.size }, (_, cell) => [this.id(cell), cell]));
    return this.#places.get(id);
  }

  /** The cells that a filter leaves, failures first. */
  matching(filters: Filters): readonly number[] {
    return this.#found(filters).cells;
  }

  /** Whether a cell is among them. */
  tester(filters: Filters): (cell: number) => boolean {
    const { mask } = this.#found(filters);
    return (cell) => mask[cell] === 1;
  }

  /** Every part of the page asks for the same filters: they are looked for once. */
  #found(filters: Filters): Found {
    if (this.#last?.filters === filters) return this.#last;
    const test = this.#test(filters);
    const mask = new Uint8Array(this.size);
    const cells: number[] = [];
    for (const cell of this.#order) {
      if (!test(cell)) continue;
      cells.push(cell);
      mask[cell] = 1;
    }
    this.#last = { filters, cells, mask };
    return this.#last;
  }

  #test(filters: Filters): (cell: number) => boolean {
    const { cells } = this.data;
    const tests: ((cell: number) => boolean)[] = [];
    for (const [key, named] of [
      ["persona", this.data.personas],
      ["relation", this.data.relations],
    ] as const) {
      if (filters[key] === "") continue;
      const wanted = named.findIndex(({ name }) => name === filters[key]);
      tests.push((cell) => cells[key][cell] === wanted);
    }
    if (filters.verdict !== "") tests.push(this.#verdictTest(filters.verdict));
    if (filters.evidence !== "") {
      const wanted = this.data.evidences.findIndex(({ name }) => name === filters.evidence);
      tests.push((cell) => wanted !== -1 && this.evidence(cell) === wanted);
    }
    if (filters.find !== "") {
      const wanted = filters.find.toLowerCase();
      const ids = (this.#ids ??= Array.from({ length: this.size }, (_, cell) => this.id(cell).toLowerCase()));
      tests.push((cell) => ids[cell]?.includes(wanted) === true);
    }
    const [only = () => true] = tests;
    return tests.length < 2 ? only : (cell) => tests.every((test) => test(cell));
  }

  #verdictTest(name: string): (cell: number) => boolean {
    if (name === "failing") return (cell) => this.isFailing(cell);
    if (name === "waived") return (cell) => this.isWaived(cell);
    if (name === "changed") return (cell) => this.hasChanged(cell);
    const wanted = this.data.verdicts.findIndex((verdict) => verdict.name === name);
    return (cell) => this.data.cells.verdict[cell] === wanted;
  }
}
