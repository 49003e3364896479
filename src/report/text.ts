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

/** First and last code points of what terminals draw two columns wide. Source: Unicode's EastAsianWidth (W and F). */
const wide: readonly (readonly [number, number])[] = [
  [0x11_00, 0x11_5f],
  [0x2e_80, 0x30_3e],
  [0x30_41, 0xa4_cf],
  [0xac_00, 0xd7_a3],
  [0xf9_00, 0xfa_ff],
  [0xfe_30, 0xfe_6f],
  [0xff_00, 0xff_60],
  [0xff_e0, 0xff_e6],
  [0x1_f3_00, 0x1_fa_ff],
  [0x2_00_00, 0x3_ff_fd],
];

/** Columns that a cleaned text takes on a terminal. */
export function columns(text: string): number {
  let sum = 0;
  for (const character of text) sum += columnsOf(character);
  return sum;
}

function columnsOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x3_00) return 1;
  if (/\p{M}/u.test(character)) return 0;
  return wide.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

/** The longest beginning that fits. */
function head(text: string, width: number): string {
  let used = 0;
  let end = 0;
  for (const character of text) {
    used += columnsOf(character);
    if (used > width) break;
    end += character.length;
  }
  return text.slice(0, end);
}

function tail(text: string, width: number): string {
  const characters = [...text];
  let used = 0;
  let from = characters.length;
  while (from > 0 && used + columnsOf(characters[from - 1] ?? "") <= width) {
    from -= 1;
    used += columnsOf(characters[from] ?? "");
  }
  return characters.slice(from).join("");
}

/** Cut in the middle: names of personas tend to differ at their ends. */
export function cut(text: string, width: number): string {
  if (columns(text) <= width) return text;
  if (width < 2) return "…".slice(0, width);
  const left = Math.ceil((width - 1) / 2);
  return `${head(text, left)}…${tail(text, width - 1 - left)}`;
}

/** Keeps the words of `2.3 s` or `1 leak` on one line, until {@link wrap} makes spaces of it. */
export function glued(text: string): string {
  return text.replaceAll(" ", glue);
}

const glue = "\u00A0";

/** Lines of at most `width` columns, broken at spaces; a longer word is broken where it must. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((long) => pieces(long, width))) {
    const joined = line === "" ? word : `${line} ${word}`;
    if (columns(joined) <= width) line = joined;
    else {
      if (line !== "") lines.push(line.trimEnd());
      line = word;
    }
  }
  return [...lines, line].map((wrapped) => wrapped.replaceAll(glue, " "));
}

function pieces(word: string, width: number): readonly string[] {
  const parts: string[] = [];
  let rest = word;
  while (columns(rest) > width) {
    // A width of one cannot hold a wide letter: take it all the same, or this never ends.
    const part = head(rest, width) || [...rest].slice(0, 1).join("");
    parts.push(part);
    rest = rest.slice(part.length);
  }
  return rest === "" && parts.length > 0 ? parts : [...parts, rest];
}

/** `label` and a text beside it, wrapped under its own beginning. */
export function labelled(label: string, text: string, width: number, indent = 2, labelWidth = 10): string[] {
  const margin = " ".repeat(indent + labelWidth);
  const first = `${" ".repeat(indent)}${label.padEnd(labelWidth)}`;
  return wrap(text, Math.max(width - margin.length, 20)).map((line, index) =>
    `${index === 0 ? first : margin}${line}`.trimEnd(),
  );
}

/** A paragraph whose later lines stand a little to the right. */
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
