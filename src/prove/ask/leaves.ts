import { isCode } from "../../model/answers.ts";
import { type Leaf, leavesOf, type Skeleton, type Truth, truthOf } from "../analyse/skeleton.ts";
import type { Asking } from "./session.ts";
import { type ActingAs, isError } from "./step.ts";
import { rowsAtOnce } from "./truths.ts";

type Row = Readonly<Record<string, string | null>>;

interface Case {
  readonly row: Row;
  readonly variables?: Readonly<Record<string, boolean | null>>;
}

/** A statement that says of each row what each of the texts is, in letters. */
type SqlOf = (texts: readonly string[], rows: readonly Row[]) => string;

/** Rows of a relation by what they hold in some columns: each combination of values has a number. */
class Combinations {
  readonly rows: Row[] = [];
  readonly #columns: readonly string[];
  readonly #numbers = new Map<string | null, number>();
  readonly #known = new WeakMap<Row, number>();

  constructor(columns: readonly string[]) {
    this.#columns = columns;
  }

  numberOf(row: Row): number {
    const known = this.#known.get(row);
    if (known !== undefined) return known;
    const values = this.#columns.map((name) => row[name] ?? null);
    const [only = null] = values;
    const key = values.length === 1 ? only : JSON.stringify(values);
    const number = this.#numbers.get(key) ?? this.#numbers.size;
    if (number === this.rows.length) {
      this.#numbers.set(key, number);
      this.rows.push(Object.fromEntries(this.#columns.map((name, index) => [name, values[index] ?? null])));
    }
    this.#known.set(row, number);
    return number;
  }
}

/** What all personas share that are asked about a relation. */
export class LeafRows {
  readonly #byColumns = new Map<string, Combinations>();
  /** A part took too long: every expression is asked as a whole again. */
  tookTooLong = false;
  /** Parts that raised for one of them: for the others their expressions are asked as a whole at once. */
  readonly raising: Set<string> = new Set();

  of(columns: readonly string[]): Combinations {
    const key = JSON.stringify(columns);
    const made = this.#byColumns.get(key) ?? new Combinations(columns);
    this.#byColumns.set(key, made);
    return made;
  }
}

/** What a leaf is of each combination: the answer, or what it waits for. */
interface Asked {
  readonly text: string;
  readonly rows: Combinations;
  readonly truths: (Truth | Statement | undefined)[];
  raises: boolean;
}

/** Leaves that read the same columns go into one statement. */
interface Statement {
  readonly leaves: Map<Asked, Set<number>>;
  readonly answered: Promise<void>;
}

/**
 * What parts of expressions are of rows, for one persona: each part once for all the expressions that it is a part of, and once for
 * all rows that hold the same where it looks. Postgres plans the functions that a statement calls anew, so parts cost more than rows.
 */
export class LeafTruths {
  readonly #session: Asking;
  readonly #as: ActingAs;
  readonly #sqlOf: SqlOf;
  readonly #rows: LeafRows;
  readonly #asked = new WeakMap<Leaf, Asked>();
  readonly #byText = new Map<string, Asked>();
  readonly #next = new Map<Combinations, Statement>();

  constructor(session: Asking, as: ActingAs, sqlOf: SqlOf, rows: LeafRows) {
    this.#session = session;
    this.#as = as;
    this.#sqlOf = sqlOf;
    this.#rows = rows;
  }

  /** Of each case the truths; `undefined`: a part cannot be asked by itself, or raises for a row, which the whole might not do. */
  async of(trees: readonly Skeleton[], cases: readonly Case[]): Promise<readonly string[] | undefined> {
    const leaves = new Map(trees.flatMap(leavesOf).map((leaf) => [leaf, this.#askedOf(leaf)]));
    const asked = new Set(leaves.values());
    if (this.#cannotAsk(asked)) return undefined;
    const statements = new Set<Statement>();
    for (const leaf of asked) {
      for (const { row } of cases) {
        const number = leaf.rows.numberOf(row);
        const known = leaf.truths[number] ?? this.#gather(leaf, number);
        if (typeof known !== "string") statements.add(known);
      }
    }
    await Promise.all([...statements].map(({ answered }) => answered));
    if (this.#cannotAsk(asked)) return undefined;
    return cases.map(({ row, variables }) => {
      const ofLeaf = (leaf: Leaf): Truth => {
        const { truths, rows } = leaves.get(leaf) ?? this.#askedOf(leaf);
        return truths[rows.numberOf(row)] as Truth;
      };
      const ofVariable = (name: string): Truth => letterOf(variables?.[name] ?? null);
      return trees.map((tree) => truthOf(tree, ofLeaf, ofVariable)).join("");
    });
  }

  #cannotAsk(leaves: Iterable<Asked>): boolean {
    const { tookTooLong, raising } = this.#rows;
    return tookTooLong || [...leaves].some(({ raises, text }) => raises || raising.has(text));
  }

  #askedOf(leaf: Leaf): Asked {
    let asked = this.#asked.get(leaf) ?? this.#byText.get(leaf.text);
    if (asked === undefined) {
      asked = { text: leaf.text, rows: this.#rows.of(leaf.columns), truths: [], raises: false };
      this.#byText.set(leaf.text, asked);
    }
    this.#asked.set(leaf, asked);
    return asked;
  }

  #gather(leaf: Asked, number: number): Statement {
    const statement = this.#next.get(leaf.rows) ?? this.#open(leaf.rows);
    const numbers = statement.leaves.get(leaf) ?? new Set();
    statement.leaves.set(leaf, numbers.add(number));
    leaf.truths[number] = statement;
    return statement;
  }

  #open(rows: Combinations): Statement {
    const leaves: Statement["leaves"] = new Map();
    const answered = new Promise<void>((resolve, reject) => {
      this.#session.beforeSending(() => {
        this.#next.delete(rows);
        this.#askAll(rows, leaves).then(resolve, reject);
      });
    });
    const statement = { leaves, answered };
    this.#next.set(rows, statement);
    return statement;
  }

  async #askAll(rows: Combinations, leaves: Statement["leaves"]): Promise<void> {
    const numbers = new Set([...leaves.values()].flatMap((one) => [...one]));
    const isAnswered = await this.#ask(rows, [...leaves.keys()], [...numbers]);
    if (isAnswered) return;
    // Which of them raises; each of the rows that it was asked about.
    const alone = leaves.size === 1 ? [] : [...leaves];
    const answered = await Promise.all(alone.map(([leaf, own]) => this.#ask(rows, [leaf], [...own])));
    for (const [index, leaf] of [...leaves.keys()].entries()) {
      leaf.raises ||= answered[index] !== true;
      if (leaf.raises) this.#rows.raising.add(leaf.text);
    }
  }

  async #ask(rows: Combinations, leaves: readonly Asked[], numbers: readonly number[]): Promise<boolean> {
    const parts: (readonly number[])[] = [];
    for (let from = 0; from < numbers.length; from += rowsAtOnce)
      parts.push(numbers.slice(from, from + rowsAtOnce));
    // An operand of AND must be boolean, as it was where it stood.
    const texts = leaves.map(({ text }) => `(${text}) and true`);
    const answers = await Promise.all(
      parts.map(async (part) => {
        if (this.#rows.tookTooLong) return undefined;
        const sql = this.#sqlOf(
          texts,
          part.map((number) => rows.rows[number] ?? {}),
        );
        const step = { as: this.#as, sql, rows: true, stored: true };
        const [answer] = await this.#session.runAside([step]);
        if (isError(answer) && isCode(answer.code, "cancelled")) this.#rows.tookTooLong = true;
        return answer !== undefined && "value" in answer ? (answer.value ?? undefined) : undefined;
      }),
    );
    if (answers.includes(undefined)) return false;
    for (const [index, part] of parts.entries())
      for (const [place, number] of part.entries())
        for (const [which, { truths }] of leaves.entries())
          truths[number] = answers[index]?.charAt(place * leaves.length + which) as Truth;
    return true;
  }
}

const letterOf = (value: boolean | null): Truth => (value === null ? "N" : value ? "T" : "F");
