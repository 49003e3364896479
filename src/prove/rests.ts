import type { Node } from "libpg-query";
import { bodyOf } from "./analyse/bodies.ts";
import {
  boolean,
  part,
  printExpression,
  readsRow,
  replace,
  show,
  stringOf,
  walk,
  withoutCasts,
} from "./analyse/tree.ts";
import type { RestsOn } from "../model/proof.ts";
import type { Context } from "./context.ts";

/** A part of a policy that something outside of the database decides. */
interface Outside {
  readonly tree: Node;
  readonly claims: readonly string[];
  readonly time: boolean;
}

/**
 * What a proof rests on besides the policy: claims that no persona holds and the time, where the proof would not hold if the
 * sub-expression that reads them came out differently; and the other relations that are read.
 * @param opens would the proof fail for this expression?
 */
export async function restsOn(
  context: Context,
  trees: readonly Node[],
  opens: (tree: Node) => Promise<boolean>,
): Promise<RestsOn> {
  const [policy] = trees;
  const own = `${context.space.relation.schema}.${context.space.relation.name}`;
  const relations = new Set(trees.flatMap((one) => [...context.knowledge.reach(one).relations]));
  relations.delete(own);
  const claims: { claim: string; sql: string }[] = [];
  const time: string[] = [];
  const outside = policy === undefined ? [] : (outsideOf.get(policy) ?? outsideParts(policy, context));
  if (policy !== undefined) outsideOf.set(policy, outside);
  for (const one of outside) {
    if (policy === undefined || !(await decides(policy, one.tree, opens))) continue;
    const sql = show(one.tree);
    claims.push(...one.claims.map((claim) => ({ claim, sql })));
    if (one.claims.length === 0 && one.time) time.push(sql);
  }
  const byPath = new Set(trees.flatMap((one) => [...context.knowledge.reach(one).byPath]));
  return {
    claims,
    time,
    relations: [...relations].toSorted(),
    ...(byPath.size > 0 && { byPath: [...byPath].toSorted() }),
  };
}

/** The same for every persona of a run. */
const outsideOf = new WeakMap<Node, readonly Outside[]>();

async function decides(policy: Node, tree: Node, opens: (tree: Node) => Promise<boolean>): Promise<boolean> {
  for (const value of [true, false]) {
    if (await opens(replace(policy, (node) => (node === tree ? boolean(value) : undefined)))) return true;
  }
  return false;
}

function outsideParts(node: Node, context: Context): readonly Outside[] {
  const inner =
    part(node, "BoolExpr")?.args ??
    part(node, "CoalesceExpr")?.args ??
    [part(node, "BooleanTest")?.arg].filter((one) => one !== undefined);
  if (inner.length > 0) return inner.flatMap((one) => outsideParts(one, context));
  const claims = [...new Set(claimsOf(node, context, 0))].filter((one) => !context.heldClaims.has(one));
  const time = context.knowledge.reaches.of(node).readsTime && !readsRow(node);
  return claims.length > 0 || time ? [{ tree: node, claims, time }] : [];
}

/** Keys that are read of the claims: `auth.jwt() ->> 'plan'`, `current_setting('request.jwt.claims')::json #>> '{a,b}'`. */
function claimsOf(tree: Node, context: Context, depth: number): readonly string[] {
  const found: string[] = [];
  walk(tree, (node) => {
    const operation = part(node, "A_Expr");
    const operator = stringOf(operation?.name?.at(-1));
    if (
      operation?.lexpr !== undefined &&
      operation.rexpr !== undefined &&
      /^(?:->>?|#>>?|\?)$/.test(operator) &&
      readsClaims(operation.lexpr)
    ) {
      const key = part(withoutCasts(operation.rexpr), "A_Const")?.sval?.sval;
      if (key !== undefined) found.push(...key.replaceAll(/[{}"]/g, "").split(","));
    }
    const call = part(node, "FuncCall");
    const fn =
      call && context.knowledge.schema.callee((call.funcname ?? []).map(stringOf), call.args?.length ?? 0);
    if (fn === undefined || fn.schema === "auth" || depth > 5) return;
    const body = bodyOf(fn);
    if (body !== undefined) found.push(...claimsOf(body, context, depth + 1));
  });
  return found;
}

function readsClaims(node: Node): boolean {
  try {
    return /jwt\(\)|request\.jwt\.claims/.test(printExpression(node));
  } catch {
    return false;
  }
}
