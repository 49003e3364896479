import { once } from "../../lib/once.ts";
import { fillSql } from "../../lib/sql-file.ts";
import { dollarQuoted } from "../../lib/sql-text.ts";
import { codeOf } from "../../model/answers.ts";
import type { ActingAs, Step } from "./step.ts";

/** Actors by number: what they are is long, and part of the key of each question. */
export class Actors {
  readonly #numbers = new WeakMap<ActingAs, number>();
  readonly #known = new Map<string, number>();

  numberOf(as: ActingAs): number {
    let number = this.#numbers.get(as);
    if (number === undefined) {
      const actor = JSON.stringify([as.role, as.settings]);
      number = this.#known.get(actor) ?? this.#known.size;
      this.#known.set(actor, number);
      this.#numbers.set(as, number);
    }
    return number;
  }
}

/** What is worked out of answers: once for who is asked, and what it is about. */
export class Known {
  readonly #actors: Actors;
  /** By who is asked, and then by what it is about: that is long. */
  readonly #made = new Map<string, Map<string, Promise<unknown>>>();

  constructor(actors: Actors) {
    this.#actors = actors;
  }

  once<T>(
    as: readonly ActingAs[],
    what: string,
    make: () => Promise<T>,
    keeps: (made: T) => boolean = () => true,
  ): Promise<T> {
    const actors = as.map((one) => this.#actors.numberOf(one)).join();
    const ofActors = this.#made.get(actors) ?? new Map<string, Promise<unknown>>();
    this.#made.set(actors, ofActors);
    const known = ofActors.get(what) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const made = make().then((one) => {
      if (!keeps(one)) ofActors.delete(what);
      return one;
    });
    ofActors.set(what, made);
    return made;
  }
}

const batchSql = once(() =>
  fillSql("prove_batch.sql", {
    become: fillSql("parts/prove_become.sql", {}),
    execute: fillSql("parts/prove_execute.sql", {}),
    failures: fillSql("parts/prove_failures.sql", {}),
    failed: fillSql("parts/prove_failed.sql", {}),
  }),
);

/** Statements of which the last but one tells what the requests were answered, and the last undoes all of it. */
export function batchOf(requests: readonly (readonly Step[])[], known: Actors): string {
  return [
    `select set_config('rowgate.asked', ${dollarQuoted(messageOf(requests, known))}, true)`,
    batchSql(),
    "select current_setting('rowgate.answered') as answered",
    "rollback to savepoint rowgate_proof",
  ].join(";\n");
}

/** What `prove_batch.sql` is asked: each actor and each text once. */
function messageOf(requests: readonly (readonly Step[])[], known: Actors): string {
  const acting: ActingAs[] = [];
  const actors = new Numbered<number>();
  const texts = new Numbered<string>();
  const plans = new Repeated();
  const firsts = new Repeated();
  const numbered = requests.map((steps) =>
    steps.map((step, index) => {
      const { as, sql, rows, goOn = false, stored = false, onlyIf, planned = false } = step;
      const actor = actors.of(known.numberOf(as));
      if (actor === acting.length) acting.push({ role: as.role, settings: as.settings });
      const text = texts.of(sql);
      const what = `${actor} ${text}`;
      return {
        actor,
        sql: text,
        rows,
        goOn,
        stored,
        plan: planned ? plans.add(what) : undefined,
        first: index === 0 && !rows && !goOn ? firsts.add(what) : undefined,
        of: onlyIf && onlyIf.place + 1,
        is: onlyIf?.truths,
      };
    }),
  );
  for (const step of numbered.flat()) {
    step.plan = plans.ifRepeated(step.plan);
    step.first = firsts.ifRepeated(step.first);
  }
  return JSON.stringify({
    actors: acting,
    texts: texts.all,
    constraint: codeOf("constraint"),
    requests: numbered,
  });
}

/** Each thing once, by the number of its place. */
class Numbered<T> {
  readonly #places = new Map<T, number>();

  of(one: T): number {
    const place = this.#places.get(one) ?? this.#places.size;
    this.#places.set(one, place);
    return place;
  }

  get all(): readonly T[] {
    return [...this.#places.keys()];
  }
}

class Repeated {
  readonly #numbers = new Numbered<string>();
  readonly #counts: number[] = [];

  add(what: string): number {
    const number = this.#numbers.of(what);
    this.#counts[number] = (this.#counts[number] ?? 0) + 1;
    return number;
  }

  /** `undefined`: it was added once. */
  ifRepeated(number: number | undefined): number | undefined {
    return number !== undefined && (this.#counts[number] ?? 0) > 1 ? number : undefined;
  }
}
