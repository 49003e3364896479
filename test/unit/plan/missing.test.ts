import { expect, test } from "vitest";
import type { Catalog, RelationInfo } from "../../../src/model/catalog.ts";
import type { FunctionSpec, Matrix, RelationSpec } from "../../../src/model/matrix.ts";
import { nearest } from "../../../src/plan/missing.ts";
import { preflight } from "../../../src/plan/preflight.ts";

const many = 5_000;
const at = { file: "case.yaml", line: 1, column: 1 };

function numbered<T>(make: (index: number) => unknown): readonly T[] {
  return Array.from({ length: many }, (_, index) => make(index) as T);
}

/** Of names, and nothing else: that is all that is asked of what is not there. */
const catalog = {
  database: "shop",
  roles: [],
  relations: numbered<RelationInfo>((n) => ({ schema: "public", name: `orders_${n}` })),
  routines: numbered((n) => ({ schema: "public", name: `price_${n}`, arguments: [] })),
} as unknown as Catalog;

test("of thousands of names that are not there each is told, and those that a person reads with what was meant", () => {
  const matrix = {
    personas: [],
    relations: numbered<RelationSpec>((n) => ({ schema: "public", name: `ordres_${n}`, at })),
    functions: numbered<FunctionSpec>((n) => ({
      schema: "public",
      name: `prize_${n}`,
      types: undefined,
      declarations: [],
      at,
    })),
  } as unknown as Matrix;
  const issues = preflight(matrix, catalog);
  for (const [code, name, meant] of [
    ["preflight/missing-relation", "ordres", "orders"],
    ["preflight/missing-function", "prize", "price"],
  ] as const) {
    const found = issues.filter((one) => one.code === code);
    expect(found.map(({ message }) => /public\.\w+/.exec(message)?.[0])).toEqual(
      numbered((n) => `public.${name}_${n}`),
    );
    const hinted = found.filter(({ hint }) => hint?.startsWith("did you mean"));
    expect(hinted.map(({ hint }) => hint)).toEqual(
      found.slice(0, 200).map((_, n) => `did you mean public.${meant}_${n}?`),
    );
    const other = new Set(found.slice(200).map(({ hint }) => hint));
    expect([...other]).toEqual(["apply the migration that creates it, or take it out of the matrix"]);
  }
});

test.each([
  ["public.nots", ["public.notes", "public.orders"], "did you mean public.notes?"],
  ["public.nots", ["public.orders", "audit.notes"], undefined],
  ["id", ["identity", "ip"], "did you mean ip?"],
  ["id", ["owner"], undefined],
  ["id", [], undefined],
])("%s among %j", (name, known, hint) => {
  expect(nearest(name, known)).toBe(hint);
});
