import { type Asking } from "./session.ts";
import { type ActingAs, isError } from "./step.ts";

/** Cases that go into one statement, and whether it was answered. */
interface Gathered<Case> {
  readonly cases: Map<string, Case>;
  readonly answered: Promise<void>;
}

/** Rows in one statement. */
export const rowsAtOnce = 5_000;

/**
 * What texts are of rows, for one persona. Rows that several callers ask about at the same time go into one statement, since the
 * functions of a policy are planned anew with each; and what a row was answered is known.
 */
export class Truths<Case> {
  readonly #session: Asking;
  readonly #as: ActingAs;
  readonly #width: number;
  readonly #sqlOf: (cases: readonly Case[]) => string;
  readonly #known = new Map<string, string>();
  readonly #askedIn = new Map<string, Gathered<Case>>();
  #next: Gathered<Case> | undefined;
  /** A row raised an error: each caller asks for itself, to find out which. */
  #raises = false;

  constructor(session: Asking, as: ActingAs, width: number, sqlOf: (cases: readonly Case[]) => string) {
    this.#session = session;
    this.#as = as;
    this.#width = width;
    this.#sqlOf = sqlOf;
  }

  /** `undefined`: it could not be asked, because of one of these rows or another. */
  async of(cases: readonly Case[]): Promise<readonly string[] | undefined> {
    if (this.#raises) return undefined;
    const keys = cases.map((one) => JSON.stringify(one));
    const gathered = new Set<Gathered<Case>>();
    for (const [index, key] of keys.entries()) {
      const one = cases[index];
      if (one !== undefined && !this.#known.has(key)) gathered.add(this.#gather(key, one));
    }
    await Promise.all([...gathered].map(({ answered }) => answered));
    const letters = keys.flatMap((key) => this.#known.get(key) ?? []);
    return letters.length === keys.length ? letters : undefined;
  }

  #gather(key: string, one: Case): Gathered<Case> {
    const asked = this.#askedIn.get(key);
    if (asked !== undefined) return asked;
    if (this.#next === undefined || this.#next.cases.size >= rowsAtOnce) this.#next = this.#open();
    this.#next.cases.set(key, one);
    this.#askedIn.set(key, this.#next);
    return this.#next;
  }

  #open(): Gathered<Case> {
    const cases = new Map<string, Case>();
    const answered = new Promise<void>((resolve, reject) => {
      this.#session.beforeSending(() => {
        if (this.#next?.cases === cases) this.#next = undefined;
        this.#ask(cases).then(resolve, reject);
      });
    });
    return { cases, answered };
  }

  async #ask(cases: ReadonlyMap<string, Case>): Promise<void> {
    const sql = this.#sqlOf([...cases.values()]);
    const [answer] = await this.#session.run([{ as: this.#as, sql, rows: true, stored: true }]);
    for (const key of cases.keys()) this.#askedIn.delete(key);
    if (answer === undefined || isError(answer) || !("value" in answer)) {
      this.#raises = true;
      return;
    }
    const letters = answer.value ?? "";
    for (const [index, key] of [...cases.keys()].entries())
      this.#known.set(key, letters.slice(index * this.#width, (index + 1) * this.#width));
  }
}
