import { describe, expect, it } from "vitest";

import {
  clean,
  columns,
  cut,
  glued,
  labelled,
  number,
  oneLine,
  plural,
  safeJson,
  seconds,
  wrap,
} from "../../../src/report/text.ts";

describe("clean", () => {
  it.each([
    ["plain", "plain"],
    ["a\nb\tc", String.raw`a\nb\tc`],
    ["\u001B[31mred", String.raw`\x1b[31mred`],
    ["\u009B2J", String.raw`\x9b2J`],
    ["\u007F\u0000", String.raw`\x7f\x00`],
    ["a\u202Eb\u2066c", String.raw`a\u{202e}b\u{2066}c`],
    ["a\u200Bb\uFEFF", String.raw`a\u{200b}b\u{feff}`],
    ["a\u2028b", String.raw`a\u{2028}b`],
    ["\uD800", String.raw`\u{d800}`],
    ["ñandú 学生 🙂", "ñandú 学生 🙂"],
  ])("%j is shown as %j", (text, shown) => {
    expect(clean(text)).toBe(shown);
  });

  it("oneLine makes one space of white space, and escapes the rest", () => {
    expect(oneLine("  a\n  b\t\u001Bc ")).toBe(String.raw`a b \x1bc`);
  });
});

describe("columns", () => {
  it.each([
    ["abc", 3],
    ["ñ", 1],
    ["n\u0303", 1],
    ["学生", 4],
    ["🙂", 2],
    ["ｆ", 2],
    ["…–·", 3],
  ])("%j takes %i", (text, width) => {
    expect(columns(text)).toBe(width);
  });
});

describe("cut", () => {
  it.each([
    ["short", 10, "short"],
    ["estudiante_1", 7, "est…e_1"],
    ["学生学生", 5, "学…生"],
    ["abc", 1, "…"],
    ["abc", 0, ""],
  ])("%j in %i columns", (text, width, short) => {
    expect(cut(text, width)).toBe(short);
    expect(columns(cut(text, width))).toBeLessThanOrEqual(width);
  });
});

describe("wrap", () => {
  it.each<[string, number, string[]]>([
    ["one two three", 7, ["one two", "three"]],
    ["abcdefghij", 4, ["abcd", "efgh", "ij"]],
    ["a  b", 10, ["a  b"]],
    ["aaa  bbb", 4, ["aaa", "bbb"]],
    ["学生学生", 2, ["学", "生", "学", "生"]],
    ["", 5, [""]],
    [`in ${glued("2.3 s")}`, 6, ["in", "2.3 s"]],
  ])("%j at %i", (text, width, lines) => {
    expect(wrap(text, width)).toEqual(lines);
  });

  it("labelled keeps later lines under the first", () => {
    expect(labelled("is", "one two three four", 32)).toEqual(["  is        one two three four"]);
    expect(labelled("is", "one two three four five", 32)).toEqual([
      "  is        one two three four",
      "            five",
    ]);
  });
});

describe("numbers", () => {
  it.each([
    [number(0), "0"],
    [number(999), "999"],
    [number(1_234_567), "1,234,567"],
    [plural(1, "row"), "1 row"],
    [plural(1234, "row"), "1,234 rows"],
    [plural(2, "diverged", "diverged"), "2 diverged"],
    [seconds(2345), "2.3 s"],
    [seconds(999), "0.9 s"],
    [seconds(1_234_567), "1,234.5 s"],
  ])("%s", (shown, expected) => {
    expect(shown).toBe(expected);
  });
});

describe("safeJson", () => {
  it("escapes what a terminal would obey, and still says the same", () => {
    const value = { "a\u009B": "\u001B[2J \u202E \u{E0001} ñ 🙂 \u2028" };
    expect(safeJson(value)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(JSON.parse(safeJson(value))).toEqual(value);
    expect(safeJson(value)).toContain("ñ 🙂");
  });
});
