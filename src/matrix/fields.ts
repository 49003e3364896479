import type { z } from "zod";
import type { SourcePosition } from "../model/errors.ts";
import type { Issues } from "../yaml/issues.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import type { Leaf } from "./leaves.ts";
import { leaves } from "./leaves.ts";
import type { Keys } from "./shapes.ts";

import type { Entry, ListTree, MapTree, Tree } from "../yaml/tree.ts";
import { describe } from "../yaml/tree.ts";

/** `what`, in messages, is how a person would call the node: "`role` of `ana`". */
export function expectMap(tree: Tree, what: string, issues: Issues): MapTree | undefined {
  if (tree.kind === "map") return tree;
  issues.report("matrix/wrong-type", tree.at, `${what} must be a mapping; found ${describe(tree)}`);
  return undefined;
}

function expectList(tree: Tree, what: string, issues: Issues): ListTree | undefined {
  if (tree.kind === "list" && tree.items.length > 0) return tree;
  const found = tree.kind === "list" ? "an empty one" : describe(tree);
  issues.report("matrix/wrong-type", tree.at, `${what} must be a list; found ${found}`, "as in `[a, b]`");
  return undefined;
}

/** A mapping of fixed keys: unknown ones and missing ones are reported, the rest is returned by key. */
export function readFields(
  tree: Tree,
  keys: Keys,
  what: string,
  home: SourcePosition,
  issues: Issues,
): ReadonlyMap<string, Entry> | undefined {
  const map = expectMap(tree, what, issues);
  if (map === undefined) return undefined;
  for (const { key, keyAt } of map.entries) {
    if (keys.all.includes(key)) continue;
    const meant = didYouMean(nearest(key, keys.all));
    issues.report(
      "matrix/unknown-key",
      keyAt,
      `unknown key \`${key}\` in ${what}${meant}`,
      `keys: ${listNames(keys.all, 12)}`,
    );
  }
  const fields = new Map(map.entries.map((entry) => [entry.key, entry]));
  for (const key of keys.required) {
    if (!fields.has(key)) issues.report("matrix/missing-key", home, `${what} has no \`${key}\``);
  }
  return fields;
}

/** A leaf of text, validated by its shape; `undefined` when it was reported. The value itself is never repeated. */
export function readLeaf(
  tree: Tree,
  leaf: Leaf,
  what: string,
  issues: Issues,
  hint?: string,
): string | undefined {
  if (tree.kind !== "scalar" || typeof tree.value !== "string") {
    const found = describe(tree);
    const quote = tree.kind === "scalar" && tree.value !== null ? "quote it" : hint;
    issues.report("matrix/wrong-type", tree.at, `${what} must be text; found ${found}`, quote);
    return undefined;
  }
  const result = leaves[leaf].safeParse(tree.value);
  if (result.success) return result.data;
  issues.report("matrix/bad-value", tree.at, `${what}: ${firstMessage(result.error)}`, hint);
  return undefined;
}

/** Checks a name that is a key. `allow` and `deny` could never be told from the words. */
export function checkName({ key, keyAt }: Entry, what: string, issues: Issues, leaf: Leaf = "name"): void {
  const result = leaves[leaf].safeParse(key);
  if (!result.success) {
    issues.report("matrix/bad-name", keyAt, `\`${key}\` cannot name ${what}: ${firstMessage(result.error)}`);
  } else if (key === "allow" || key === "deny") {
    issues.report("matrix/bad-name", keyAt, `\`${key}\` cannot name ${what}: it is a word of the matrix`);
  }
}

/** A list of texts, each once. */
export function readTexts(
  tree: Tree,
  what: string,
  issues: Issues,
): readonly { readonly text: string; readonly at: SourcePosition }[] | undefined {
  const list = expectList(tree, what, issues);
  if (list === undefined) return undefined;
  const seen = new Map<string, SourcePosition>();
  for (const item of list.items) {
    const text = readLeaf(item, "text", `an item of ${what}`, issues);
    if (text === undefined) continue;
    if (seen.has(text)) issues.report("matrix/bad-value", item.at, `${what} holds \`${text}\` twice`);
    else seen.set(text, item.at);
  }
  return [...seen].map(([text, at]) => ({ text, at }));
}

function firstMessage(error: z.ZodError): string {
  return error.issues[0]?.message ?? "invalid";
}
