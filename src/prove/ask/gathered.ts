import type { ActingAs, Patience, Step, StepAnswer } from "./step.ts";

interface Question {
  readonly step: Step;
  /** Only where another of them, by its place, was answered so. */
  readonly when: { readonly of: number; readonly truths: string } | undefined;
}

interface Caller {
  readonly places: readonly number[];
  readonly resolve: (answers: readonly StepAnswer[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Questions of several callers about what the same first steps have put in place. */
export class Gathered {
  readonly patience: Patience;
  readonly #first: readonly Step[];
  readonly #numberOf: (as: ActingAs) => number;
  /** Each once. */
  readonly #questions: Question[] = [];
  /** Where it stands among them, by who is asked and its text: that is long. */
  readonly #places = new Map<number, Map<string, number>>();
  readonly #callers: Caller[] = [];

  constructor(first: readonly Step[], numberOf: (as: ActingAs) => number, patience: Patience) {
    this.#first = first;
    this.#numberOf = numberOf;
    this.patience = patience;
  }

  /** @param planned a plan of the questions says the same each time */
  add(questions: readonly Step[], planned: boolean): Promise<readonly StepAnswer[]> {
    const places: number[] = [];
    for (const { onlyIf, ...one } of questions) {
      const of = onlyIf && places[onlyIf.place - this.#first.length];
      const when = onlyIf && of !== undefined ? { of, truths: onlyIf.truths } : undefined;
      const place = this.#placeOf(one);
      places.push(place);
      const asked = this.#questions[place];
      if (asked !== undefined && asked.when === undefined && when === undefined) continue;
      // What another caller asks in other cases is asked in each.
      const isAlike =
        asked === undefined || (asked.when?.of === when?.of && asked.when?.truths === when?.truths);
      this.#questions[place] = { step: { ...one, goOn: true, planned }, when: isAlike ? when : undefined };
    }
    return new Promise((resolve, reject) => {
      this.#callers.push({ places, resolve, reject });
    });
  }

  #placeOf({ as, sql }: Step): number {
    const actor = this.#numberOf(as);
    const own = this.#places.get(actor) ?? new Map<string, number>();
    this.#places.set(actor, own);
    const place = own.get(sql) ?? this.#questions.length;
    own.set(sql, place);
    return place;
  }

  get steps(): readonly Step[] {
    const questions = this.#questions.map(
      ({ step, when }): Step =>
        when === undefined
          ? step
          : { ...step, onlyIf: { place: this.#first.length + when.of, truths: when.truths } },
    );
    return [...this.#first, ...questions];
  }

  /** To each caller the answers of the first steps, and those that it asked for. */
  resolve(answers: readonly StepAnswer[]): void {
    const length = this.#first.length;
    for (const { places, resolve } of this.#callers)
      resolve([...answers.slice(0, length), ...places.flatMap((place) => answers[length + place] ?? [])]);
  }

  reject(error: unknown): void {
    for (const one of this.#callers) one.reject(error);
  }
}
