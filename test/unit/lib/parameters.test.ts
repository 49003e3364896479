import { loadModule, parseSync } from "libpg-query";
import { beforeAll, describe, expect, test } from "vitest";
import type { RowgateError } from "../../../src/model/errors.ts";
import type { Json } from "../../../src/model/matrix.ts";
import {
  bindCandidateValue,
  bindParameters,
  findParameters,
  parameterOf,
  personaParameter,
} from "../../../src/model/parameters.ts";

beforeAll(loadModule);

const finding: readonly { sql: string; want: readonly string[] }[] = [
  { sql: "owner_id = :sub", want: ["sub@11"] },
  { sql: ":sub=:role", want: ["sub@0", "role@5"] },
  {
    sql: "x = :claims.app_metadata.school and y=:vars.Low_1",
    want: ["claims.app_metadata.school@4", "vars.Low_1@38"],
  },
  { sql: "x = :claims.año and y = :sub$t$", want: ["claims.año@4", "sub$t$@24"] },
  { sql: "x = :sub.", want: ["sub@4"] },
  { sql: "x = :sub::uuid", want: ["sub@4"] },
  { sql: "x::text = y :: text", want: [] },
  { sql: "f(a := 1, b=>:sub)", want: ["sub@13"] },
  { sql: "note = ':sub' or note = 'it''s :sub'", want: [] },
  { sql: "note = E'it\\'s :sub' or note = e'\\\\' and x = :sub", want: ["sub@45"] },
  { sql: "date':sub' = n':sub' or x = :sub", want: ["sub@28"] },
  { sql: "note = E'a'\n '\\' :sub'", want: [] },
  { sql: "note = E'a' -- c\n '\\' :sub'", want: [] },
  { sql: "note = 'a' '\\' = :sub", want: ["sub@17"] },
  { sql: "note = $$:sub$$ or note = $a$ $b$ :sub $$ $a$ and x = :sub", want: ["sub@54"] },
  { sql: "a$b$ = :sub and c$b$ = 1", want: ["sub@7"] },
  { sql: '"a:sub" = 1 and "b"":sub" = 2', want: [] },
  { sql: "x = 1 -- :sub\nand y = :sub", want: ["sub@22"] },
  { sql: "x = 1 /* :sub /* :sub */ :sub */ and y = :sub", want: ["sub@41"] },
  { sql: "x = 2 */**/ :sub", want: ["sub@12"] },
  { sql: "tags[1:2] = tags[lo:hi] and tags[:hi] = tags[lo:]", want: [] },
  { sql: "tags[1: :sub] = 1", want: ["sub@8"] },
  { sql: "tags[(:sub)] = f(tags[x:y], :sub)", want: ["sub@6", "sub@28"] },
  { sql: "x = any(array[:sub, :role])", want: ["sub@14", "role@20"] },
  { sql: "x = ARRAY [[:sub],[:role]]", want: ["sub@12", "role@19"] },
  { sql: "x = array[a[lo:hi], :sub]", want: ["sub@20"] },
  { sql: "x = (array[:sub])[lo:hi]", want: ["sub@11"] },
  { sql: "x = : sub or y = :1 or z = :", want: [] },
  { sql: "note = ':sub", want: [] },
];

describe("findParameters", () => {
  test.each(finding)("$sql", ({ sql, want }) => {
    expect(findParameters(sql).map(({ name, index }) => `${name}@${index}`)).toEqual(want);
  });
});

/** What a claim may hold; the second group is what people try. */
const values: readonly string[] = [
  "u1",
  "",
  "it's",
  "''",
  "'",
  "\\",
  "\\'",
  "a\\'b\\\\'c",
  "two\nlines\r\n",
  "\t",
  "😀 ñ \u00A0 \u2028",
  "$$",
  "$tag$ $tag$",
  ":sub",
  ":claims.x::text",
  "-- ",
  "/*",
  "*/",
  "E'",
  "');drop table courses;--",
  "' or true or '",
  "%s %I $1 ?",
  "x".repeat(100_000),
];

const frames: readonly { frame: string; sql: string }[] = [
  { frame: "a comparison", sql: "owner = :sub" },
  { frame: "no space", sql: "owner=:sub" },
  { frame: "a cast", sql: "owner = (:sub)::text" },
  { frame: "an E before it", sql: "case when true then 1 else:sub end = 'x'" },
  { frame: "after an ampersand", sql: "u&:sub = 'x'" },
  { frame: "a list", sql: "owner in ('a',:sub,'b')" },
  { frame: "an array", sql: "owner = any(array[:sub])" },
  { frame: "a backslash in a string before it", sql: "note = 'c:\\' and owner = :sub and e'\\'!' = note" },
];

describe("bindParameters, read back by Postgres's own parser", () => {
  for (const { frame, sql } of frames) {
    test.each(values.map((value) => ({ value })))(`${frame}: $value`, ({ value }) => {
      const bound = `select (${bindParameters(sql, () => value)})`;
      const plain = `select (${sql.replace(":sub", " 'a value'")})`;
      // The same tree as with a harmless literal, but for the literal itself.
      expect(shape(bound, value)).toEqual(shape(plain, "a value"));
    });
  }

  test("every value is read as it was, in any order", () => {
    const all = values.slice(0, -1);
    const sql = `x in (${all.map((_value, index) => `:vars.v${index}`).join(",")})`;
    const bound = bindParameters(sql, (name) => all[Number(name.slice("vars.v".length))]);
    expect(strings(parseSync(`select ${bound}`))).toEqual(all);
  });
});

/** The parse tree without offsets, with `value` marked. */
function shape(sql: string, value: string): unknown {
  const tree = parseSync(sql);
  return JSON.parse(
    JSON.stringify(tree, (key, item: unknown) =>
      /^(?:location|stmt_len|(?:rexpr_)?list_(?:start|end))$/.test(key)
        ? undefined
        : key === "sval" && item !== null && typeof item === "object" && sameText(item, value)
          ? "the value"
          : item,
    ),
  );
}

// An empty string is an A_Const whose sval has no sval.
function sameText(item: object, value: string): boolean {
  return ("sval" in item ? item.sval : "") === value;
}

function strings(tree: unknown): readonly string[] {
  if (typeof tree !== "object" || tree === null) return [];
  if ("A_Const" in tree) {
    const constant = tree.A_Const as { sval?: { sval?: string } };
    return [constant.sval?.sval ?? ""];
  }
  return Object.values(tree).flatMap(strings);
}

describe("bindParameters", () => {
  const cases: readonly { sql: string; value: Json; want: string }[] = [
    { sql: "a = :v", value: 7, want: "a = '7'" },
    { sql: "a = :v", value: true, want: "a = 'true'" },
    { sql: "a = :v", value: ["x", { y: null }], want: `a = '["x",{"y":null}]'` },
    { sql: "a = :v", value: ":v", want: "a = ':v'" },
    { sql: "':v' = a", value: 7, want: "':v' = a" },
    { sql: "a /* :v */ = -- :v\n :v", value: 7, want: "a /* :v */ = -- :v\n '7'" },
    { sql: "e:v", value: 7, want: "e '7'" },
    // Postgres would read two literals with a newline between them as one.
    { sql: ":v\n:v", value: 7, want: "'7'\n ('7')" },
    { sql: "'a'\n:v", value: 7, want: "'a'\n ('7')" },
    { sql: ":v\n'a'", value: 7, want: "'7'\n ('a')" },
    { sql: "'a'\n'b'", value: 7, want: "'a'\n'b'" },
  ];
  test.each(cases)("$sql with $value", ({ sql, value, want }) => {
    expect(bindParameters(sql, () => value)).toBe(want);
  });

  const refused: readonly { value: Json | undefined; code: string }[] = [
    { value: undefined, code: "parameter/no-value" },
    { value: null, code: "parameter/no-value" },
    { value: "a\0b", code: "parameter/not-text" },
    { value: "\uD83D", code: "parameter/not-text" },
    { value: { deep: ["\0"] }, code: "" },
  ];
  test.each(refused)("$value", ({ value, code }) => {
    expect(codeOf(() => bindParameters("a = :v", () => value))).toBe(code);
    expect(codeOf(() => bindCandidateValue(":v", () => value))).toBe(code);
  });
});

/** The code of what it throws; empty when it throws nothing (JSON text escapes a NUL by itself). */
function codeOf(run: () => unknown): string {
  try {
    run();
    return "";
  } catch (error) {
    return (error as RowgateError).code;
  }
}

function lookup(name: string): Json | undefined {
  return { sub: "u1", "vars.n": 7, "vars.list": [1, "b"] }[name];
}

describe("bindCandidateValue", () => {
  const cases: readonly { value: Json; want: string | null }[] = [
    { value: null, want: null },
    { value: "probe", want: "probe" },
    { value: "", want: "" },
    { value: "null", want: "null" },
    { value: 1.5, want: "1.5" },
    { value: false, want: "false" },
    { value: ":sub", want: "u1" },
    { value: ":vars.n", want: "7" },
    { value: ":vars.list", want: '[1,"b"]' },
    { value: "see :sub", want: "see :sub" },
    { value: ":sub ", want: ":sub " },
    { value: ":smile:", want: ":smile:" },
    { value: [":sub", { by: ":vars.n", no: null }], want: '["u1",{"by":7,"no":null}]' },
  ];
  test.each(cases)("$value", ({ value, want }) => {
    expect(bindCandidateValue(value, lookup)).toBe(want);
  });

  test("which texts are parameters", () => {
    const texts = [":sub", ":claims.a.0", ":Sub", ": sub", ":1", "::sub", ":sub.", "", ":"];
    expect(texts.map((text) => parameterOf(text))).toEqual([
      "sub",
      "claims.a.0",
      "Sub",
      ...Array(6).fill(undefined),
    ]);
  });
});

describe("personaParameter", () => {
  const claims: Readonly<Record<string, Json>> = {
    sub: "u1",
    role: "authenticated",
    "a.b": 1,
    app_metadata: { schools: [7, 8], none: null, deep: { x: false } },
  };
  const cases: readonly { name: string; want: Json | undefined }[] = [
    { name: "sub", want: "u1" },
    { name: "role", want: "member" },
    { name: "claims.sub", want: "u1" },
    { name: "claims.app_metadata.schools", want: [7, 8] },
    { name: "claims.app_metadata.schools.1", want: 8 },
    { name: "claims.app_metadata.schools.2", want: undefined },
    { name: "claims.app_metadata.schools.length", want: undefined },
    { name: "claims.app_metadata.deep.x", want: false },
    { name: "claims.app_metadata.none", want: undefined },
    { name: "claims.a.b", want: undefined },
    { name: "claims.toString", want: undefined },
    { name: "claims.sub.length", want: undefined },
    { name: "claims", want: undefined },
    { name: "vars", want: undefined },
    { name: "vars.school", want: 1 },
    { name: "vars.__proto__", want: undefined },
    { name: "settings.app.user_id", want: "u1" },
    { name: "settings.app", want: undefined },
    { name: "settings.toString", want: undefined },
    { name: "email", want: undefined },
    { name: "sub.x", want: undefined },
  ];
  const settings = { "app.user_id": "u1" };
  test.each(cases)("$name", ({ name, want }) => {
    expect(personaParameter({ role: "member", claims, settings }, { school: 1 }, name)).toEqual(want);
  });

  test("a persona without claims has no sub", () => {
    expect(personaParameter({ role: "anon", claims: undefined, settings: {} }, {}, "sub")).toBeUndefined();
    expect(personaParameter({ role: "anon", claims: undefined, settings: {} }, {}, "role")).toBe("anon");
  });
});
