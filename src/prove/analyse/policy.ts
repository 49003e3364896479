import type { Node } from "libpg-query";
import { perObject } from "../../lib/recent.ts";
import { parseExpression } from "../../lib/sql-tree.ts";
import { resolveNames } from "./resolve.ts";
import type { PolicyInfo } from "../../model/catalog.ts";
import type { ProofRelation, Schema } from "./schema.ts";
import { boolean, fieldsOf, joined, printExpression, replace, row, rowColumns } from "./tree.ts";

/** A condition over a relation's row. */
export interface Condition {
  /** SQL in which the row is an item of FROM called `alias`. */
  readonly text: string;
  readonly alias: string;
  /** Names resolved, generated columns replaced; `undefined`: not understood. */
  readonly tree: Node | undefined;
}

export type Command = "select" | "insert" | "update" | "delete";
/** USING is for rows that are there, WITH CHECK for rows as they would be. */
export type Side = "old" | "new";

/** What the policies of a relation let a role do; `undefined`: no policy that permits applies. */
export function policyCondition(
  relation: ProofRelation,
  inherits: readonly string[],
  command: Command,
  side: Side,
  schema: Schema,
): Condition | undefined {
  const applying = relation.policies.filter(
    (one) =>
      (one.command === command || one.command === "all") &&
      one.roles.some((name) => name === "public" || inherits.includes(name)),
  );
  // A policy that has no expression for this side adds nothing to it: it lets nothing in, and keeps nothing out.
  const conditions = (permissive: boolean): readonly Condition[] =>
    applying
      .filter((one) => one.permissive === permissive)
      .flatMap(({ using, check }: PolicyInfo) => (side === "new" ? (check ?? using) : using) ?? [])
      .map((text) => conditionOf(text, relation, schema));
  const permissive = conditions(true);
  return permissive.length === 0
    ? undefined
    : joinedConditions("and", [joinedConditions("or", permissive), ...conditions(false)]);
}

/** @param text as the relation's own columns are written: Postgres's printing of a policy, or a row set of the matrix */
export function conditionOf(text: string, relation: ProofRelation, schema: Schema): Condition {
  const tree = understood(text, relation, schema);
  const plain: Condition = { text: `(${text}\n)`, alias: relation.name, tree };
  return tree !== undefined && readsGenerated(text, relation, schema) ? printedCondition(tree) : plain;
}

export const always: (holds: boolean) => Condition = (holds) => ({
  text: String(holds),
  alias: row,
  tree: boolean(holds),
});

export const printedCondition: (tree: Node) => Condition = perObject((tree: Node): Condition => {
  try {
    return { text: `(${printExpression(tree)})`, alias: row, tree };
  } catch {
    return { text: "null::boolean", alias: row, tree: undefined };
  }
});

interface Joined {
  readonly operator: "and" | "or";
  readonly conditions: readonly Condition[];
  readonly whole: Condition;
}

const joinedBy = perObject((_first: Condition): Joined[] => []);

/** The same one for the same conditions: what is found of its tree is known for each persona and command. */
export function joinedConditions(operator: "and" | "or", conditions: readonly Condition[]): Condition {
  const [first] = conditions;
  if (first === undefined) return joinedOf(operator, conditions);
  if (conditions.length === 1) return first;
  const known = joinedBy(first);
  const same = known.find(
    (one) =>
      one.operator === operator &&
      one.conditions.length === conditions.length &&
      one.conditions.every((each, place) => each === conditions[place]),
  );
  if (same !== undefined) return same.whole;
  const whole = joinedOf(operator, conditions);
  known.push({ operator, conditions, whole });
  return whole;
}

function joinedOf(operator: "and" | "or", conditions: readonly Condition[]): Condition {
  const [first] = conditions;
  const trees = conditions.flatMap(({ tree }) => tree ?? []);
  const tree =
    trees.length < conditions.length ? undefined : joined(operator === "and" ? "AND_EXPR" : "OR_EXPR", trees);
  const aliases = new Set(conditions.map(({ alias }) => alias));
  if (aliases.size > 1 && tree !== undefined) return printedCondition(tree);
  return {
    text: `(${conditions.map(({ text }) => text).join(` ${operator} `)})`,
    alias: first?.alias ?? row,
    tree,
  };
}

/** The same tree for the same text, so that what is found of it once (its printing, its values) is known for each command. */
function understood(text: string, relation: ProofRelation, schema: Schema): Node | undefined {
  const known = understoodTexts.get(relation) ?? new Map<string, Node | undefined>();
  understoodTexts.set(relation, known);
  if (!known.has(text)) known.set(text, read(text, relation, schema));
  return known.get(text);
}

const understoodTexts = new WeakMap<ProofRelation, Map<string, Node | undefined>>();

function read(text: string, relation: ProofRelation, schema: Schema): Node | undefined {
  try {
    const tree = resolveNames(parseExpression(text), { schema, relation });
    return replace(tree, (node) => generatedValue(node, relation, schema));
  } catch {
    return undefined;
  }
}

/** A hypothetical row holds nothing in a generated column: its expression replaces it. */
function generatedValue(node: Node, relation: ProofRelation, schema: Schema): Node | undefined {
  const fields = fieldsOf(node);
  const column = fields?.[0] === row ? relation.columns.find((one) => one.name === fields[1]) : undefined;
  if (column?.generated !== true || column.expression === null) return undefined;
  return resolveNames(parseExpression(`(${column.expression})::${column.type}`), { schema, relation });
}

function readsGenerated(text: string, relation: ProofRelation, schema: Schema): boolean {
  const generated = relation.columns.filter((one) => one.generated);
  if (generated.length === 0) return false;
  const columns = rowColumns(resolveNames(parseExpression(text), { schema, relation }));
  return generated.some(({ name }) => columns.has(name));
}
