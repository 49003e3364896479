import { describe, expect, test } from "vitest";
import { filterOf } from "../../../src/plan/filters.ts";

const ids = [
  "ana/public.f/select",
  "ana/public.f/execute",
  "ana/public.f/execute(own)",
  "ana/public.f/execute(other)",
  "luis/public.f(uuid,text)/execute",
];

/** Parentheses of an id are letters of it; those of a glob group only after one of `? * + @ !`. */
const cases: readonly (readonly [string, readonly number[]])[] = [
  ["ana/public.f/execute(own)", [2]],
  ["*/public.f/execute(*)", [2, 3]],
  ["*/*/execute(o*)", [2, 3]],
  ["*/public.f/execute*", [1, 2, 3]],
  ["*/public.f(uuid,text)/execute", [4]],
  ["*/public.f(*)/execute", [4]],
  ["{ana,luis}/public.f/execute(own)", [2]],
  ["@(ana|boss)/**", [0, 1, 2, 3]],
  ["!(ana)/**", [4]],
  ["ana/public.f/execute", [1]],
];

describe("--only", () => {
  test.each(cases)("%s", (glob, wanted) => {
    const wants = filterOf({ only: [glob], personas: [] });
    expect(ids.flatMap((id, index) => (wants(id, "") ? [index] : []))).toEqual(wanted);
  });

  test("takes along what belongs to an operation, a call, or all calls", () => {
    const wants = filterOf({
      only: ["*/public.f/execute", "luis/public.f/execute(own)/phone"],
      personas: [],
    });
    expect(wants("ana/public.f/execute(own)", "ana", "ana/public.f/execute")).toBe(true);
    expect(wants("luis/public.f/execute(own)/phone", "luis")).toBe(true);
    expect(wants("luis/public.f/execute(own)/email", "luis", "luis/public.f/execute(own)")).toBe(false);
  });
});
