import { z } from "zod";
import type { Issues } from "../yaml/issues.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import { describe, type Entry, type MapTree, type Tree } from "../yaml/tree.ts";

type Path = readonly PropertyKey[];

/** Validates a tree by its shape; every mistake is reported where it was written. No value is repeated: it may be a secret. */
export function checkShape<T>(root: MapTree, shape: z.ZodType<T>, issues: Issues): T | undefined {
  const result = shape.safeParse(plain(root), { reportInput: false });
  if (result.success) return result.data;
  const told = new Set<string>();
  for (const issue of result.error.issues) {
    // A value that breaks two rules is one mistake.
    const key = JSON.stringify([issue.path, issue.code === "unrecognized_keys" ? issue.keys : []]);
    if (!told.has(key)) report(root, shape, issue, issues);
    told.add(key);
  }
  return undefined;
}

/** The node at a path, and the place of its key. */
export function entryAt(root: Tree, path: Path): Entry | undefined {
  let found: Entry = { key: "", keyAt: root.at, value: root };
  for (const step of path) {
    const { value } = found;
    const next: Entry | undefined =
      value.kind === "map"
        ? value.entries.find(({ key }) => key === step)
        : value.kind === "list"
          ? itemAt(value.items, step)
          : undefined;
    if (next === undefined) return undefined;
    found = next;
  }
  return found;
}

function itemAt(items: readonly Tree[], step: PropertyKey): Entry | undefined {
  const value = items[Number(step)];
  return value && { key: String(step), keyAt: value.at, value };
}

function report(root: MapTree, shape: z.ZodType, issue: z.core.$ZodIssue, issues: Issues): void {
  const what = issue.path.length === 0 ? "the configuration" : `\`${issue.path.map(String).join(".")}\``;
  const here = entryAt(root, issue.path);
  const parent = entryAt(root, issue.path.slice(0, -1)) ?? { value: root, keyAt: root.at };
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(shape, issue.path);
    for (const key of issue.keys) {
      const at = entryAt(root, [...issue.path, key])?.keyAt ?? root.at;
      const meant = didYouMean(nearest(key, known));
      issues.report(
        "matrix/unknown-key",
        at,
        `unknown key \`${key}\` in ${what}${meant}`,
        `keys: ${listNames(known, 12)}`,
      );
    }
  } else if (here === undefined) {
    const name = String(issue.path.at(-1) ?? "");
    const owner = issue.path.length < 2 ? "the configuration" : `\`${issue.path.slice(0, -1).join(".")}\``;
    issues.report("matrix/missing-key", parent.keyAt, `${owner} has no \`${name}\``);
  } else if (issue.code === "invalid_key") {
    issues.report("matrix/bad-name", here.keyAt, `\`${here.key}\`: ${issue.issues[0]?.message ?? "invalid"}`);
  } else if (issue.code === "invalid_type" && issue.message.startsWith("Invalid input")) {
    const found = describe(here.value);
    const quote = issue.expected === "string" && found !== "nothing" && here.value.kind === "scalar";
    const wanted = expectations[issue.expected] ?? issue.expected;
    const keys = keysAt(shape, issue.path);
    const hint = quote ? "quote it" : keys.length > 0 ? `keys: ${listNames(keys, 12)}` : undefined;
    issues.report("matrix/wrong-type", here.value.at, `${what} must be ${wanted}; found ${found}`, hint);
  } else if (issue.code === "invalid_value") {
    const known = issue.values.map(String);
    const word = here.value.kind === "scalar" ? String(here.value.value) : describe(here.value);
    const meant = didYouMean(nearest(word, known));
    issues.report("matrix/bad-value", here.value.at, `${what} is none of ${listNames(known)}${meant}`);
  } else issues.report("matrix/bad-value", here.value.at, `${what}: ${issue.message}`);
}

const expectations: Readonly<Record<string, string>> = {
  string: "text",
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  int: "a whole number",
  number: "a number",
  boolean: "`true` or `false`",
};

/** The keys that the mapping at this path may have. */
function keysAt(shape: z.ZodType, path: Path): readonly string[] {
  let here: unknown = shape;
  for (const step of path) {
    here = unwrapped(here);
    if (here instanceof z.ZodObject) here = here.shape[String(step)];
    else if (here instanceof z.ZodRecord) here = here.valueType;
    else return [];
  }
  here = unwrapped(here);
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

function unwrapped(shape: unknown): unknown {
  return shape instanceof z.ZodOptional ? shape.unwrap() : shape;
}

function plain(tree: Tree): unknown {
  if (tree.kind === "scalar") return tree.value;
  if (tree.kind === "list") return tree.items.map(plain);
  return Object.fromEntries(tree.entries.map(({ key, value }) => [key, plain(value)]));
}
