/**
 * As much of Postgres's lexer as it takes to tell code from what only looks like code.
 * Source: https://www.postgresql.org/docs/current/sql-syntax-lexical.html (with `standard_conforming_strings` on).
 */
export type SqlTokenKind =
  | "space"
  | "comment"
  /** '…', E'…', $tag$…$tag$ */
  | "string"
  /** "…" */
  | "quoted"
  | "word"
  | "number"
  /** `$1` */
  | "positional"
  /** `:name` */
  | "parameter"
  | "punctuation";

export interface SqlToken {
  readonly kind: SqlTokenKind;
  readonly text: string;
  /** Offset in the SQL, in UTF-16 units. */
  readonly index: number;
  /** False when a string, a quoted name or a block comment runs into the end of the text. */
  readonly closed: boolean;
}

/** Every character beyond ASCII belongs to a word, a no-break space too. */
const letter = "A-Za-z_\\u0080-\\uffff";
/** What follows the colon of a parameter. */
export const parameterName: string = `[${letter}][${letter}0-9$]*(?:\\.[${letter}0-9$]+)*`;
/** Between literals that Postgres reads as one: it takes a newline, and comments do not count. */
const gap = String.raw`[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*`;
const escaped = String.raw`[^'\\]*(?:(?:''|\\[^])[^'\\]*)*`;
const plain = String.raw`[^']*(?:''[^']*)*`;

/** First match wins. A closing group that stayed empty is an unclosed token. */
const patterns: readonly (readonly [SqlTokenKind, RegExp])[] = [
  ["space", /[ \t\n\r\f\v]+/y],
  ["comment", /--[^\n\r]*/y],
  // A backslash escapes in the parts that follow an E string, too.
  ["string", new RegExp(`[eE]'${escaped}(?:'${gap}'${escaped})*(?<close>'?)`, "y")],
  ["string", new RegExp(`'${plain}(?:'${gap}'${plain})*(?<close>'?)`, "y")],
  ["quoted", /"[^"]*(?:""[^"]*)*(?<close>"?)/y],
  ["word", new RegExp(`[${letter}][${letter}0-9$]*`, "y")],
  ["number", /\d+(?:\.\d+)?/y],
  ["positional", /\$\d+/y],
  ["punctuation", /::|:=/y],
  // Words whole, as Postgres takes them: `:claims.año` must not be read as `:claims.a`.
  ["parameter", new RegExp(`:(?![eE]')${parameterName}`, "y")],
  // `u`: a character outside the BMP stays whole.
  ["punctuation", /[^]/uy],
];

const dollarQuote = new RegExp(`\\$(?:[${letter}][${letter}0-9]*)?\\$`, "y");

export function tokenizeSql(sql: string): readonly SqlToken[] {
  const tokens: SqlToken[] = [];
  const slices = sliceWatch();
  for (let index = 0; index < sql.length;) {
    let token = blockComment(sql, index) ?? dollarString(sql, index) ?? simple(sql, index);
    if (token.kind === "parameter" && slices.takesColon()) {
      token = { kind: "punctuation", text: ":", index, closed: true };
    }
    slices.see(token);
    tokens.push(token);
    index += token.text.length;
  }
  return tokens;
}

function simple(sql: string, index: number): SqlToken {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = index;
    const match = pattern.exec(sql);
    if (match !== null) return { kind, text: match[0], index, closed: match.groups?.["close"] !== "" };
  }
  return { kind: "punctuation", text: sql.charAt(index), index, closed: true };
}

/** Block comments nest in Postgres, unlike in C. */
function blockComment(sql: string, index: number): SqlToken | undefined {
  if (!sql.startsWith("/*", index)) return undefined;
  const edge = /\/\*|\*\//g;
  edge.lastIndex = index;
  let depth = 0;
  for (let match = edge.exec(sql); match !== null; match = edge.exec(sql)) {
    depth += match[0] === "/*" ? 1 : -1;
    if (depth === 0) return { kind: "comment", text: sql.slice(index, edge.lastIndex), index, closed: true };
  }
  return { kind: "comment", text: sql.slice(index), index, closed: false };
}

function dollarString(sql: string, index: number): SqlToken | undefined {
  dollarQuote.lastIndex = index;
  const open = dollarQuote.exec(sql)?.[0];
  if (open === undefined) return undefined;
  const end = sql.indexOf(open, index + open.length);
  const text = end === -1 ? sql.slice(index) : sql.slice(index, end + open.length);
  return { kind: "string", text, index, closed: end !== -1 };
}

interface Bracket {
  readonly open: string;
  /** `a[…]`, where a colon parts the bounds of a slice; not `array[…]`. */
  readonly subscript: boolean;
  sliced: boolean;
}

/** Knows whether the next colon belongs to a slice: `a[1:n]`, `a[:n]`, but not `array[:sub]` or `a[(:sub)]`. */
function sliceWatch(): { takesColon(): boolean; see(token: SqlToken): void } {
  const open: Bracket[] = [];
  let last: SqlToken | undefined;
  const constructs = (): boolean =>
    last?.kind === "word"
      ? last.text.toLowerCase() === "array"
      : open.at(-1)?.open === "[" && open.at(-1)?.subscript === false && /^[[,]$/.test(last?.text ?? "");
  return {
    takesColon: () => open.at(-1)?.subscript === true && open.at(-1)?.sliced === false,
    see(token) {
      const { kind, text } = token;
      if (kind === "space" || kind === "comment") return;
      if (kind === "punctuation") {
        const top = open.at(-1);
        if (text === "(") open.push({ open: text, subscript: false, sliced: false });
        else if (text === "[") open.push({ open: text, subscript: !constructs(), sliced: false });
        else if (text === ")" || text === "]") open.pop();
        else if (text === ":" && top !== undefined) top.sliced = true;
      }
      last = token;
    },
  };
}
