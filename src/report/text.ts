import stringWidth from "string-width";
import wrapAnsi from "wrap-ansi";

/*
 * Text for terminals. Names, keys and messages come from a database that may be hostile: what could move the cursor,
 * change colours, forge a line or reorder letters is shown as an escape, never sent.
 */

/** Control, format (bidi, zero width), line and paragraph separators, halves of surrogate pairs. */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** `a\u001b[31m` → `a\x1b[31m`, visibly. */
export function clean(text: string): string {
  return text.replaceAll(unsafe, escape);
}

/** JSON that may land on a terminal: JSON.stringify escapes C0 only, and 0x9b begins a control sequence as well. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    found
      .split("")
      .map((unit) => String.raw`\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** For prose, SQL and messages, whose line breaks mean nothing: every run of white space is one space. */
export function oneLine(text: string): string {
  return clean(text.replaceAll(/\s+/g, " ").trim());
}

function escape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === "\n") return String.raw`\n`;
  if (character === "\t") return String.raw`\t`;
  return code < 0x1_00
    ? String.raw`\x${code.toString(16).padStart(2, "0")}`
    : String.raw`\u{${code.toString(16)}}`;
}

/** Columns that a cleaned text takes on a terminal. */
export function columns(text: string): number {
  return plain.test(text) ? text.length : stringWidth(text);
}

/** Most texts are ASCII, and a grid measures many. */
const plain = /^[ -~]*$/;
const graphemes = new Intl.Segmenter();

/** The longest beginning of these characters that fits. */
function head(characters: readonly string[], width: number): readonly string[] {
  let used = 0;
  const end = characters.findIndex((character) => (used += columns(character)) > width);
  return end === -1 ? characters : characters.slice(0, end);
}

/** Cut in the middle: names of personas tend to differ at their ends. */
export function cut(text: string, width: number): string {
  if (columns(text) <= width) return text;
  if (width < 2) return "…".slice(0, width);
  const left = Math.ceil((width - 1) / 2);
  const characters = Array.from(graphemes.segment(text), ({ segment }) => segment);
  const last = head(characters.toReversed(), width - 1 - left).toReversed();
  return `${head(characters, left).join("")}…${last.join("")}`;
}

/** Keeps the words of `2.3 s` or `1 leak` on one line, until {@link wrap} makes spaces of it. */
export function glued(text: string): string {
  return text.replaceAll(" ", glue);
}

const glue = "\u00A0";

/** Lines of at most `width` columns, broken at spaces; a longer word is broken where it must. */
export function wrap(text: string, width: number): readonly string[] {
  return wrapAnsi(text, Math.max(width, 1), { hard: true })
    .split("\n")
    .map((line) => line.replaceAll(glue, " "));
}

/** `label` and a text next to it, wrapped under its own beginning. */
export function labelled(label: string, text: string, width: number, indent = 2, labelWidth = 10): string[] {
  const margin = " ".repeat(indent + labelWidth);
  const first = `${" ".repeat(indent)}${label.padEnd(labelWidth)}`;
  return wrap(text, Math.max(width - margin.length, 20)).map((line, index) =>
    `${index === 0 ? first : margin}${line}`.trimEnd(),
  );
}

/** A paragraph whose later lines are indented a little. */
export function hanging(text: string, width: number, indent = 2): string[] {
  return wrap(text, width - indent).map((line, index) =>
    index === 0 ? line : `${" ".repeat(indent)}${line}`,
  );
}

/** 1234567 → `1,234,567`. */
export function number(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** `1 row`, `2 rows`, `1,234 rows`. */
export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** Milliseconds → `2.3 s`. */
export function seconds(milliseconds: number): string {
  return `${number(Math.floor(milliseconds / 1000))}.${Math.floor((milliseconds % 1000) / 100)} s`;
}
