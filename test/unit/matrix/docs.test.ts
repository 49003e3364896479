import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { issueCodes } from "../../../src/yaml/issues.ts";
import { isMatrix, outcome } from "./case.ts";

const text = readFileSync(new URL("../../../docs/matrix.md", import.meta.url), "utf8");
const examples = [...text.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, yaml = ""]) => ({ yaml }));

test.each(examples)("an example is a matrix: $yaml", ({ yaml }) => {
  const result = outcome(yaml);
  expect(isMatrix(result) ? [] : result).toEqual([]);
});

test("there are examples, and each code has its line", () => {
  expect(examples.length).toBeGreaterThan(3);
  const lines = [...text.matchAll(/^\| `(matrix\/[a-z-]+)` \|/gm)].map(([, code]) => code);
  expect(lines).toEqual(issueCodes.map((code) => `matrix/${code}`));
});
