import { type Client, DatabaseError } from "pg";
import { readSql } from "../lib/sql-file.ts";
import { dollarQuoted } from "../lib/sql-text.ts";
import { isCode } from "../model/answers.ts";

/** The type of the input that sql/escalate_batch.sql gets once. Numbers count from 1. */
export interface Fixed {
  readonly settings: readonly string[];
  readonly personas: readonly {
    readonly role: string;
    readonly login: string | null;
    readonly values: readonly string[];
  }[];
  readonly home: string;
  readonly preRequest: string | null;
  readonly statements: readonly {
    readonly sql: string;
    readonly kind: "read" | "undone" | "call" | "write";
    readonly failing: string | null;
  }[];
  readonly keySets: readonly string[];
  readonly measures: readonly {
    readonly persona: number;
    readonly statement: number;
    readonly keys: number;
    readonly later: number;
    readonly after: number;
    /** 0: what it answers is not remembered. */
    readonly profile: number;
  }[];
  /** Profile × relation: the digest, among those of the relation, on which the measurement depends. */
  readonly profiles: readonly (readonly number[])[];
  readonly lists: readonly (readonly number[])[];
  readonly own: readonly (readonly number[])[];
  readonly others: readonly (readonly number[])[];
  /** Of others whose own row is changed: what they may write is measured, too. */
  readonly changedOthers: readonly (readonly number[])[];
  readonly relations: readonly {
    readonly oid: string;
    readonly changed: string | null;
    readonly gone: string | null;
    readonly keys: number;
    readonly digests: string | null;
    readonly digestCount: number;
  }[];
  readonly hook: {
    readonly sql: string;
    readonly setting: number;
    readonly relations: readonly number[];
  } | null;
  /** What the codes of constraints begin with. */
  readonly constraintClass: string;
}

export interface SentStep {
  readonly id: number;
  readonly persona: number;
  readonly statements: readonly string[];
  readonly target?: number | undefined;
  readonly also?: readonly number[] | undefined;
  readonly measure?: readonly number[] | undefined;
  readonly privileged?: boolean | undefined;
  /** Who sends each statement, where it is not always `persona`: one invites, the other accepts. */
  readonly personas?: readonly number[] | undefined;
  /** The row is of another user, by its key: a membership, an account. */
  readonly changes?: boolean | undefined;
  /** Who sees what was written to the target: the persona itself (a measurement), and others (a list). */
  readonly view?: number | undefined;
  readonly views?: number | undefined;
  /** Others are asked although the persona sees all that it wrote. */
  readonly exposes?: boolean | undefined;
  /** It may change more than tables: a session's settings. */
  readonly settings?: boolean | undefined;
}

/** The batch's own code for a step that could not be asked. */
export const notAsked = "RGESC";

type Numbered<T> = readonly (readonly [number, T])[];

export interface StepAnswer {
  readonly id: number;
  /** Absent: it went through. `notAsked`: it, or what it opens, could not be asked. */
  readonly code?: string;
  readonly message?: string;
  readonly touched: number;
  readonly written: readonly number[];
  readonly changed: Numbered<readonly string[]>;
  readonly gone: Numbered<readonly string[]>;
  readonly gained: Numbered<readonly string[]>;
  readonly failed: Numbered<string>;
  readonly audience: Numbered<readonly string[]>;
  /** The next token has other claims, and with them it was measured. */
  readonly hooked?: boolean;
}

interface BatchAnswer {
  readonly steps: readonly StepAnswer[];
  readonly nothing: readonly string[];
}

/** Sends batches of steps; each is a transaction that is undone. */
export class Engine {
  readonly #client: Client;
  readonly #chunkMs: number;
  #fixed: Fixed | undefined;
  /** Measurements that showed nothing, each in a state of the tables that it reads: hashes. */
  #nothing: string[] = [];
  roundTrips = 0;

  constructor(client: Client, chunkMs: number) {
    this.#client = client;
    this.#chunkMs = chunkMs;
  }

  /** What measurements ask changes with it, so those that are prepared are forgotten. */
  async begin(fixed: Fixed): Promise<void> {
    this.#fixed = fixed;
    this.#nothing = [];
    await this.#client.query(
      `deallocate all; select set_config('rowgate.escalation', ${dollarQuoted(JSON.stringify(fixed))}, false)`,
    );
    this.roundTrips += 1;
  }

  /** As many of the steps as fit in a chunk's time, from the first on. */
  async send(steps: readonly SentStep[], path: string): Promise<readonly StepAnswer[]> {
    if (this.#fixed === undefined) throw new Error("nothing was begun");
    const asked = JSON.stringify({
      milliseconds: this.#chunkMs,
      nothing: `{${this.#nothing.join(",")}}`,
      steps,
    });
    this.roundTrips += 1;
    try {
      const results = (await this.#client.query(
        `begin isolation level repeatable read; set local plan_cache_mode = force_generic_plan; set local search_path = ${path}; ` +
          `select set_config('rowgate.steps', ${dollarQuoted(asked)}, true);\n${readSql("escalate_batch.sql")};\n` +
          "select current_setting('rowgate.answers') as answers; rollback",
      )) as unknown as readonly { rows: { answers: string }[] }[];
      const found = JSON.parse(results.at(-2)?.rows[0]?.answers ?? "") as BatchAnswer;
      this.#nothing.push(...found.nothing);
      return found.steps;
    } catch (error) {
      await this.#client.query("rollback").catch(() => undefined);
      // Too many at once for the time that a statement may take, or one that takes longer alone.
      const slow = error instanceof DatabaseError && isCode(error.code, "cancelled");
      if (!slow) throw error;
      return steps.length > 1 ? this.send(steps.slice(0, Math.ceil(steps.length / 2)), path) : [];
    }
  }
}
