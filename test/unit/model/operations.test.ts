import { expect, test } from "vitest";
import { type Operation, operations } from "../../../src/model/matrix.ts";
import { holdsPrivileges, operationInfo, type OperationInfo } from "../../../src/model/operations.ts";

test("an operation without its entry does not compile", () => {
  // @ts-expect-error: `merge` has no entry
  const missing: Record<Operation | "merge", OperationInfo> = operationInfo;
  // @ts-expect-error: an entry that does not say all
  const partly: OperationInfo = { privileges: ["select"], policies: [], events: [] };
  expect([missing, partly]).toHaveLength(2);
});

const noPrivilege = {
  schemaUsage: true,
  delete: false,
  truncate: false,
  select: [],
  insert: [],
  update: [],
} as const;
const every = {
  ...noPrivilege,
  delete: true,
  truncate: true,
  select: ["id"],
  insert: ["id"],
  update: ["id"],
};

/** Operation → what it takes; without any one of these it is refused by a grant. */
const takes: Record<Operation, readonly (keyof typeof every)[]> = {
  select: ["select"],
  insert: ["insert"],
  update: ["update", "select"],
  delete: ["delete", "select"],
  blind_update: ["update"],
  blind_delete: ["delete"],
  upsert: ["insert", "update", "select"],
  truncate: ["truncate"],
  execute: [],
};

test.each(operations)("%s takes these privileges and no others", (operation) => {
  const names = ["select", "insert", "update", "delete", "truncate"] as const;
  expect(holdsPrivileges(every, operation)).toBe(true);
  expect(
    names.filter((name) => !holdsPrivileges({ ...every, [name]: noPrivilege[name] }, operation)).toSorted(),
  ).toEqual([...takes[operation]].toSorted());
});

test.each(operations)("the entry of %s agrees with itself", (operation) => {
  const { reads, events, method, notOnRest, rowByRow, blind } = operationInfo[operation];
  expect(reads).toBe(events.length === 0 && operation !== "truncate");
  expect(method === undefined).toBe(notOnRest !== undefined);
  expect(blind && rowByRow).toBe(false);
});

test.each(operations.filter((operation) => operationInfo[operation].follows !== undefined))(
  "%s asks the policies of what it follows, and no SELECT policy",
  (operation) => {
    const { policies, follows = operation } = operationInfo[operation];
    expect(policies).toEqual(operationInfo[follows].policies.filter((command) => command !== "select"));
  },
);
