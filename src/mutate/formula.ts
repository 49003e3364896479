import type { Node } from "libpg-query";
import { perObject } from "../lib/recent.ts";
import type { ColumnInfo, RelationInfo } from "../model/catalog.ts";
import { fieldsOf, part, stringOf } from "../prove/analyse/tree.ts";
import { type Bodies, expanded } from "./bodies.ts";

/*
 * An expression as a formula over its parts, each of which may be true, false or NULL. A part that is not taken apart has one value,
 * whatever it is; so what is equal here is equal for every row.
 */

/** 1, 0, and one half for NULL: AND is the least, OR the greatest, NOT what is left to 1. */
type Truth = 0 | 0.5 | 1;
export type Formula = (values: readonly Truth[]) => Truth;

const truths: readonly Truth[] = [0, 0.5, 1];
/** 3^8 assignments. */
const atomsAtMost = 8;

/** The parts of the formulas that are compared: of the same text, and the same place, is the same part. */
export class Parts {
  readonly #numbers = new Map<string, number>();
  readonly #nodes: { readonly node: Node; readonly place: string }[] = [];

  numberOf(node: Node, place = ""): number {
    const key = `${place} ${atomOf(node)}`;
    const number = this.#numbers.get(key) ?? this.#nodes.push({ node, place }) - 1;
    this.#numbers.set(key, number);
    return number;
  }

  /** Whatever values the parts have that they can have together. */
  always(holds: (values: readonly Truth[]) => boolean): boolean {
    const count = this.#nodes.length;
    if (count > atomsAtMost) return false;
    const isPossible = this.#possible();
    const values: Truth[] = [];
    const holdsFrom = (index: number): boolean => {
      if (index === count) return !isPossible(values) || holds(values);
      return truths.every((value) => {
        values[index] = value;
        return holdsFrom(index + 1);
      });
    };
    return holdsFrom(0);
  }

  /** `x IS NULL` is never NULL, and a comparison of that x with constants is NULL where it is true. */
  #possible(): (values: readonly Truth[]) => boolean {
    const tests = this.#nodes.flatMap(({ node, place }, index) => {
      const test = part(node, "NullTest");
      if (test?.arg === undefined) return [];
      const tested = atomOf(test.arg);
      const compared = this.#nodes.flatMap((other, at) =>
        other.place === place && comparedOf(other.node) === tested ? [at] : [],
      );
      return [{ index, whenNull: test.nulltesttype === "IS_NULL" ? 1 : 0, compared }];
    });
    return (values) =>
      tests.every(
        ({ index, whenNull, compared }) =>
          values[index] !== 0.5 &&
          compared.every((at) => (values[at] === 0.5) === (values[index] === whenNull)),
      );
  }
}

export const all =
  (of: readonly Formula[]): Formula =>
  (values) => {
    let least: Truth = 1;
    for (const one of of) {
      const value = one(values);
      if (value === 0) return 0;
      if (value < least) least = value;
    }
    return least;
  };
export const any =
  (of: readonly Formula[]): Formula =>
  (values) => {
    let most: Truth = 0;
    for (const one of of) {
      const value = one(values);
      if (value === 1) return 1;
      if (value > most) most = value;
    }
    return most;
  };

/** An expression, read once for all that it is compared with. */
export type Term =
  | { readonly kind: "all" | "any"; readonly of: readonly Term[] }
  | { readonly kind: "not" | "is true"; readonly of: Term }
  | { readonly kind: "constant"; readonly value: Truth }
  | { readonly kind: "part"; readonly node: Node };

export function termOf(node: Node, info: RelationInfo, bodies: Bodies): Term {
  const { boolop, args = [] } = part(node, "BoolExpr") ?? {};
  if (boolop !== undefined) {
    const of = args.map((arg) => termOf(arg, info, bodies));
    if (boolop !== "NOT_EXPR") return { kind: boolop === "AND_EXPR" ? "all" : "any", of };
    return { kind: "not", of: of[0] ?? { kind: "any", of } };
  }
  const value = valueOf(node, info);
  if (value !== undefined) return { kind: "constant", value };
  const same = equalityOf(node, info);
  if (same !== undefined) return { kind: "is true", of: termOf(same, info, bodies) };
  const body = expanded(node, bodies);
  return body === undefined ? { kind: "part", node } : termOf(body, info, bodies);
}

/** @param placeOf where a part has a value of its own */
export function formulaOf(term: Term, parts: Parts, placeOf: (node: Node) => string): Formula {
  switch (term.kind) {
    case "all":
    case "any": {
      const of = term.of.map((one) => formulaOf(one, parts, placeOf));
      return term.kind === "all" ? all(of) : any(of);
    }
    case "not": {
      const of = formulaOf(term.of, parts, placeOf);
      return (values) => (1 - of(values)) as Truth;
    }
    case "is true": {
      const of = formulaOf(term.of, parts, placeOf);
      return (values) => (of(values) === 1 ? 1 : 0);
    }
    case "constant":
      return () => term.value;
    case "part": {
      const number = parts.numberOf(term.node, placeOf(term.node));
      return (values) => values[number] ?? 0.5;
    }
  }
}

const atomOf = perObject((node: Node) =>
  JSON.stringify(node, (name, value: unknown) => (isPlace.test(name) ? undefined : value)),
);

/** Where in its text a node stands. */
const isPlace = /(?:location|^list_start|^list_end)$/;

/** What is compared with one constant, or with several, so that the answer is NULL if it is. */
function comparedOf(node: Node): string | undefined {
  const { kind, name = [], lexpr, rexpr } = part(node, "A_Expr") ?? {};
  if (lexpr === undefined || rexpr === undefined || name.length > 1 || !comparing.has(stringOf(name[0])))
    return undefined;
  const constants =
    kind === "AEXPR_OP_ANY" ? part(rexpr, "A_ArrayExpr")?.elements : kind === "AEXPR_OP" ? [rexpr] : [];
  return constants !== undefined && constants.length > 0 && constants.every(isPlainConstant)
    ? atomOf(lexpr)
    : undefined;
}

const comparing: ReadonlySet<string> = new Set(["=", "<>", "<", "<=", ">", ">="]);

function isPlainConstant(node: Node): boolean {
  const { arg, typeName } = part(node, "TypeCast") ?? {};
  const names = typeName?.names ?? [];
  const constant = part(arg, "A_Const");
  return (
    constant !== undefined &&
    constant.isnull !== true &&
    names.length === 1 &&
    strictlyCompared.has(stringOf(names[0]))
  );
}

/** A constant, or IS NULL of a column that holds no NULL. */
function valueOf(node: Node, info: RelationInfo): Truth | undefined {
  const constant = part(node, "A_Const");
  if (constant?.boolval !== undefined) return constant.boolval.boolval === true ? 1 : 0;
  const test = part(node, "NullTest");
  if (test === undefined || columnOf(test.arg, info)?.notNull !== true) return undefined;
  return test.nulltesttype === "IS_NULL" ? 0 : 1;
}

/** `x` of `x IS NOT DISTINCT FROM y` that holds no NULL: then it says what `x = y` says, and is false instead of NULL. */
function equalityOf(node: Node, info: RelationInfo): Node | undefined {
  const comparison = part(node, "A_Expr");
  if (comparison?.kind !== "AEXPR_NOT_DISTINCT") return undefined;
  const isSafe = [comparison.lexpr, comparison.rexpr].some((side) => {
    const column = columnOf(side, info);
    return column?.notNull === true && strictlyCompared.has(column.type);
  });
  return isSafe ? { A_Expr: { ...comparison, kind: "AEXPR_OP" } } : undefined;
}

/** Types whose `=` is NULL where one side is: an operator of the database's own might say otherwise. */
const strictlyCompared: ReadonlySet<string> = new Set([
  "uuid",
  "text",
  "smallint",
  "integer",
  "bigint",
  "boolean",
  "date",
  "timestamp with time zone",
]);

/** The column of this relation that the expression is. */
function columnOf(node: Node | undefined, { columns, name }: RelationInfo): ColumnInfo | undefined {
  const fields = fieldsOf(node);
  const own = fields?.length === 1 || (fields?.length === 2 && fields[0] === name);
  return own ? columns.find((one) => one.name === fields?.at(-1)) : undefined;
}
