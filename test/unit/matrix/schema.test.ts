import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { normalise } from "../../../src/matrix/parse.ts";
import { matrixJsonSchema, matrixShape } from "../../../src/matrix/shapes.ts";
import { checkShape } from "../../../src/yaml/check-shape.ts";
import { collectIssues } from "../../../src/yaml/issues.ts";
import { readYaml } from "../../../src/yaml/read-yaml.ts";
import { plainOf } from "../../../src/yaml/tree.ts";
import { cases } from "./case.ts";

const file = readFileSync(new URL("../../../matrix.schema.json", import.meta.url), "utf8");
const schema = z.fromJSONSchema(JSON.parse(file) as Parameters<typeof z.fromJSONSchema>[0]);

/** What a schema can see: names that name nothing, contradictions and SQL are beyond it. */
const seen = [
  "error-unknown-keys.yaml",
  "error-missing-keys.yaml",
  "error-wrong-types.yaml",
  "error-empty-places.yaml",
  "error-names.yaml",
  "error-role.yaml",
  "error-settings.yaml",
  "error-token-written-out.yaml",
  "error-unknown-reason.yaml",
  "error-unknown-word.yaml",
  "error-misplaced-keys.yaml",
  "error-ambiguous-expectation.yaml",
  "error-waivers.yaml",
  "error-functions.yaml",
  "error-not-a-mapping.yaml",
];

describe("matrix.schema.json", () => {
  test("is what `npm run schema` writes", () => {
    expect(file).toBe(matrixJsonSchema());
  });

  const valid = cases.filter(({ want }) => "wantDeclarations" in want);
  test.each(valid)("accepts $file", ({ text }) => {
    expect(schema.safeParse(parse(text)).error?.issues).toBeUndefined();
  });

  const invalid = cases.filter((one) => seen.includes(one.file));
  test.each(invalid)("refuses $file", ({ text }) => {
    expect(schema.safeParse(parse(text)).success).toBe(false);
  });

  // The check walks the shapes itself, for the sake of places: it must refuse whatever zod refuses. (Values are read later,
  // and a number that JSON cannot hold is refused there.)
  const shaped = cases.filter((one) => one.file !== "error-numbers-that-json-changes.yaml");
  test.each(shaped)("the check with places refuses what zod refuses: $file", ({ text }) => {
    const kind = { noun: "matrix", begins: "matrix:" };
    const root = readYaml(text, "m.yaml", kind, collectIssues("matrix"));
    if (root === undefined) return;
    const tree = normalise(root);
    const { broken } = checkShape(tree, matrixShape, "the matrix", collectIssues("matrix"));
    expect(matrixShape.safeParse(plainOf(tree)).success || broken.size > 0).toBe(true);
  });

  test("every file of the list exists", () => {
    expect(invalid.map((one) => one.file)).toEqual(seen.toSorted());
  });
});
