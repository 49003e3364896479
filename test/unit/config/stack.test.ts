import { describe, expect, it } from "vitest";
import { readStatus } from "../../../src/config/local-stack.ts";
import { printed } from "../../support/stack.ts";

const texts = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(readStatus(text).values).map(([name, value]) => [name, value.text]));

describe("what `supabase status -o env` prints", () => {
  it("is read with its line numbers, and what is beside it is passed over", () => {
    const text = [
      "Stopped services: [supabase_vector_shop]",
      'API_URL="http://127.0.0.1:54321"',
      'DB_URL="postgresql://postgres:postgres@127.0.0.1:54322/postgres"',
      'STUDIO_URL="http://127.0.0.1:54323"',
      "",
      "A new version of Supabase CLI is available: v2.90.0",
    ].join("\n");
    expect(readStatus(text).values).toEqual({
      API_URL: { text: "http://127.0.0.1:54321", line: 2 },
      DB_URL: { text: "postgresql://postgres:postgres@127.0.0.1:54322/postgres", line: 3 },
    });
  });

  it.each([
    "plain",
    'with "quotes"',
    "with $ and ` and !",
    String.raw`back\slash\n`,
    "ends with a backslash\\",
  ])("%j comes back as it was", (JWT_SECRET) => {
    expect(texts(printed({ JWT_SECRET }))).toEqual({ JWT_SECRET });
  });

  it.each([
    ["JWT_SECRET=12345678901234567890123456789012", "12345678901234567890123456789012"],
    ["export JWT_SECRET='in a file of one''s own'", undefined],
    ["export JWT_SECRET='sourced'", "sourced"],
    ['JWT_SECRET="windows"\r', "windows"],
    ['JWT_SECRET=""', undefined],
    ["│ JWT secret │ shown │", undefined],
    ['  "JWT_SECRET": "json"', undefined],
  ])("%j", (line, expected) => {
    expect(texts(line)["JWT_SECRET"]).toBe(expected);
  });
});
