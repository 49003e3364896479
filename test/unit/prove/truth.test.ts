import { beforeAll, expect, test } from "vitest";
import { BoundValues, type Question } from "../../../src/prove/analyse/question.ts";
import { Reaches } from "../../../src/prove/analyse/reach.ts";
import { relax } from "../../../src/prove/analyse/relax.ts";
import { resolveNames } from "../../../src/prove/analyse/resolve.ts";
import { Schema } from "../../../src/prove/analyse/schema.ts";
import { loadParser, parseExpression } from "../../../src/lib/sql-tree.ts";
import { truth, type Values, valuesOf } from "../../../src/prove/analyse/truth.ts";
import { columnOf, relationOf } from "../../support/proof-relation.ts";

beforeAll(loadParser);

const relation = relationOf(
  "t",
  ["a", "b"].map((name) => columnOf(name)),
);

/** `yes`, `no`, `nothing` and `fails` stand for what has nothing of the row. */
const answers: Readonly<Record<string, string | null>> = { yes: "true", no: "false", nothing: null };

function possible(text: string): string {
  const schema = new Schema([relation], [], ["public"], {
    volatile: ["random"],
    aggregates: ["max", "count"],
    ownAggregates: [],
    sets: [],
    others: [],
  });
  const reading = { schema, reaches: new Reaches(schema), bounds: new BoundValues() };
  const tree = relax(resolveNames(parseExpression(text), { schema, relation }), reading);
  const values = valuesOf(tree, ({ sql }: Question) => {
    if (sql.includes("fails()")) return { code: "22P02", message: "" };
    if (sql.includes("broken()")) return { code: "42703", message: "" };
    const [, name = ""] = /\b(yes|no|nothing)\(\)/.exec(sql) ?? [];
    if (sql.includes("is not distinct from null")) return { rows: [name === "nothing" ? "null" : null] };
    return { rows: [answers[name] ?? null] };
  });
  return letters(values);
}

function letters(values: Values): string {
  const names = [
    [truth.true, "T"],
    [truth.false, "F"],
    [truth.null, "N"],
    [truth.raises, "E"],
  ] as const;
  return names.flatMap(([bit, letter]) => (values & bit ? letter : "")).join("");
}

test.each([
  ["yes()", "T"],
  ["a = 1", "TFN"],
  ["no() and a = 1", "F"],
  ["nothing() and a = 1", "FN"],
  ["yes() or a = 1", "T"],
  ["no() or a = 1", "TFN"],
  ["not (no() and a = 1)", "T"],
  ["(nothing() and a = 1) is true", "F"],
  ["(a = 1) is not unknown", "TF"],
  ["a is null", "TF"],
  ["coalesce(a = 1, no())", "TF"],
  ["coalesce(nothing() and a = 1, no())", "F"],
  ["coalesce(nothing() and a = 1, yes())", "TF"],
  ["coalesce(no(), yes())", "F"],
  ["case when no() then a = 1 else no() end", "F"],
  ["case when a = 1 then no() end", "FN"],
  ["a = nothing()", "N"],
  ["a = any (nothing())", "N"],
  ["not (nothing() = any (array[a]))", "TN"],
  ["a is distinct from nothing()", "TFN"],
  // An error lets nothing through, but OR may come to the other side first.
  ["fails()", "E"],
  ["fails() and a = 1", "FE"],
  ["fails() or a = 1", "TE"],
  ["not fails()", "E"],
  ["fails() and no()", "FE"],
  ["fails() and yes()", "E"],
  ["not (fails() and no())", "TE"],
  ["a = fails()", "E"],
  // What we cannot ask says nothing.
  ["broken()", "TFN"],
  ["random() < 0.5", "TFN"],
  ["broken() and no()", "F"],
])("%s can be %s", (text, expected) => {
  expect(possible(text)).toBe(expected);
});
