import type { SourcePosition } from "../model/errors.ts";

/** A YAML document with aliases resolved and a position on every node; nothing else of YAML is left in it. */
export type Tree = ScalarTree | ListTree | MapTree;

export interface ScalarTree {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** As written, without quotes: a number of 20 digits is whole here. */
  readonly source: string;
  /** Written over several lines that YAML joined: its newlines are gone. */
  readonly folded: boolean;
  /** A shorthand: a single word where a mapping is expected. */
  readonly alone?: true;
  readonly at: SourcePosition;
}

export interface ListTree {
  readonly kind: "list";
  readonly items: readonly Tree[];
  readonly at: SourcePosition;
}

export interface Entry {
  readonly key: string;
  readonly keyAt: SourcePosition;
  readonly value: Tree;
}

export interface MapTree {
  readonly kind: "map";
  /** Keys are unique. */
  readonly entries: readonly Entry[];
  readonly at: SourcePosition;
}

/** For messages: `a list`, `text`, `nothing`. */
export function describe(tree: Tree): string {
  if (tree.kind !== "scalar") return tree.kind === "map" ? "a mapping" : "a list";
  if (tree.value === null) return "nothing";
  const kinds = { string: "text", number: "a number", boolean: "a boolean" } as const;
  return kinds[typeof tree.value as keyof typeof kinds];
}

// What follows reads a tree whose shape has been checked: a node of another kind has been reported, and counts as absent.

/** The text of a scalar that is text. */
export function textOf(tree: Tree | undefined): string | undefined {
  return tree?.kind === "scalar" && typeof tree.value === "string" ? tree.value : undefined;
}

export function entriesOf(tree: Tree | undefined): readonly Entry[] {
  return tree?.kind === "map" ? tree.entries : [];
}

export type Fields = ReadonlyMap<string, Entry>;

/** The entries of a mapping by key. */
export function fieldsOf(tree: Tree | undefined): Fields {
  return new Map(entriesOf(tree).map((entry) => [entry.key, entry]));
}

/** A text, and where it is written. */
export interface PlacedText {
  readonly text: string;
  readonly at: SourcePosition;
}

/** The texts of a list, each once. */
export function textsOf(tree: Tree | undefined): readonly PlacedText[] {
  const texts = new Map<string, PlacedText>();
  for (const item of tree?.kind === "list" ? tree.items : []) {
    const text = textOf(item);
    if (text !== undefined && !texts.has(text)) texts.set(text, { text, at: item.at });
  }
  return [...texts.values()];
}

/** Without positions. */
export function plainOf(tree: Tree): unknown {
  if (tree.kind === "scalar") return tree.value;
  if (tree.kind === "list") return tree.items.map(plainOf);
  return Object.fromEntries(tree.entries.map(({ key, value }) => [key, plainOf(value)]));
}

/** The node at a path of keys and of places in lists, with the place of its key. */
export function entryAt(root: Tree, path: readonly PropertyKey[]): Entry | undefined {
  let found: Entry | undefined = { key: "", keyAt: root.at, value: root };
  for (const step of path) found = found && childAt(found.value, step);
  return found;
}

function childAt(tree: Tree, step: PropertyKey): Entry | undefined {
  if (tree.kind === "map") return tree.entries.find(({ key }) => key === step);
  const item = tree.kind === "list" ? tree.items[Number(step)] : undefined;
  return item && { key: String(step), keyAt: item.at, value: item };
}
