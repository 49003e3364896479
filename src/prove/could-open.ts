import type { Node } from "libpg-query";
import { connected } from "./analyse/comparable.ts";
import type { Opener } from "./analyse/openers.ts";
import type { Context } from "./context.ts";
import { canonicalAtom, withPlainNames } from "./same.ts";
import { changed, holds, type Proved, withParts } from "./variants.ts";

/** Would the policies let through more than the matrix if the parts that a way leads through were open, in the matrix as well? */
export async function couldOpen(context: Context, proved: Proved, { through }: Opener): Promise<boolean> {
  const { declared } = proved;
  const nameOf = (tree: Node): Promise<string> => canonicalAtom(context, context.as, withPlainNames(tree));
  const same = new Map(
    await Promise.all(through.map(async ({ tree, holds: value }) => [await nameOf(tree), value] as const)),
  );
  const values = new Map(through.map(({ tree, holds: value }) => [tree, value]));
  for (const tree of declared.tree === undefined ? [] : leavesOf(declared.tree)) {
    const value = same.get(await nameOf(tree));
    if (value !== undefined) values.set(tree, value);
  }
  return !(await holds(
    context,
    changed({ ...proved, allowed: false }, (tree) => withParts(tree, values)),
  ));
}

function leavesOf(tree: Node): readonly Node[] {
  const parts = connected(tree) ?? [];
  return parts.length === 0 ? [tree] : parts.flatMap(leavesOf);
}
