import { expect, test } from "vitest";
import { listNames, nearest } from "../../../src/lib/nearest.ts";

const cases: readonly { name: string; known: readonly string[]; want: string | undefined }[] = [
  { name: "grnt", known: ["grant", "filter", "check"], want: "grant" },
  { name: "usb", known: ["role", "sub"], want: "sub" },
  { name: "studnets", known: ["students"], want: "students" },
  { name: "Select", known: ["select"], want: "select" },
  { name: "enroled_or_owner", known: ["enrolled_or_owner"], want: "enrolled_or_owner" },
  { name: "own", known: ["owner"], want: undefined },
  { name: "is_public", known: ["public"], want: undefined },
  { name: "ab", known: ["cd", "a"], want: undefined },
  { name: "anna", known: ["eva", "ana", "anja"], want: "ana" },
  { name: "own", known: ["own"], want: undefined },
  { name: "owned", known: ["owned", "owner"], want: "owner" },
  { name: "caf\u00e9s", known: ["cafe\u0301s"], want: undefined },
  { name: "x", known: [], want: undefined },
  { name: "", known: ["a"], want: undefined },
];

test.each(cases)("$name among $known", ({ name, known, want }) => {
  expect(nearest(name, known)).toBe(want);
});

test("long lists are cut", () => {
  expect(listNames(["a", "b", "c"], 2)).toBe("`a`, `b` and 1 more");
  expect(listNames(["a", "b"], 2)).toBe("`a`, `b`");
});
