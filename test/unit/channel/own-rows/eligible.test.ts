import { expect, test } from "vitest";
import type { Cell } from "../../../../src/model/cell.ts";
import { refusalOf } from "../../../../src/channel/own-rows/eligible.ts";

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
  { ...column, name: "Own Key" },
];

/** A table whose one policy has this condition, as Postgres prints it. */
function cellOf(using: string | null, key = "id"): Cell {
  const policies = [{ name: "p", command: "all", permissive: true, roles: ["public"], using, check: null }];
  const constraints = [{ name: "pk", type: "primary key", columns: [key], references: null }];
  const info = { name: "notes", kind: "table", isPartition: false, triggers: [], rules: [], uniqueKeys: [] };
  const whole = { ...info, columns, policies, constraints, primaryKey: [key] };
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

test.each([[`("Own Key" = auth.uid())`], [`(EXISTS ( SELECT 1 FROM s WHERE (s.x = notes."Own Key")))`]])(
  "a name in quotes: %s",
  (using) => {
    expect(refusalOf(cellOf(using, "Own Key"), false)).toContain("a policy depends on Own Key, where");
  },
);
