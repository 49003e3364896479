import {
  type Alias,
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  type ParsedNode,
  Parser,
  type Scalar,
} from "yaml";
import type { SourcePosition } from "../model/errors.ts";
import type { Issues } from "./issues.ts";
import { describe, type Entry, type ListTree, type MapTree, type ScalarTree, type Tree } from "./tree.ts";

/** Six levels are needed; far deeper nesting would exhaust the composer's stack. */
const deepest = 64;

/** Text → tree; `undefined` when the text is no YAML mapping, which has been reported. Source: YAML 1.2.2. */
export function readYaml(text: string, file: string, kind: FileKind, issues: Issues): MapTree | undefined {
  const yaml = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const lines = new LineCounter();
  const at = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const tokens = [...new Parser(lines.addNewLine).parse(yaml)];
  const odd = /\uFFFD/.exec(yaml)?.index;
  if (odd !== undefined) {
    issues.report("encoding", at(odd), "the file is not UTF-8", "save it as UTF-8");
    return undefined;
  }
  const deep = tooDeep(tokens);
  if (deep !== undefined) {
    issues.report("nesting", at(deep), `lists and mappings nest more than ${deepest} levels deep`);
    return undefined;
  }
  const source = { kind, issues, at };
  const document = compose(tokens, yaml, source);
  return document && buildTree(document, source);
}

/** The offset of a node that lies too deep. It guards against deep recursion, so it does not recurse. */
function tooDeep(tokens: readonly CST.Token[]): number | undefined {
  const open: { token: CST.Token; depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (depth > deepest) return token.offset;
    if (token.type === "document" && token.value !== undefined) open.push({ token: token.value, depth });
    if (!("items" in token)) continue;
    for (const { key, value } of token.items) {
      if (key !== undefined && key !== null) open.push({ token: key, depth: depth + 1 });
      if (value !== undefined) open.push({ token: value, depth: depth + 1 });
    }
  }
  return undefined;
}

function compose(tokens: readonly CST.Token[], yaml: string, source: Source): Document.Parsed | undefined {
  const { kind, issues, at } = source;
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false, resolveKnownTags: false });
  const [first, second] = [...composer.compose(tokens, true, yaml.length)];
  if (first === undefined) return undefined;
  if (second !== undefined) {
    const hint = `one file holds one ${kind.noun}: put the second into its own file`;
    issues.report("several-documents", at(second.range[0]), "a second document starts here", hint);
  }
  const directive = first.directives.yaml;
  if (directive.explicit === true && directive.version !== "1.2") {
    const message = `a ${kind.noun} is YAML 1.2; \`%YAML ${directive.version}\` would read \`no\` and \`012\` differently`;
    issues.report("yaml", at(0), message, "remove the directive");
  }
  return reportErrors(first, yaml, source) ? undefined : first;
}

/** True when the text is broken; then what was composed of it is a guess. */
function reportErrors(document: Document.Parsed, yaml: string, { kind, issues, at }: Source): boolean {
  const bareStar = document.warnings.find((warning) => warning.code === "BAD_ALIAS");
  if (bareStar !== undefined) {
    const place = at(bareStar.pos[0] - 1);
    issues.report("yaml", place, "an unquoted `*` starts an alias", "quote it: `'*'`");
  }
  for (const warning of document.warnings) {
    const where = at(warning.pos[0]);
    if (warning.code === "BAD_DIRECTIVE") issues.report("yaml", where, warning.message);
    if (warning.code === "TAG_RESOLVE_FAILED") {
      const hint = `a ${kind.noun} holds text, numbers, booleans, null, lists and mappings: quote text`;
      issues.report("tag", where, `the tag \`${yaml.slice(...warning.pos)}\` is not supported`, hint);
    }
  }
  // The alias lacks its name: other errors of its line follow from that.
  const starLine = bareStar === undefined ? undefined : at(bareStar.pos[0]).line;
  for (const { code, pos, message } of document.errors) {
    const where = at(pos[0]);
    if (where.line === starLine) continue;
    if (code === "TAB_AS_INDENT")
      issues.report("tab", where, "YAML is indented with spaces; this is a tab", "use spaces");
    else issues.report("yaml", where, message);
  }
  return document.errors.length > 0 || bareStar !== undefined;
}

/** What a YAML file is, for messages: a noun that takes `a`, and how such a file begins. */
interface FileKind {
  readonly noun: string;
  readonly begins: string;
}

/** What the steps of reading one file share. */
interface Source {
  readonly kind: FileKind;
  readonly issues: Issues;
  /** Offset → position. */
  readonly at: (offset: number) => SourcePosition;
}

/** Nodes that aliases may add: far more than a matrix needs, far fewer than a bomb makes. */
const mostAliased = 250_000;

/** The document's root, when it is a mapping; else `undefined`, which has been reported. */
function buildTree(document: Document.Parsed, source: Source): MapTree | undefined {
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
