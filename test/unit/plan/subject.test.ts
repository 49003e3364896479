import { expect, test } from "vitest";
import { literalFor } from "../../../src/plan/subject.ts";

const id = "11111111-1111-4111-8111-111111111111";

test.each([
  ["a value of the type", id, "uuid", id],
  ["no value of the type", "ana", "uuid", undefined],
  ["an array of it", id, "uuid[]", `{"${id}"}`],
  ["an array that is written as one", "{1,2}", "integer[]", "{1,2}"],
  ["no element of the array's type", "ana", "integer[]", undefined],
  ["a JSON string of it", 'a "b"', "jsonb", '"a \\"b\\""'],
  ["JSON as it is", '{"a": 1}', "json", '{"a": 1}'],
])("%s: %s as %s", (_what, value, type, literal) => {
  expect(literalFor(value, { type })).toBe(literal);
});
