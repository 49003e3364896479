import { isAlias, isMap, isScalar, isSeq } from "yaml";
import type { Document, Pair, ParsedNode } from "yaml";
import type { SourcePosition } from "../model/errors.ts";
import type { FileKind } from "./file-kind.ts";
import type { Issues } from "./issues.ts";
import type { Entry, ListTree, MapTree, Tree } from "./tree.ts";
import { describe } from "./tree.ts";
import type { Reading } from "./yaml-leaves.ts";
import { readAlias, readKey, readScalar } from "./yaml-leaves.ts";

/** The document's root, when it is a mapping. */
export function toTree(
  document: Document.Parsed,
  at: (offset: number) => SourcePosition,
  issues: Issues,
  kind: FileKind,
): MapTree | undefined {
  const reading: Reading = {
    at,
    issues,
    kind,
    anchors: new Map(),
    sizes: new Map(),
    aliased: 0,
    broken: false,
  };
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    issues.report("matrix/empty", at(0), `the file holds no ${kind.noun}`, `start with \`${kind.begins}\``);
    return undefined;
  }
  const root = read(contents, at(0), reading);
  if (reading.broken || root === undefined) return undefined;
  if (root.kind === "map") return root;
  issues.report("matrix/wrong-type", root.at, `a ${kind.noun} is a mapping; found ${describe(root)}`);
  return undefined;
}

/** `home`: where to point when the node is empty and has no place of its own. */
function read(node: ParsedNode | null, home: SourcePosition, reading: Reading): Tree | undefined {
  if (node === null) return { kind: "scalar", value: null, source: "", folded: false, at: home };
  const at = reading.at(node.range[0]);
  if (isAlias(node)) return readAlias(node, at, reading);
  const anchor = node.anchor;
  if (anchor !== undefined) reading.anchors.set(anchor, undefined);
  const [tree, size] = isMap(node)
    ? readMap(node.items, at, reading)
    : isSeq(node)
      ? readList(node.items, at, reading)
      : [readScalar(node, home, reading), 1];
  reading.sizes.set(tree, size);
  if (anchor !== undefined) reading.anchors.set(anchor, tree);
  return tree;
}

function readList(items: readonly unknown[], at: SourcePosition, reading: Reading): [ListTree, number] {
  const trees = items
    .map((item) => read(item as ParsedNode, at, reading))
    .filter((tree) => tree !== undefined);
  return [{ kind: "list", items: trees, at }, 1 + total(trees, reading)];
}

function readMap(
  pairs: readonly Pair<ParsedNode, ParsedNode | null>[],
  at: SourcePosition,
  reading: Reading,
): [MapTree, number] {
  const entries = new Map<string, Entry>();
  for (const pair of pairs) {
    const key = readKey(pair.key, reading);
    const keyAt = reading.at(pair.key.range[0]);
    const value = read(pair.value, keyAt, reading);
    if (key === undefined || value === undefined) continue;
    const first = entries.get(key);
    if (first === undefined) entries.set(key, { key, keyAt, value });
    else {
      const message = `\`${key}\` is written twice; first in line ${first.keyAt.line}, column ${first.keyAt.column}`;
      reading.issues.report("matrix/duplicate-key", keyAt, message);
    }
  }
  const all = [...entries.values()];
  return [
    { kind: "map", entries: all, at },
    1 +
      total(
        all.map((entry) => entry.value),
        reading,
      ),
  ];
}

function total(trees: readonly Tree[], reading: Reading): number {
  return trees.reduce((sum, tree) => sum + (reading.sizes.get(tree) ?? 1), 0);
}
