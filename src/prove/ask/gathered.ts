import type { Patience, Step, StepAnswer } from "./step.ts";

interface Question {
  readonly step: Step;
  /** Only where another of them, by its key, was answered so. */
  readonly when: { readonly of: string; readonly truths: string } | undefined;
}

interface Caller {
  readonly keys: readonly string[];
  readonly resolve: (answers: readonly StepAnswer[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Questions of several callers about what the same first steps have put in place. */
export class Gathered {
  readonly patience: Patience;
  readonly #first: readonly Step[];
  readonly #keyOf: (step: Step) => string;
  /** Each once, by what it asks as whom. */
  readonly #questions = new Map<string, Question>();
  readonly #callers: Caller[] = [];

  constructor(first: readonly Step[], keyOf: (step: Step) => string, patience: Patience) {
    this.#first = first;
    this.#keyOf = keyOf;
    this.patience = patience;
  }

  /** @param planned a plan of the questions says the same each time */
  add(questions: readonly Step[], planned: boolean): Promise<readonly StepAnswer[]> {
    const keys = questions.map(this.#keyOf);
    for (const [index, { onlyIf, ...one }] of questions.entries()) {
      const key = keys[index] ?? "";
      const of = onlyIf && keys[onlyIf.place - this.#first.length];
      const when = onlyIf && of !== undefined ? { of, truths: onlyIf.truths } : undefined;
      const asked = this.#questions.get(key);
      if (asked !== undefined && asked.when === undefined && when === undefined) continue;
      // What another caller asks in other cases is asked in each.
      const isAlike = asked === undefined || JSON.stringify(asked.when) === JSON.stringify(when);
      this.#questions.set(key, { step: { ...one, goOn: true, planned }, when: isAlike ? when : undefined });
    }
    return new Promise((resolve, reject) => {
      this.#callers.push({ keys, resolve, reject });
    });
  }

  get steps(): readonly Step[] {
    const places = new Map(
      [...this.#questions.keys()].map((key, index) => [key, this.#first.length + index]),
    );
    const questions = Array.from(this.#questions.values(), ({ step, when }): Step => {
      const place = when && places.get(when.of);
      return when === undefined || place === undefined
        ? step
        : { ...step, onlyIf: { place, truths: when.truths } };
    });
    return [...this.#first, ...questions];
  }

  /** To each caller the answers of the first steps, and those that it asked for. */
  resolve(answers: readonly StepAnswer[]): void {
    const length = this.#first.length;
    const answerOf = new Map([...this.#questions.keys()].map((key, index) => [key, answers[length + index]]));
    for (const { keys, resolve } of this.#callers)
      resolve([...answers.slice(0, length), ...keys.flatMap((key) => answerOf.get(key) ?? [])]);
  }

  reject(error: unknown): void {
    for (const one of this.#callers) one.reject(error);
  }
}
