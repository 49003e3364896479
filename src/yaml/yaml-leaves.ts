import { isScalar } from "yaml";
import type { Alias, ParsedNode, Scalar } from "yaml";
import type { SourcePosition } from "../model/errors.ts";
import type { FileKind } from "./file-kind.ts";
import type { Issues } from "./issues.ts";
import type { ScalarTree, Tree } from "./tree.ts";

/** Nodes that aliases may add: far more than a matrix needs, far fewer than a bomb makes. */
const mostAliased = 250_000;

export interface Reading {
  readonly at: (offset: number) => SourcePosition;
  readonly issues: Issues;
  readonly kind: FileKind;
  /** By anchor; `undefined` while the anchored node is still being read. */
  readonly anchors: Map<string, Tree | undefined>;
  readonly sizes: Map<Tree, number>;
  aliased: number;
  /** Something stands for nothing, so that what is left would cause issues of its own. */
  broken: boolean;
}

/** `home`: where to point when the node is empty and has no place of its own. */
export function readScalar(node: Scalar.Parsed, home: SourcePosition, { at, issues }: Reading): ScalarTree {
  const { value, source, type } = node;
  const start = at(node.range[0]);
  if (typeof value === "string" && /\0|\p{Surrogate}/u.test(value)) {
    const message = "text holds a NUL character or half of a surrogate pair, which Postgres cannot store";
    issues.report("matrix/encoding", start, message);
  }
  const known = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return {
    kind: "scalar",
    value: known ? value : null,
    source,
    folded: type !== "BLOCK_LITERAL" && start.line !== at(node.range[1]).line,
    at: source === "" && value === null ? home : start,
  };
}

export function readKey(node: ParsedNode, reading: Reading): string | undefined {
  const { issues } = reading;
  const at = reading.at(node.range[0]);
  if (isScalar(node) && node.value === "<<" && node.type === "PLAIN") {
    reading.broken = true;
    issues.report("matrix/merge-key", at, "merge keys (`<<`) are not read", "write the keys out");
    return undefined;
  }
  if (isScalar(node) && typeof node.value === "string") {
    const key = readScalar(node, at, reading);
    if (node.anchor !== undefined) reading.anchors.set(node.anchor, key);
    return node.value;
  }
  const quoted = isScalar(node) && node.source !== "" ? `quote it: \`'${node.source}'\`` : undefined;
  issues.report("matrix/key-not-text", at, "a key must be text", quoted);
  return undefined;
}

export function readAlias(node: Alias.Parsed, at: SourcePosition, reading: Reading): Tree | undefined {
  const { issues, anchors, sizes } = reading;
  const tree = anchors.get(node.source);
  if (tree === undefined) {
    reading.broken = true;
    const inside = anchors.has(node.source);
    const message = inside
      ? `\`*${node.source}\` stands inside what \`&${node.source}\` names`
      : `\`*${node.source}\` names no anchor above it`;
    issues.report(
      "matrix/alias",
      at,
      message,
      inside ? undefined : "text that starts with `*` must be quoted",
    );
    return undefined;
  }
  // Once is enough: what follows is not read any more.
  if (reading.aliased > mostAliased) return undefined;
  reading.aliased += sizes.get(tree) ?? 1;
  if (reading.aliased > mostAliased) {
    reading.broken = true;
    issues.report(
      "matrix/alias",
      at,
      `aliases add more than ${mostAliased} nodes`,
      `write the ${reading.kind.noun} out`,
    );
    return undefined;
  }
  const copy = { ...tree, at };
  sizes.set(copy, sizes.get(tree) ?? 1);
  return copy;
}
