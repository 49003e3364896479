/** Equal values share a number, from 1. */
export class Numbering<T> {
  readonly all: T[] = [];
  readonly #numbers = new Map<T, number>();

  of(value: T): number {
    let number = this.#numbers.get(value);
    if (number === undefined) {
      number = this.all.push(value);
      this.#numbers.set(value, number);
    }
    return number;
  }
}
