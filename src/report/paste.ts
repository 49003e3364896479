import { clean, columns } from "./text.ts";

/*
 * Lines to paste, folded without a change of meaning. What cannot be folded safely stays whole: a line that is too
 * long can still be pasted, a broken one cannot.
 */

/** A block for psql. Its own line breaks stay; long lines break at spaces, long literals where SQL lets them go on. */
export function foldSql(block: string, width: number): readonly string[] {
  const lines = block.trim().split(/\r?\n/);
  // A literal over several lines, or within $$: what looks like a space between words may be data.
  const opaque = /\$\w*\$/.test(block) || lines.some((line) => isOdd(line, "'") || isOdd(line, '"'));
  if (opaque) return lines.map(clean);
  return lines.flatMap((line) => foldSqlLine(clean(line.trimEnd().replaceAll("\t", "  ")), width));
}

/** A shell command: breaks at spaces outside quotes, with a backslash. */
export function foldShell(command: string, width: number): readonly string[] {
  const line = clean(command.trim());
  if (columns(line) <= width || /<<|\$'|(?:^|\s)#/.test(line)) return [line];
  const room = width - " \\".length;
  const lines = fill(withFlags(atoms(line), room - 2), room);
  return lines.map((text, index) => (index === lines.length - 1 ? text : `${text} \\`));
}

/** `-H` and what it takes stay together where there is room: a line that ends in `-H \` reads badly. */
function withFlags(words: readonly Atom[], width: number): readonly Atom[] {
  const joined: Atom[] = [];
  for (const word of words) {
    const last = joined.at(-1)?.text ?? "";
    const both = `${last} ${word.text}`;
    if (/^--?[\w-]+$/.test(last) && columns(both) <= width) {
      joined[joined.length - 1] = { text: both, cut: false };
    } else joined.push(word);
  }
  return joined;
}

function foldSqlLine(line: string, width: number): readonly string[] {
  // psql's own commands and comments end with their line; a backslash may belong to an E literal.
  if (columns(line) <= width || /--|\/\*|\\/.test(line)) return [line];
  const [indent = ""] = /^\s*/.exec(line) ?? [];
  const room = width - indent.length;
  const words = atoms(line.trim()).flatMap((atom) => splitLiteral(atom, room - 2));
  return fill(words, room).map((text) => `${indent}${text}`);
}

function isOdd(line: string, quote: string): boolean {
  return line.split(quote).length % 2 === 0;
}

interface Atom {
  readonly text: string;
  /** The literal goes on: SQL joins its parts only across a line break. */
  readonly cut: boolean;
}

/** Cuts at spaces outside quotes; a doubled quote closes and opens again, which comes to the same. */
function atoms(line: string): readonly Atom[] {
  const found: string[] = [""];
  for (const [character, inside] of quoted(line)) {
    if (character === " " && !inside) found.push("");
    else found[found.length - 1] += character;
  }
  return found.filter((text) => text !== "").map((text) => ({ text, cut: false }));
}

/**
 * Each character, and the quote that contains it (closing quotes included; an escaped space counts as quoted).
 * Within a shell's `$(…)` quoting begins anew at any position.
 */
function* quoted(line: string): Generator<readonly [character: string, quote: string]> {
  const outer: string[] = [];
  let open = "";
  let before = "";
  for (const character of line) {
    const wasOpen = open;
    const escaped = before === "\\";
    if (!escaped && before === "$" && character === "(" && open !== "'") {
      outer.push(open);
      open = "";
    } else if (!escaped && character === ")" && open === "") open = outer.pop() ?? "";
    else if (!escaped && (character === "'" || character === '"')) {
      if (open === "") open = character;
      else if (open === character) open = "";
    }
    yield [character, wasOpen || (escaped ? "\\" : "")];
    // Only a shell's line comes here with backslashes; within single quotes, or after another, one means nothing.
    before = character === "\\" && (escaped || open === "'") ? "" : character;
  }
}

/** `'long literal'` → `'long '` and, on the next line, `'literal'`. */
function splitLiteral(atom: Atom, width: number): readonly Atom[] {
  const parts: Atom[] = [];
  let rest = atom.text;
  while (columns(rest) > width) {
    const at = cutAt(rest, width - 1);
    if (at === undefined) break;
    parts.push({ text: `${rest.slice(0, at)}'`, cut: true });
    rest = `'${rest.slice(at)}`;
  }
  return [...parts, { text: rest, cut: false }];
}

/** The last place within a literal that leaves room for its closing quote; after a comma, if one is near. */
function cutAt(text: string, width: number): number | undefined {
  let at = 0;
  let used = 0;
  let best: number | undefined;
  let comma: number | undefined;
  let before = "'";
  for (const [character, quote] of quoted(text)) {
    // Not right after a quote: nothing would be gained, for ever.
    if (quote === "'" && before !== "'") {
      best = at;
      if (before === ",") comma = at;
    }
    used += columns(character);
    if (used > width) break;
    at += character.length;
    before = character;
  }
  return comma !== undefined && comma > at / 2 ? comma : best;
}

/** Lines of at most `width` columns where the words allow it; all but the first are indented. */
function fill(words: readonly Atom[], width: number): readonly string[] {
  const lines: string[] = [];
  let mustBreak = true;
  for (const { text, cut } of words) {
    const last = lines.at(-1) ?? "";
    if (!mustBreak && columns(last) + 1 + columns(text) <= width) lines[lines.length - 1] = `${last} ${text}`;
    else lines.push(lines.length === 0 ? text : `  ${text}`);
    mustBreak = cut;
  }
  return lines;
}
