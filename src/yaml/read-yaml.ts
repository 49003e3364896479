import { Composer, LineCounter, Parser } from "yaml";
import type { CST, Document } from "yaml";
import type { SourcePosition } from "../model/errors.ts";
import { type FileKind, matrixFile } from "./file-kind.ts";
import type { Issues } from "./issues.ts";
import type { MapTree } from "./tree.ts";
import { toTree } from "./to-tree.ts";

/** Six levels are needed; what nests far deeper would exhaust the composer's stack. */
const deepest = 64;

/** Text → tree, or `undefined` when the text is no YAML mapping (then that has been reported). Source: YAML 1.2.2. */
export function readYaml(
  text: string,
  file: string,
  issues: Issues,
  kind: FileKind = matrixFile,
): MapTree | undefined {
  const yaml = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const lines = new LineCounter();
  const at = (offset: number): SourcePosition => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const odd = /\uFFFD/.exec(yaml)?.index;
  const tokens = [...new Parser(lines.addNewLine).parse(yaml)];
  if (odd !== undefined) {
    issues.report("matrix/encoding", at(odd), "the file is not UTF-8", "save it as UTF-8");
    return undefined;
  }
  const deep = tooDeep(tokens);
  if (deep !== undefined) {
    issues.report("matrix/nesting", at(deep), `lists and mappings nest more than ${deepest} levels deep`);
    return undefined;
  }
  const document = compose(tokens, yaml, at, issues, kind);
  return document === undefined ? undefined : toTree(document, at, issues, kind);
}

/** The offset of a node that lies too deep; without recursion, since that is what it guards. */
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

type Position = (offset: number) => SourcePosition;

function compose(
  tokens: readonly CST.Token[],
  yaml: string,
  at: Position,
  issues: Issues,
  kind: FileKind,
): Document.Parsed | undefined {
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false, resolveKnownTags: false });
  const [first, second] = [...composer.compose(tokens, true, yaml.length)];
  if (first === undefined) return undefined;
  if (second !== undefined) {
    const hint = `one file holds one ${kind.noun}: put the second into a file of its own`;
    issues.report("matrix/several-documents", at(second.range[0]), "a second document starts here", hint);
  }
  const directive = first.directives.yaml;
  if (directive.explicit === true && directive.version !== "1.2") {
    const message = `a ${kind.noun} is YAML 1.2; \`%YAML ${directive.version}\` would read \`no\` and \`012\` otherwise`;
    issues.report("matrix/yaml", at(0), message, "remove the directive");
  }
  return reportErrors(first, yaml, at, issues, kind) ? undefined : first;
}

/** True when the text is broken; then what was composed of it is a guess. */
function reportErrors(
  document: Document.Parsed,
  yaml: string,
  at: Position,
  issues: Issues,
  kind: FileKind,
): boolean {
  const bareStar = document.warnings.find((warning) => warning.code === "BAD_ALIAS");
  if (bareStar !== undefined) {
    // The alias lacks its name: whatever else is wrong on this line follows from that.
    issues.report(
      "matrix/yaml",
      at(bareStar.pos[0] - 1),
      "an unquoted `*` starts an alias",
      "quote it: `'*'`",
    );
  }
  for (const warning of document.warnings) {
    const where = at(warning.pos[0]);
    if (warning.code === "BAD_DIRECTIVE") issues.report("matrix/yaml", where, warning.message);
    if (warning.code === "TAG_RESOLVE_FAILED") {
      const hint = `a ${kind.noun} holds text, numbers, booleans, null, lists and mappings: quote what is text`;
      issues.report("matrix/tag", where, `the tag \`${yaml.slice(...warning.pos)}\` is not read`, hint);
    }
  }
  const starLine = bareStar === undefined ? undefined : at(bareStar.pos[0]).line;
  for (const { code, pos, message } of document.errors) {
    const where = at(pos[0]);
    if (where.line === starLine) continue;
    if (code === "TAB_AS_INDENT") {
      issues.report("matrix/tab", where, "YAML is indented with spaces; this is a tab", "use spaces");
    } else issues.report("matrix/yaml", where, message);
  }
  return document.errors.length > 0 || bareStar !== undefined;
}
