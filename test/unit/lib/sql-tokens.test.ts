import { loadModule, scanSync } from "libpg-query";
import { beforeAll, describe, expect, test } from "vitest";
import { tokenizeSql } from "../../../src/lib/sql-tokens.ts";

beforeAll(loadModule);

/** Pieces that end, open or hide each other when they meet. */
const pieces = [
  "'",
  "''",
  "'a'",
  "E'",
  "e'\\'",
  "\\",
  "\\'",
  '"',
  '""',
  '"b"',
  "$$",
  "$t$",
  "$",
  "a$",
  "t$$",
  "--",
  "-",
  "/*",
  "*/",
  "/",
  "*",
  "\n",
  " ",
  "y",
  "e",
  "E",
  "n",
  "U&",
  "1",
  ":",
  "::",
  ":=",
  ":sub",
  "[",
  "]",
  "(",
  ")",
  "array",
  ",",
  "\u00A0",
  "é",
  "😀",
  ";",
];

/** A small generator of its own, so that a failure can be repeated (https://en.wikipedia.org/wiki/Linear_congruential_generator). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function sqlOf(seed: number): string {
  const next = generator(seed);
  return Array.from({ length: 2 + next(10) }, () => pieces[next(pieces.length)]).join("");
}

/** Offsets of what is not code, as Postgres's own scanner sees them; `undefined` when it refuses the text. */
function scanned(sql: string): readonly string[] | undefined {
  const kinds: Readonly<Record<string, string>> = {
    SQL_COMMENT: "comment",
    C_COMMENT: "comment",
    SCONST: "string",
  };
  try {
    return scanSync(sql).tokens.flatMap((token) => {
      // Names in quotes have no token of their own: the text tells.
      const kind = kinds[token.tokenName] ?? (/^(?:u&)?"/i.test(token.text) ? "quoted" : undefined);
      return kind === undefined ? [] : [`${kind} ${token.text}`];
    });
  } catch {
    return undefined;
  }
}

describe("tokenizeSql against Postgres's scanner", () => {
  test("what is a string, a quoted name or a comment is the same in both", () => {
    let compared = 0;
    for (let seed = 1; seed <= 12_000; seed += 1) {
      const sql = sqlOf(seed);
      // Strings with these prefixes are no SCONST; for us they are a word and a string.
      if (/u&|n'/i.test(sql)) continue;
      const theirs = scanned(sql);
      const tokens = tokenizeSql(sql);
      expect(tokens.map(({ text }) => text).join("")).toBe(sql);
      if (theirs === undefined) continue;
      compared += 1;
      const ours = tokens.filter(({ kind }) => kind === "string" || kind === "quoted" || kind === "comment");
      expect({ sql, tokens: ours.map(({ kind, text }) => `${kind} ${text}`) }).toEqual({
        sql,
        tokens: theirs,
      });
    }
    expect(compared).toBeGreaterThan(3000);
  });

  test("what Postgres calls unterminated is not closed", () => {
    for (const sql of [
      "'a",
      "'a''",
      "e'a\\'",
      "e'a'\n'b",
      '"a',
      '"a""',
      "$$a",
      "$t$ $$",
      "/* /* */",
      "/*/",
    ]) {
      expect({ sql, closed: tokenizeSql(sql).every(({ closed }) => closed) }).toEqual({ sql, closed: false });
      expect(() => scanSync(sql)).toThrow(/unterminat/);
    }
  });
});
