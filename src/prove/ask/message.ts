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
  readonly #made = new Map<string, Promise<unknown>>();

  constructor(actors: Actors) {
    this.#actors = actors;
  }

  once<T>(
    as: readonly ActingAs[],
    what: string,
    make: () => Promise<T>,
    keeps: (made: T) => boolean = () => true,
  ): Promise<T> {
    const key = `${as.map((one) => this.#actors.numberOf(one)).join()}\n${what}`;
    const known = this.#made.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const made = make().then((one) => {
      if (!keeps(one)) this.#made.delete(key);
      return one;
    });
    this.#made.set(key, made);
    return made;
  }
}

/** What `prove_batch.sql` is asked: each actor once. */
export function messageOf(requests: readonly (readonly Step[])[], known: Actors): string {
  const places = new Map<number, number>();
  const actors: ActingAs[] = [];
  const placeOf = (as: ActingAs): number => {
    const number = known.numberOf(as);
    const place = places.get(number) ?? actors.length;
    if (place === actors.length) actors.push({ role: as.role, settings: as.settings });
    places.set(number, place);
    return place;
  };
  const numbered = requests.map((steps) =>
    steps.map(({ as, sql, rows, goOn = false, stored = false }) => ({
      actor: placeOf(as),
      sql,
      rows,
      goOn,
      stored,
    })),
  );
  return JSON.stringify({ actors, requests: numbered });
}
