import type { Node } from "libpg-query";
import { parseExpression } from "../../lib/sql-tree.ts";
import type { Reading } from "./inline.ts";
import { resolveNames } from "./resolve.ts";
import type { ProofColumn, ProofRelation } from "./schema.ts";
import { fieldsOf, free, part, printExpression, row, rowColumns, stringOf, walk } from "./tree.ts";

/** What an expression is of a row: true, false or null. */
export type Truth = "T" | "F" | "N";

/** A boolean expression: AND, OR and NOT over what Postgres has to evaluate. */
export type Skeleton =
  | { readonly kind: "and" | "or"; readonly of: readonly Skeleton[] }
  | { readonly kind: "not"; readonly of: Skeleton }
  | { readonly kind: "constant"; readonly truth: Truth }
  /** A variable that is free: each case has a value for it. */
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "leaf"; readonly leaf: Leaf };

/** A part that Postgres evaluates: written alike in every expression that it is a part of. */
export interface Leaf {
  /** SQL in which the row is called `rowgate:row`. */
  readonly text: string;
  /** Columns of the row that it may read, as the relation orders them. */
  readonly columns: readonly string[];
}

/**
 * `undefined`: to be evaluated as a whole, since a name in it may mean several things, or one evaluation may differ from the next.
 * @param alias what the row is called in the text
 */
export function skeletonOf(
  text: string,
  alias: string,
  relation: ProofRelation,
  reading: Reading,
): Skeleton | undefined {
  if (alias !== row && alias !== relation.name) return undefined;
  try {
    const written = parseExpression(text);
    const tree =
      hasOtherNames(written) || spreads(written, relation)
        ? undefined
        : resolveNames(written, { ...reading, relation });
    return tree === undefined || reading.reaches.of(tree).volatile.size > 0
      ? undefined
      : skeleton(tree, relation.columns);
  } catch {
    return undefined;
  }
}

/** Bare names of columns that a join makes one, and of what may be a query's output: they mean no column of one item of FROM. */
function hasOtherNames(tree: Node): boolean {
  const bare = new Set<string>();
  const others = new Set<string>();
  let isNatural = false;
  walk(tree, (node) => {
    const [name, ...more] = fieldsOf(node) ?? [];
    if (name !== undefined && more.length === 0) bare.add(name);
    const join = part(node, "JoinExpr");
    isNatural ||= join?.isNatural === true;
    for (const one of join?.usingClause ?? []) others.add(stringOf(one));
    for (const one of [part(node, "SortBy")?.node, ...(part(node, "SelectStmt")?.groupClause ?? [])]) {
      const [output, ...rest] = fieldsOf(one) ?? [];
      if (output !== undefined && rest.length === 0) others.add(output);
    }
  });
  return isNatural || [...others].some((name) => bare.has(name));
}

/** The columns of the row in a list: only a function takes `docs.*` as the row. */
function spreads(tree: Node, { name }: ProofRelation): boolean {
  const isRow = (node: Node): boolean => {
    const [last, item] = fieldsOf(node)?.toReversed() ?? [];
    return last === "*" && (item === name || item === row);
  };
  let count = 0;
  walk(tree, (node) => {
    if (isRow(node)) count += 1;
    count -= part(node, "FuncCall")?.args?.filter(isRow).length ?? 0;
  });
  return count > 0;
}

function skeleton(node: Node, columns: readonly ProofColumn[]): Skeleton {
  const { boolop, args = [] } = part(node, "BoolExpr") ?? {};
  const [first] = args;
  if (boolop === "NOT_EXPR" && first !== undefined) return { kind: "not", of: skeleton(first, columns) };
  if (boolop === "AND_EXPR" || boolop === "OR_EXPR")
    return { kind: boolop === "OR_EXPR" ? "or" : "and", of: args.map((one) => skeleton(one, columns)) };
  const constant = part(node, "A_Const");
  if (constant?.isnull === true) return { kind: "constant", truth: "N" };
  if (constant?.boolval !== undefined)
    return { kind: "constant", truth: constant.boolval.boolval === true ? "T" : "F" };
  const [item, name] = fieldsOf(node) ?? [];
  if (item === free && name !== undefined) return { kind: "variable", name };
  return { kind: "leaf", leaf: leafOf(node, columns) };
}

/** @throws where a variable is read within, or the text would say something else */
function leafOf(node: Node, columns: readonly ProofColumn[]): Leaf {
  walk(node, (one) => {
    if (fieldsOf(one)?.[0] === free) throw new Error("a variable within");
  });
  const read = rowColumns(node);
  const known = new Set(columns.map(({ name }) => name));
  // The row as a whole, or a column of the system's.
  const isAny = [...read].some((name) => !known.has(name));
  // A domain may refuse a row by a column that no part reads.
  const own = columns.filter(({ name, domain }) => isAny || domain || read.has(name));
  return { text: printExpression(node), columns: own.map(({ name }) => name) };
}

export function leavesOf(tree: Skeleton): readonly Leaf[] {
  if (tree.kind === "leaf") return [tree.leaf];
  if (tree.kind === "not") return leavesOf(tree.of);
  return tree.kind === "and" || tree.kind === "or" ? tree.of.flatMap(leavesOf) : [];
}

/** What a skeleton is, where this is what its leaves and its variables are: as Postgres has it, with NULL as the third truth. */
export function truthOf(
  tree: Skeleton,
  ofLeaf: (leaf: Leaf) => Truth,
  ofVariable: (name: string) => Truth,
): Truth {
  switch (tree.kind) {
    case "constant":
      return tree.truth;
    case "variable":
      return ofVariable(tree.name);
    case "leaf":
      return ofLeaf(tree.leaf);
    case "not":
      return negated[truthOf(tree.of, ofLeaf, ofVariable)];
    case "and":
    case "or": {
      const decides = tree.kind === "and" ? "F" : "T";
      let all: Truth = negated[decides];
      for (const one of tree.of) {
        const truth = truthOf(one, ofLeaf, ofVariable);
        if (truth === decides) return decides;
        if (truth === "N") all = "N";
      }
      return all;
    }
  }
}

const negated: Readonly<Record<Truth, Truth>> = { T: "F", F: "T", N: "N" };
