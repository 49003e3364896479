import { expect, test } from "vitest";
import { isThroughOrRefused } from "../../../src/probe/policy-refusal.ts";
import type { Answer } from "../../../src/model/observation.ts";

test.each<[string, Answer, boolean]>([
  ["it went through", { code: null, rows: 0 }, true],
  ["a policy", { code: "42501" }, true],
  ["a function of a trigger's", { code: "42501", foreignFrame: true }, false],
  ["a view's check option", { code: "44000" }, true],
  ["safeupdate", { code: "21000", message: "UPDATE requires a WHERE clause" }, true],
  ["two rows for one value", { code: "21000", message: "more than one row returned by a subquery" }, false],
  ["a unique key, once the policies have let the row through", { code: "23505" }, false],
  ["a trigger", { code: "P0001", message: "locked" }, false],
])("%s: whether the write went through, or was refused", (_, answer, expected) => {
  expect(isThroughOrRefused(answer)).toBe(expected);
});
