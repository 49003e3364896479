import { Composer, LineCounter, Parser } from "yaml";
import type { CST, Document } from "yaml";
import type { SourcePosition } from "../model/errors.ts";
import { buildTree, type FileKind, type Source } from "./build-tree.ts";
import type { Issues } from "./issues.ts";
import type { MapTree } from "./tree.ts";

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
