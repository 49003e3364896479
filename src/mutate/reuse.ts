import type { Fingerprint } from "../model/fingerprint.ts";
import { createHash } from "node:crypto";
import type { ClientBase } from "pg";
import { readSql } from "../lib/sql-file.ts";
import { formatFunction, formatQualified } from "../lib/sql-text.ts";
import type { MutantResult } from "../model/mutation.ts";
import type { Work } from "../plan/plan.ts";
import { type Coverage, type Covered, coveredReaders } from "./cells.ts";
import type { Mutant } from "./mutant.ts";

/*
 * A result holds as long as nothing that it rests on has changed: the change's own SQL; the cells that passed and may notice it, with
 * what the matrix says of them; and definition, policies, grants and rows of each relation and function that these cells may reach.
 */

/** Results of earlier runs, by the digest of what each rests on. */
export interface Reuse {
  readonly known: ReadonlyMap<string, MutantResult>;
  readonly keep: (results: ReadonlyMap<string, MutantResult>) => Promise<void>;
  /** Of rowgate: another one may judge otherwise. */
  readonly version: string;
}

export async function readMarks(client: ClientBase): Promise<readonly Fingerprint[]> {
  return (await client.query<Fingerprint>(readSql("watch_fingerprint.sql"))).rows;
}

export class Digests {
  readonly #coverage: Coverage;
  readonly #version: string;
  readonly #marks: ReadonlyMap<string, Fingerprint>;
  readonly #byOid: ReadonlyMap<string, string>;
  readonly #head: string;
  readonly #works = new Map<Covered, string>();

  constructor(coverage: Coverage, marks: readonly Fingerprint[], version: string) {
    this.#coverage = coverage;
    this.#version = version;
    this.#marks = new Map(marks.map((one) => [one.relation, one]));
    this.#byOid = new Map(marks.map(({ oid, relation }) => [oid, relation]));
    const { relations: _relations, functions: _functions, sha256: _sha256, ...head } = coverage.plan.matrix;
    this.#head = textOf(head);
  }

  of(mutant: Mutant): string {
    const { covered } = this.#coverage;
    const asked = covered.filter(({ work }) => oidOf(work) === mutant.after.oid);
    const works = [...asked, ...coveredReaders(mutant, this.#coverage)];
    const reached = this.#reachedFrom([mutant.after.oid, ...works.map(({ work }) => oidOf(work))]);
    const all = mutant.everywhere === true || reached.some((one) => this.#marks.get(one)?.opaque !== false);
    const marks = (all ? [...this.#marks.keys()] : ["", ...reached]).toSorted();
    const { operator, ddl, from, to, relation, unprintable } = mutant;
    return digestOf([
      this.#version,
      [operator, ddl, from, to, relation, unprintable],
      this.#head,
      works.map((one) => this.#ofWork(one)),
      marks.map((one) => [one, this.#marks.get(one)?.mark]),
    ]);
  }

  #ofWork(one: Covered): string {
    let known = this.#works.get(one);
    if (known === undefined) {
      const { spec } = one.work;
      const name = "routine" in one.work ? formatFunction(one.work.spec) : formatQualified(spec);
      known = digestOf([name, textOf(spec), [...one.passed.keys(), ...one.columns.keys()]]);
      this.#works.set(one, known);
    }
    return known;
  }

  /** Through policies, views, keys, partitions, triggers and functions. */
  #reachedFrom(oids: readonly string[]): readonly string[] {
    const found = new Set<string>();
    const open = oids.map((oid) => this.#byOid.get(oid) ?? oid);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (found.has(next)) continue;
      found.add(next);
      const { needs = [], parents = [] } = this.#marks.get(next) ?? {};
      open.push(...needs, ...parents);
    }
    return [...found];
  }
}

function oidOf(work: Work): string {
  return "routine" in work ? work.routine.oid : work.relation.info.oid;
}

/** Without positions: a line that moved is no change. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (key, item: unknown) => (key === "at" ? undefined : item));
}

function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}
