import { isRaisedByData } from "../../model/answers.ts";
import type { BooleanTest, Node } from "libpg-query";
import type { Answer, Question } from "./question.ts";

export type Values = number;

/** Truth values that an expression may have, as bits; `raises`: it ends in an error. */
export const truth = { true: 1, false: 2, null: 4, raises: 8 } as const;
/** Everything but an error. */
export const anything: Values = truth.true | truth.false | truth.null;

/** Which truth values an expression can have over all rows there could be; a superset of the true answer, never less. */
export type Relaxed =
  | { readonly kind: "values"; readonly values: Values }
  /** What the database answers, row for row, decides; `leaf`: it is the expression itself. */
  | {
      readonly kind: "asked";
      readonly question: Question;
      readonly arms: ReadonlyMap<string | null, Values>;
      readonly otherwise: Relaxed;
      readonly none: Values;
      readonly leaf: Node | undefined;
      /** An error of the question is one of the expression. */
      readonly raises: boolean;
    }
  | { readonly kind: "and" | "or"; readonly of: readonly Relaxed[] }
  | { readonly kind: "not"; readonly of: Relaxed }
  | { readonly kind: "test"; readonly test: BooleanTest["booltesttype"]; readonly of: Relaxed }
  | { readonly kind: "coalesce"; readonly of: readonly Relaxed[] }
  | {
      readonly kind: "case";
      readonly arms: readonly { readonly when: Relaxed; readonly result: Relaxed }[];
      readonly otherwise: Relaxed;
    }
  | { readonly kind: "also"; readonly values: Values; readonly of: Relaxed };

/** Everything that must be asked before `valuesOf`. */
export function questionsOf(tree: Relaxed): readonly Question[] {
  switch (tree.kind) {
    case "values":
      return [];
    case "asked":
      return [tree.question, ...questionsOf(tree.otherwise)];
    case "and":
    case "or":
    case "coalesce":
      return tree.of.flatMap(questionsOf);
    case "case":
      return [...tree.arms.flatMap(({ when, result }) => [when, result]), tree.otherwise].flatMap(
        questionsOf,
      );
    case "not":
    case "test":
    case "also":
      return questionsOf(tree.of);
  }
}

/** @param assume values of leaves that are taken for true or false whatever they are */
export function valuesOf(
  tree: Relaxed,
  answerOf: (question: Question) => Answer,
  assume?: ReadonlyMap<Node, Values>,
): Values {
  const of = (one: Relaxed): Values => valuesOf(one, answerOf, assume);
  switch (tree.kind) {
    case "values":
      return tree.values;
    case "asked": {
      const assumed = tree.leaf && assume?.get(tree.leaf);
      return assumed ?? answered(tree, answerOf(tree.question), of);
    }
    case "and":
      return tree.of.map(of).reduce(and);
    case "or":
      return negated(tree.of.map((one) => negated(of(one))).reduce(and));
    case "not":
      return negated(of(tree.of));
    case "test":
      return tested(of(tree.of), tree.test);
    case "coalesce":
      return firstOf(tree.of.map(of));
    case "case":
      return chosen(
        tree.arms.map(({ when, result }) => [of(when), of(result)]),
        of(tree.otherwise),
      );
    case "also":
      return tree.values | of(tree.of);
  }
}

function answered(
  tree: Extract<Relaxed, { kind: "asked" }>,
  answer: Answer,
  of: (one: Relaxed) => Values,
): Values {
  if (!("rows" in answer))
    return tree.raises && isRaisedByData(answer.code) ? truth.raises : widest(tree, of);
  if (answer.rows.length === 0) return tree.none;
  return answer.rows.reduce((values, one) => values | (tree.arms.get(one) ?? of(tree.otherwise)), 0);
}

function widest(
  { arms, otherwise, none }: Extract<Relaxed, { kind: "asked" }>,
  of: (one: Relaxed) => Values,
): Values {
  return [...arms.values()].reduce((all, one) => all | one, of(otherwise) | none);
}

const each = [truth.true, truth.false, truth.null, truth.raises] as const;

/** Three-valued AND, over sets. Either side may be evaluated first, so that FALSE can hide an error and NULL cannot. */
function and(a: Values, b: Values): Values {
  let out = 0;
  for (const x of each) for (const y of each) if (a & x && b & y) out |= both(x, y);
  return out;
}

function both(x: Values, y: Values): Values {
  if (x === truth.raises || y === truth.raises) {
    const other = x === truth.raises ? y : x;
    return other === truth.false ? truth.false | truth.raises : truth.raises;
  }
  if (x === truth.false || y === truth.false) return truth.false;
  return x === truth.null || y === truth.null ? truth.null : truth.true;
}

function negated(values: Values): Values {
  const flipped = (values & truth.true ? truth.false : 0) | (values & truth.false ? truth.true : 0);
  return flipped | (values & (truth.null | truth.raises));
}

function tested(values: Values, test: BooleanTest["booltesttype"]): Values {
  const wanted: Readonly<Record<string, Values>> = {
    IS_TRUE: truth.true,
    IS_NOT_TRUE: truth.false | truth.null,
    IS_FALSE: truth.false,
    IS_NOT_FALSE: truth.true | truth.null,
    IS_UNKNOWN: truth.null,
    IS_NOT_UNKNOWN: truth.true | truth.false,
  };
  const meant = wanted[test ?? ""] ?? 0;
  const yes = values & meant ? truth.true : 0;
  return yes | (values & ~meant & anything ? truth.false : 0) | (values & truth.raises);
}

function firstOf(list: readonly Values[]): Values {
  let out = 0;
  for (const values of list) {
    out |= values & ~truth.null;
    if ((values & truth.null) === 0) return out;
  }
  return out | truth.null;
}

function chosen(arms: readonly (readonly [when: Values, result: Values])[], otherwise: Values): Values {
  let out = 0;
  for (const [when, result] of arms) {
    if (when & truth.true) out |= result;
    out |= when & truth.raises;
    if (when === truth.true || when === truth.raises) return out;
  }
  return out | otherwise;
}
