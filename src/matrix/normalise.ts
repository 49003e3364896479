import { relationOperations } from "../model/matrix.ts";
import type { Entry, MapTree, ScalarTree, Tree } from "../yaml/tree.ts";
import { entriesOf, textOf } from "../yaml/tree.ts";
import { formNames, forms, formsOn, type Target } from "./forms.ts";

/**
 * Spells shorthands out, so that what follows knows one way to write each thing: an expectation is a mapping of operations, a
 * statement a mapping of keys, `columns` and `raises` are lists. Each node keeps its place; what is no shorthand stays as it is.
 */
export function normalise(root: MapTree): MapTree {
  return mapped(root, {
    relations: relationsOf,
    templates: relationsOf,
    functions: (functions) => eachEntry(functions, (one) => mapped(one, { expect: calls, raises: asList })),
  });
}

function relationsOf(relations: Tree): Tree {
  return eachEntry(relations, (relation) => mapped(relation, { expect: expectations, raises: asList }));
}

const operations: readonly string[] = [...relationOperations, "*"];
const formKeys: ReadonlySet<string> = new Set(formNames.flatMap((form) => Object.keys(forms[form].keys)));

/** `<who>: deny` and `<who>: { deny: grant }` → `<who>: { '*': { deny: … } }`. */
function expectations(expect: Tree): Tree {
  return eachEntry(expect, (value) => {
    const word = textOf(value);
    if (word === "allow" || word === "deny") return single("*", statement("*", value), value);
    const keys = entriesOf(value).map(({ key }) => key);
    const direct = keys.some((key) => formKeys.has(key)) && !keys.some((key) => operations.includes(key));
    const each = direct ? single("*", value, value) : withMarks(value);
    return mapTree(each, ({ key, value: one }) => (isTarget(key) ? statement(key, one) : one));
  });
}

/** `<who>: { observed: true, select: own }`: each of the operations is marked. */
function withMarks(value: Tree): Tree {
  const mark = entriesOf(value).find(({ key }) => key === "observed");
  if (mark === undefined || value.kind !== "map") return value;
  const others = { ...value, entries: value.entries.filter((one) => one !== mark) };
  return mapTree(others, ({ key, value: one }) => {
    if (!isTarget(key)) return one;
    const spelled = statement(key, one);
    const isMarked = spelled.kind !== "map" || spelled.entries.some((entry) => entry.key === "observed");
    return isMarked ? spelled : { ...spelled, entries: [...spelled.entries, mark] };
  });
}

function calls(expect: Tree): Tree {
  return eachEntry(expect, (value) => statement("execute", value));
}

/** A word → the mapping that it abbreviates; a single column rule → a list of one. */
function statement(target: Target, value: Tree): Tree {
  const on = formsOn(target);
  if (value.kind !== "scalar") return on.includes("columns") ? mapped(value, { columns: asList }) : value;
  const word = textOf(value);
  if (word === undefined) return value;
  if (word === "allow" || word === "deny") return single(word, { ...value, value: true }, value);
  if (on.includes("candidates")) return single("accept", asList(value), value);
  const alone: ScalarTree = { ...value, alone: true };
  return on.includes("rows") ? single("rows", alone, value) : value;
}

function isTarget(key: string): key is Target {
  return operations.includes(key);
}

/** A mapping of one entry, in the place of a node. */
function single(key: string, value: Tree, { at }: Tree): MapTree {
  return { kind: "map", entries: [{ key, keyAt: at, value }], at };
}

function asList(tree: Tree): Tree {
  return tree.kind === "list" ? tree : { kind: "list", items: [tree], at: tree.at };
}

/** The tree with some of its entries replaced. */
function mapped<T extends Tree>(tree: T, by: Readonly<Record<string, (value: Tree) => Tree>>): T {
  return mapTree(tree, ({ key, value }) => (Object.hasOwn(by, key) ? (by[key]?.(value) ?? value) : value));
}

function eachEntry<T extends Tree>(tree: T, change: (value: Tree) => Tree): T {
  return mapTree(tree, ({ value }) => change(value));
}

function mapTree<T extends Tree>(tree: T, change: (entry: Entry) => Tree): T {
  if (tree.kind !== "map") return tree;
  return { ...tree, entries: tree.entries.map((entry) => ({ ...entry, value: change(entry) })) };
}
