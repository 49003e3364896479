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

/** The text of a scalar that is text. */
export function textOf(tree: Tree): string | undefined {
  return tree.kind === "scalar" && typeof tree.value === "string" ? tree.value : undefined;
}
