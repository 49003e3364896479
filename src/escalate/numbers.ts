/** Numbers from 1, one for each of what is the same. */
export class Numbers<T> {
  readonly all: T[] = [];
  readonly #known = new Map<string, number>();
  readonly #keyOf: (one: T) => string;

  constructor(keyOf: (one: T) => string) {
    this.#keyOf = keyOf;
  }

  of(one: T): number {
    const key = this.#keyOf(one);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.all.push(one);
    this.#known.set(key, this.all.length);
    return this.all.length;
  }
}
