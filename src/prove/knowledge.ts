import type { Node } from "libpg-query";
import { readCritical } from "./analyse/critical.ts";
import type { Critical } from "./analyse/recorder.ts";
import {
  type Command,
  type Condition,
  conditionOf,
  joinedConditions,
  policyCondition,
  type Side,
} from "./analyse/policy.ts";
import { type OfRow, ofRow } from "./analyse/own-row.ts";
import { BoundValues } from "./analyse/question.ts";
import { type Reach, Reaches } from "./analyse/reach.ts";
import type { Reading } from "./analyse/inline.ts";
import { relax } from "./analyse/relax.ts";
import { type LeftBehind, leftBehind } from "./left-behind.ts";
import type { Relaxed } from "./analyse/truth.ts";
import type { ProofRelation, Schema } from "./analyse/schema.ts";
import { type Skeleton, skeletonOf } from "./analyse/skeleton.ts";

/** What analysis finds of a database's policies: worked out once, and true for every persona. */
export class Knowledge implements Reading {
  readonly schema: Schema;
  readonly exposes: readonly string[];
  readonly reaches: Reaches;
  readonly bounds: BoundValues = new BoundValues();
  readonly #conditions = new Map<string, Condition | undefined>();
  readonly #same = new Map<string, Condition>();
  readonly #critical = new WeakMap<Node, Critical>();
  readonly #relaxed = new WeakMap<Node, Relaxed>();
  readonly #ofRow = {
    policy: new WeakMap<Node, OfRow>(),
    declared: new WeakMap<Node, OfRow>(),
    new: new WeakMap<Node, OfRow>(),
  };
  readonly #skeletons = new WeakMap<ProofRelation, Map<string, Skeleton | undefined>>();
  readonly #reach = new WeakMap<Node, Reach>();
  #keepsPlans: boolean | undefined;
  readonly #left = new Map<ProofRelation, LeftBehind>();
  readonly #checks = new Map<ProofRelation, readonly Critical[]>();

  /** @param exposes schemas that a request may ask for */
  constructor(schema: Schema, exposes: readonly string[] = []) {
    this.schema = schema;
    this.exposes = exposes;
    this.reaches = new Reaches(schema);
  }

  /**
   * What the policies let a role do; a statement that reads columns meets the SELECT policies as well.
   * `undefined`: no policy that permits applies.
   */
  condition(
    relation: ProofRelation,
    inherits: readonly string[],
    command: Command,
    side: Side,
    reading: boolean,
  ): Condition | undefined {
    const key = JSON.stringify([relation.schema, relation.name, inherits, command, side, reading]);
    if (!this.#conditions.has(key)) {
      const own = policyCondition(relation, inherits, command, side, this.schema);
      const isSeen = !reading || command === "select";
      const seen = isSeen ? own : this.condition(relation, inherits, "select", "old", true);
      const met = own === undefined || seen === undefined ? undefined : [own, seen];
      const whole = met === undefined || isSeen ? met?.[0] : joinedConditions("and", met);
      this.#conditions.set(key, whole && this.#sameOf(relation, whole));
    }
    return this.#conditions.get(key);
  }

  /** Roles and commands with the same policies have one tree: what is found of it is known for all of them. */
  #sameOf(relation: ProofRelation, condition: Condition): Condition {
    const { text, alias, tree } = condition;
    const key = JSON.stringify([relation.schema, relation.name, text, alias, tree !== undefined]);
    const same = this.#same.get(key) ?? condition;
    this.#same.set(key, same);
    return same;
  }

  declared(relation: ProofRelation, predicate: string): Condition {
    const key = JSON.stringify([relation.schema, relation.name, predicate]);
    let made = this.#conditions.get(key);
    if (made === undefined) {
      made = conditionOf(predicate, relation, this.schema);
      this.#conditions.set(key, made);
    }
    return made;
  }

  critical(tree: Node, relation: ProofRelation): Critical {
    return memo(this.#critical, tree, () => readCritical(tree, relation, this));
  }

  relaxed(tree: Node): Relaxed {
    return memo(this.#relaxed, tree, () => relax(tree, this));
  }

  reach(tree: Node): Reach {
    return memo(this.#reach, tree, () => this.reaches.of(tree));
  }

  /** Does it read the relation whose row it is about, by whatever name? */
  readsItself(tree: Node, relation: ProofRelation): boolean {
    const { relations } = this.reach(tree);
    return this.schema.kin(relation).some(({ schema, name }) => relations.has(`${schema}.${name}`));
  }

  /** The same tree for the same condition, so that what is found of it is known for each persona. */
  ofRow(tree: Node, relation: ProofRelation, of: "policy" | "declared" | "new"): OfRow {
    const how = { row: of === "new" ? "new" : "there", sees: of === "declared" } as const;
    return memo(this.#ofRow[of], tree, () => ofRow(tree, relation, this, how));
  }

  /** A plan holds what functions say that are called immutable: of those that read more than their arguments it would hold too much. */
  get keepsPlans(): boolean {
    this.#keepsPlans ??= ![...this.schema.functions].some((one) => {
      const { relations, volatile, readsTime } = this.reaches.ofFunction(one);
      const isOpaque = !/^(?:sql|plpgsql|c|internal)$/.test(one.language);
      return one.volatility === "immutable" && (isOpaque || readsTime || relations.size + volatile.size > 0);
    });
    return this.#keepsPlans;
  }

  /** Of what parts an expression over a relation's row is made. */
  skeleton(text: string, alias: string, relation: ProofRelation): Skeleton | undefined {
    const known = this.#skeletons.get(relation) ?? new Map<string, Skeleton | undefined>();
    this.#skeletons.set(relation, known);
    const key = `${alias}\n${text}`;
    if (!known.has(key)) known.set(key, skeletonOf(text, alias, relation, this));
    return known.get(key);
  }

  leftBehind(relation: ProofRelation): LeftBehind {
    const left = this.#left.get(relation) ?? leftBehind(this.schema, relation);
    this.#left.set(relation, left);
    return left;
  }

  /** What CHECK constraints compare columns with: a witness must meet them. */
  checks(relation: ProofRelation): readonly Critical[] {
    let made = this.#checks.get(relation);
    if (made === undefined) {
      made = relation.checks.flatMap((text) => {
        const { tree } = conditionOf(text, relation, this.schema);
        return tree === undefined ? [] : [readCritical(tree, relation, this)];
      });
      this.#checks.set(relation, made);
    }
    return made;
  }
}

function memo<T>(cache: WeakMap<Node, T>, key: Node, make: () => T): T {
  let made = cache.get(key);
  if (made === undefined) {
    made = make();
    cache.set(key, made);
  }
  return made;
}
