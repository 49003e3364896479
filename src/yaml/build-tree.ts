import { isAlias, isMap, isScalar, isSeq } from "yaml";
import type { Alias, Document, Pair, ParsedNode, Scalar } from "yaml";
import type { SourcePosition } from "../model/errors.ts";
import type { Issues } from "./issues.ts";
import type { Entry, ListTree, MapTree, ScalarTree, Tree } from "./tree.ts";
import { describe } from "./tree.ts";

/** What a YAML file is, for messages: a noun that takes `a`, and how such a file begins. */
export interface FileKind {
  readonly noun: string;
  readonly begins: string;
}

/** What the steps of reading one file share. */
export interface Source {
  readonly kind: FileKind;
  readonly issues: Issues;
  /** Offset → position. */
  readonly at: (offset: number) => SourcePosition;
}

/** Nodes that aliases may add: far more than a matrix needs, far fewer than a bomb makes. */
const mostAliased = 250_000;

/** The document's root, when it is a mapping; else `undefined`, which has been reported. */
export function buildTree(document: Document.Parsed, source: Source): MapTree | undefined {
  const { kind, issues, at } = source;
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    issues.report("empty", at(0), `the file holds no ${kind.noun}`, `start with \`${kind.begins}\``);
    return undefined;
  }
  const builder = new Builder(source);
  const root = builder.node(contents, at(0));
  if (builder.broken || root === undefined) return undefined;
  if (root.kind === "map") return root;
  issues.report("wrong-type", root.at, `a ${kind.noun} is a mapping; found ${describe(root)}`);
  return undefined;
}

class Builder {
  /** A node has no value, so that the rest of the file would cause issues that are not its own. */
  broken = false;
  /** By anchor; `undefined` while the anchored node is still being built. */
  readonly #anchors = new Map<string, Tree | undefined>();
  /** Nodes within a node, itself included. */
  readonly #sizes = new Map<Tree, number>();
  #aliased = 0;
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  /** @param home where to point when the node is empty and has no position */
  node(node: ParsedNode | null, home: SourcePosition): Tree | undefined {
    if (node === null) return { kind: "scalar", value: null, source: "", folded: false, at: home };
    const at = this.#source.at(node.range[0]);
    if (isAlias(node)) return this.#alias(node, at);
    const { anchor } = node;
    if (anchor !== undefined) this.#anchors.set(anchor, undefined);
    const tree = isMap(node)
      ? this.#map(node.items, at)
      : isSeq(node)
        ? this.#list(node.items as readonly ParsedNode[], at)
        : this.#scalar(node, home);
    if (anchor !== undefined) this.#anchors.set(anchor, tree);
    return tree;
  }

  #list(nodes: readonly ParsedNode[], at: SourcePosition): ListTree {
    const items = nodes.map((node) => this.node(node, at)).filter((tree) => tree !== undefined);
    return this.#sized({ kind: "list", items, at }, items);
  }

  #map(pairs: readonly Pair<ParsedNode, ParsedNode | null>[], at: SourcePosition): MapTree {
    const entries = new Map<string, Entry>();
    for (const pair of pairs) {
      const key = this.#key(pair.key);
      const keyAt = this.#source.at(pair.key.range[0]);
      const value = this.node(pair.value, keyAt);
      if (key === undefined || value === undefined) continue;
      const first = entries.get(key)?.keyAt;
      if (first === undefined) entries.set(key, { key, keyAt, value });
      else {
        const message = `\`${key}\` is written twice; first in line ${first.line}, column ${first.column}`;
        this.#source.issues.report("duplicate-key", keyAt, message);
      }
    }
    const all = [...entries.values()];
    return this.#sized(
      { kind: "map", entries: all, at },
      all.map((entry) => entry.value),
    );
  }

  #sized<T extends Tree>(tree: T, within: readonly Tree[]): T {
    this.#sizes.set(tree, 1 + within.reduce((sum, one) => sum + this.#sizeOf(one), 0));
    return tree;
  }

  #sizeOf(tree: Tree): number {
    return tree.kind === "scalar" ? 1 : (this.#sizes.get(tree) ?? 1);
  }

  #scalar(node: Scalar.Parsed, home: SourcePosition): ScalarTree {
    const { value, source, type } = node;
    const { at, issues } = this.#source;
    const start = at(node.range[0]);
    if (typeof value === "string" && /\0|\p{Surrogate}/u.test(value)) {
      const message = "text holds a NUL character or half of a surrogate pair, which Postgres cannot store";
      issues.report("encoding", start, message);
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

  #key(node: ParsedNode): string | undefined {
    const { issues } = this.#source;
    const at = this.#source.at(node.range[0]);
    if (isScalar(node) && node.value === "<<" && node.type === "PLAIN") {
      this.broken = true;
      issues.report("merge-key", at, "merge keys (`<<`) are not supported", "write the keys out");
      return undefined;
    }
    if (isScalar(node) && typeof node.value === "string") {
      const key = this.#scalar(node, at);
      if (node.anchor !== undefined) this.#anchors.set(node.anchor, key);
      return node.value;
    }
    const quoted = isScalar(node) && node.source !== "" ? `quote it: \`'${node.source}'\`` : undefined;
    issues.report("key-not-text", at, "a key must be text", quoted);
    return undefined;
  }

  #alias({ source: name }: Alias.Parsed, at: SourcePosition): Tree | undefined {
    const tree = this.#anchors.get(name);
    if (tree === undefined) {
      const inside = this.#anchors.has(name);
      return this.#badAlias(
        at,
        inside
          ? `\`*${name}\` is used inside its own anchor, \`&${name}\``
          : `\`*${name}\` has no anchor above it`,
        inside ? undefined : "text that starts with `*` must be quoted",
      );
    }
    // One report is enough: nothing further is copied.
    if (this.#aliased > mostAliased) return undefined;
    const size = this.#sizeOf(tree);
    this.#aliased += size;
    if (this.#aliased > mostAliased)
      return this.#badAlias(
        at,
        `aliases add more than ${mostAliased} nodes`,
        `write the ${this.#source.kind.noun} out`,
      );
    const copy = { ...tree, at };
    this.#sizes.set(copy, size);
    return copy;
  }

  #badAlias(at: SourcePosition, message: string, hint?: string): undefined {
    this.broken = true;
    this.#source.issues.report("alias", at, message, hint);
  }
}
