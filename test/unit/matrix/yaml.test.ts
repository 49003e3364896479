import { describe, expect, test } from "vitest";
import { issueCodes } from "../../../src/yaml/issues.ts";
import { cases, isMatrix, outcome } from "./case.ts";

const whole = "matrix: m\npersonas:\n  ana: { role: a }\nrelations:\n  courses: { expect: { ana: deny } }\n";

/** Texts that no file of a checkout can hold as it is: git, editors or formatters would change them. */
const texts: readonly { what: string; text: string; want: readonly string[] }[] = [
  { what: "an empty file", text: "", want: ["matrix/empty 1:1"] },
  { what: "comments alone", text: "# nothing\n\n", want: ["matrix/empty 1:1"] },
  { what: "null", text: "~\n", want: ["matrix/empty 1:1"] },
  { what: "a scalar", text: "courses\n", want: ["matrix/wrong-type 1:1"] },
  { what: "a byte order mark is no mistake", text: `\uFEFF${whole}`, want: [] },
  {
    what: "positions do not count a byte order mark",
    text: `\uFEFF${whole.replace("matrix: m", "matrix: 7")}`,
    want: ["matrix/wrong-type 1:9"],
  },
  {
    what: "Windows line ends",
    text: whole.replace("deny", "dney").replaceAll("\n", "\r\n"),
    want: ["matrix/bad-value 5:29"],
  },
  {
    what: "a file that is not UTF-8",
    text: whole.replace("ana:", "an\uFFFD:"),
    want: ["matrix/encoding 3:5"],
  },
  { what: "a NUL character", text: whole.replace("role: a", 'role: "a\\0"'), want: ["matrix/encoding 3:16"] },
  {
    what: "half of a surrogate pair",
    text: whole.replace("role: a", 'role: "\\uD83D"'),
    want: ["matrix/encoding 3:16"],
  },
  { what: "an emoji is whole", text: whole.replace("role: a", 'role: "😀"'), want: [] },
  { what: "a document marker", text: `---\n${whole}...\n`, want: [] },
  {
    what: "a second document after `...`",
    text: `${whole}...\nmatrix: n\n`,
    want: ["matrix/several-documents 7:1"],
  },
  { what: "YAML 1.1", text: `%YAML 1.1\n---\n${whole}`, want: ["matrix/yaml 1:1"] },
  { what: "YAML 1.2", text: `%YAML 1.2\n---\n${whole}`, want: [] },
  { what: "an unknown directive", text: `%ROWGATE 1\n---\n${whole}`, want: ["matrix/yaml 1:1"] },
  {
    what: "lists a thousand deep",
    text: `${whole}vars: ${"[".repeat(1000)}${"]".repeat(1000)}\n`,
    want: ["matrix/nesting 6:71"],
  },
  { what: "brackets that never close", text: "[".repeat(20_000), want: ["matrix/nesting 1:66"] },
  {
    what: "mappings a thousand deep",
    text: Array.from({ length: 1000 }, (_, depth) => `${" ".repeat(depth)}a:\n`).join(""),
    want: ["matrix/nesting 66:66"],
  },
  { what: "an alias bomb", text: bomb(9), want: ["matrix/alias 6:15"] },
  {
    what: "a hundred aliases",
    text: `${whole}vars: { a: &a [1, 2], b: [${"*a, ".repeat(100)}] }\n`,
    want: [],
  },
  {
    what: "a bad alias within a tag",
    text: `${whole}vars: { a: !x &a 1, b: *a }\n`,
    want: ["matrix/tag 6:12"],
  },
  {
    what: "keys of an object's prototype",
    text: `${whole}vars: { __proto__: 1, constructor: 2 }\n__proto__: {}\ntoString: 1\n`,
    want: ["matrix/unknown-key 7:1", "matrix/unknown-key 8:1"],
  },
  { what: "no personas", text: whole.replace("\n  ana: { role: a }", " {}"), want: ["matrix/empty 2:1"] },
  {
    what: "no relations",
    text: whole.replace(/relations:[^]*/, "relations: {}\n"),
    want: ["matrix/empty 4:1"],
  },
];

function bomb(levels: number): string {
  const lines = Array.from({ length: levels }, (_, level) =>
    level === 0
      ? "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"
      : `a${level}: &a${level} [${Array(10)
          .fill(`*a${level - 1}`)
          .join(", ")}]`,
  );
  return `${lines.join("\n")}\n`;
}

describe("what YAML brings along", () => {
  test.each(texts)("$what", ({ text, want }) => {
    const result = outcome(text);
    const got = isMatrix(result) ? [] : result.map(({ code, at }) => `${code} ${at.line}:${at.column}`);
    expect(got).toEqual(want);
  });

  test("every code is shown by a case", () => {
    const shown = new Set([
      ...cases.flatMap(({ want }) => ("wantIssues" in want ? want.wantIssues.map(({ code }) => code) : [])),
      ...texts.flatMap(({ want }) => want.map((line) => line.split(" ")[0])),
    ]);
    expect(issueCodes.filter((code) => !shown.has(`matrix/${code}`))).toEqual([]);
  });
});
