import type { Node } from "libpg-query";
import { isOfRowAlone } from "./analyse/clock.ts";
import { type Condition, printedCondition } from "./analyse/policy.ts";
import { boolean, literal, part, replace } from "./analyse/tree.ts";
import { privileged } from "./ask/step.ts";
import type { Context } from "./context.ts";
import { contrast, relaxedTo } from "./contrast.ts";
import { canonicalAtom } from "./same.ts";
import { checkWithRow } from "./self.ts";
import type { Storable } from "./storable.ts";

/** A part of a condition that something outside of the database decides. */
export interface Outside {
  readonly tree: Node;
  /** That no persona holds. */
  readonly claims: readonly string[];
  readonly time: boolean;
  /** The time is that of the token itself, which cannot be moved. */
  readonly token: boolean;
}

export interface Proved {
  readonly policy: Condition;
  readonly declared: Condition;
  /** What is declared and not let through is a difference too. */
  readonly both: boolean;
  readonly storable?: Storable | undefined;
}

export type Known = Omit<Proved, "policy" | "declared"> & {
  readonly [K in "policy" | "declared"]: Condition & { readonly tree: Node };
} & { readonly allowed: boolean };

export type Value = boolean | null;
/** Values of parts; those that are the same in policy and matrix have one. */
export type Values = ReadonlyMap<Node, Value>;

const variableLimit = 4;

/** All that the parts can be together: where the policy only grows with them, all true is the most; `undefined`: too many. */
export async function waysOf(
  context: Context,
  { policy, both }: Known,
  free: readonly Outside[],
): Promise<readonly Values[] | undefined> {
  if (free.length === 0) return [];
  const parts = new Set(free.map(({ tree }) => tree));
  const all = (value: Value): Values => new Map(free.map(({ tree }) => [tree, value]));
  if (growsWith(policy.tree, parts) === parts.size) return both ? [all(true), all(false)] : [all(true)];
  const keys = await Promise.all(free.map(({ tree }) => keyOf(context, tree)));
  const names = [...new Set(keys)];
  if (names.length > variableLimit) return undefined;
  return assignments(names.length).map(
    (values) =>
      new Map(free.map(({ tree }, index) => [tree, values[names.indexOf(keys[index] ?? tree)] ?? null])),
  );
}

/** How many of the parts it joins by AND and OR alone. */
export function growsWith(node: Node, parts: ReadonlySet<Node>): number {
  if (parts.has(node)) return 1;
  const bool = part(node, "BoolExpr");
  if (bool === undefined || bool.boolop === "NOT_EXPR") return 0;
  return (bool.args ?? []).reduce((sum, one) => sum + growsWith(one, parts), 0);
}

/** What is of the row and the time alone is the same in policy and matrix; else each may be anything. */
async function keyOf(context: Context, tree: Node): Promise<string | Node> {
  return isOfRowAlone(tree, context.knowledge) ? canonicalAtom(context, privileged, tree) : tree;
}

function assignments(count: number): readonly (readonly Value[])[] {
  let all: Value[][] = [[]];
  for (let index = 0; index < count; index += 1)
    all = all.flatMap((one) => [true, false, null].map((value) => [...one, value]));
  return all;
}

/** @param moving parts that become expressions whose clock can be moved */
export function withParts(
  tree: Node,
  values: Values,
  moving?: ReadonlyMap<Node, { readonly tree: Node }>,
): Node {
  return replace(tree, (node) => {
    const value = values.get(node);
    if (value === undefined) return moving?.get(node)?.tree;
    return value === null ? literal(null, "boolean") : boolean(value);
  });
}

/** Conditions with other parts; `undefined` trees: they cannot be printed. */
export type Changed = Proved & Pick<Known, "allowed">;

export function changed<P extends Changed>(proved: P, by: (tree: Node) => Node): Changed {
  const of = (one: Condition): Condition => (one.tree === undefined ? one : printedCondition(by(one.tree)));
  return { ...proved, policy: of(proved.policy), declared: of(proved.declared) };
}

/** Is it a proof for these conditions, too? */
export async function holds(
  context: Context,
  { policy, declared, both, storable, allowed }: Changed,
): Promise<boolean> {
  if (policy.tree === undefined || declared.tree === undefined) return false;
  const self = [policy.tree, declared.tree].some((one) => readsOwn(context, one));
  if (!self) {
    const relaxed = await relaxedTo(context, policy);
    if (relaxed === "never" && !both) return true;
    if (relaxed === "always" && allowed) return true;
  }
  const found = await contrast(context, policy, declared, both, storable);
  if (found.more.length > 0 || found.less.length > 0 || (await found.close()).kind !== "proved") return false;
  if (!self) return true;
  const checked = await checkWithRow(context, policy, declared, found.distinct, both);
  return checked.more.length === 0 && checked.less.length === 0 && checked.incomplete === undefined;
}

export function readsOwn({ knowledge, space }: Context, tree: Node): boolean {
  return knowledge.readsItself(tree, space.relation);
}
