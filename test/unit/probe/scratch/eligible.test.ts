import { expect, test } from "vitest";
import type { Cell } from "../../../../src/model/cell.ts";
import { refusalOf } from "../../../../src/probe/scratch/scratch-rows.ts";

const column = {
  type: "uuid",
  notNull: true,
  hasDefault: true,
  identity: null,
  generated: false,
  domain: false,
};
const columns = [
  { ...column, name: "id" },
  { ...column, name: "owner" },
  { ...column, name: "ScratchRow Key" },
];

/** A table whose one policy has this condition, as Postgres prints it. */
function cellOf(using: string | null, key = "id", over: object = {}, check: string | null = null): Cell {
  const policies = [{ name: "p", command: "all", permissive: true, roles: ["public"], using, check }];
  const constraints = [{ name: "pk", type: "primary key", columns: [key], references: null }];
  const info = { name: "notes", kind: "table", isPartition: false, triggers: [], rules: [], uniqueKeys: [] };
  const whole = { ...info, columns, policies, constraints, primaryKey: [key], ...over };
  return { operation: "update", relation: { info: whole, key: [key] } } as unknown as Cell;
}

test.each([
  ["(owner = auth.uid())"],
  ["(owner IN ( SELECT people.id FROM people WHERE (people.boss = auth.uid())))"],
  ["(EXISTS ( SELECT 1 FROM shares WHERE (shares.id = notes.owner)))"],
  ["((auth.jwt() ->> 'video'::text) = 'x'::text)"],
  [null],
])("a copy is like the row: %s", (using) => {
  expect(refusalOf(cellOf(using), false)).toBeUndefined();
});

test.each([
  ["(id = auth.uid())"],
  ["(owner = auth.uid() OR id IS NULL)"],
  ["can_edit(id)"],
  ["can_edit(notes.*)"],
  ["(EXISTS ( SELECT 1 FROM shares s WHERE (s.note = notes.id)))"],
  ["(id IN ( SELECT shares.note FROM shares))"],
])("a policy is about the key: %s", (using) => {
  expect(refusalOf(cellOf(using), false)).toContain("a policy depends on id, where");
});

test.each([
  [`("ScratchRow Key" = auth.uid())`],
  [`(EXISTS ( SELECT 1 FROM s WHERE (s.x = notes."ScratchRow Key")))`],
])("a name in quotes: %s", (using) => {
  expect(refusalOf(cellOf(using, "ScratchRow Key"), false)).toContain(
    "a policy depends on ScratchRow Key, where",
  );
});

test("a WITH CHECK is about the key too", () => {
  expect(refusalOf(cellOf(null, "id", {}, "(id IS NOT NULL)"), false)).toContain(
    "a policy depends on id, where",
  );
});

test("a copy differs in each unique key, and a policy may be about that one", () => {
  const twice = { uniqueKeys: [["ScratchRow Key"]] };
  expect(refusalOf(cellOf(`("ScratchRow Key" = auth.uid())`), false)).toBeUndefined();
  expect(refusalOf(cellOf(`("ScratchRow Key" = auth.uid())`, "id", twice), false)).toContain(
    "a policy depends on ScratchRow Key, where",
  );
});

test.each([["set"], ["never"]])("an update whose `%s` writes the key", (part) => {
  const values = { id: "x" };
  const update = part === "set" ? { set: values, never: [] } : { never: [{ name: "n", values }] };
  expect(refusalOf({ ...cellOf(null), update } as unknown as Cell, false)).toContain(
    "a row whose key is changed could not be found again",
  );
});

test("without a key nothing can be told", () => {
  const cell = cellOf(null);
  expect(refusalOf({ ...cell, relation: { ...cell.relation, key: [] } } as Cell, false)).toContain(
    "nothing names a row of it",
  );
});

test("of an INSERT's key, only what a candidate leaves open is the run's own", () => {
  const pair = ["owner", "id"];
  const whole = { primaryKey: pair, constraints: [{ name: "pk", type: "primary key", columns: pair }] };
  const about = (policy: string, values: object): string | undefined => {
    const cell = cellOf(policy, "id", whole);
    const candidates = [{ name: "c", origin: "declared", values }];
    const relation = { ...cell.relation, key: pair };
    return refusalOf({ ...cell, operation: "insert", candidates, relation } as unknown as Cell, false);
  };
  expect(about("(owner = auth.uid())", { owner: "x" })).toBeUndefined();
  expect(about("(owner = auth.uid())", {})).toContain("a policy depends on owner, where");
  expect(about("(id = auth.uid())", { owner: "x" })).toContain("a policy depends on id, where");
});

test("of a key of several columns a copy changes one: the others may be what a policy is about", () => {
  const pair = ["id", "owner"];
  const whole = { primaryKey: pair, constraints: [{ name: "pk", type: "primary key", columns: pair }] };
  const about = (policy: string): string | undefined => {
    const cell = cellOf(policy, "id", whole);
    return refusalOf({ ...cell, relation: { ...cell.relation, key: pair } } as Cell, false);
  };
  expect(about("(id = auth.uid())")).toBeUndefined();
  expect(about("(owner = auth.uid())")).toContain("a policy depends on owner, where");
});
