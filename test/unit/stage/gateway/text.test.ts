import { describe, expect, test } from "vitest";
import { Refused } from "../../../../src/stage/gateway/errors.ts";
import { bind, compile, ident, join, qualified, sql } from "../../../../src/stage/gateway/fragment.ts";
import { negotiate } from "../../../../src/stage/gateway/headers.ts";
import { parsePrefer, preferenceApplied } from "../../../../src/stage/gateway/headers.ts";
import {
  contentRange,
  limitOf,
  rangeOf,
  rangeStatus,
  requestedRange,
  restrict,
} from "../../../../src/stage/gateway/headers.ts";
import { arrayLiteral } from "../../../../src/stage/gateway/filter.ts";

const codeOf = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    if (error instanceof Refused) return error.refusal.code;
    throw error;
  }
};

describe("SQL fragments", () => {
  test("number their values in the order of the text", () => {
    const inner = sql`b = ${bind("2")}`;
    const statement = compile(sql`a = ${bind("1")} and ${inner} and c = ${bind(null)}`);
    expect(statement).toEqual({ text: "a = $1 and b = $2 and c = $3", values: ["1", "2", null] });
  });

  test.each([
    ["plain", '"plain"'],
    ['a"b', '"a""b"'],
    ["a\0b", '"a"'],
    ["", '""'],
  ])("the name %j is %s", (name, text) => {
    expect(compile(ident(name)).text).toBe(text);
  });

  test("a value ends at a NUL, and names are joined", () => {
    expect(compile(sql`${bind("a\0b")}`).values).toEqual(["a"]);
    expect(compile(qualified("s", "t")).text).toBe('"s"."t"');
    expect(compile(join([ident("a"), ident("b")], ", ")).text).toBe('"a", "b"');
  });

  test.each([
    [["a", "b"], '{"a","b"}'],
    [[""], "{}"],
    [["", ""], '{"",""}'],
    [['a"b', "c\\d", "e,f", "{g}"], '{"a\\"b","c\\\\d","e,f","{g}"}'],
  ])("the list %j is the array %s", (values, literal) => {
    expect(arrayLiteral(values)).toBe(literal);
  });
});

describe("ranges", () => {
  // limit, offset, Range header → first row and how many, or PGRST103
  const cases: readonly [string | undefined, string | undefined, string | undefined, unknown][] = [
    [undefined, undefined, undefined, [0n, undefined]],
    ["5", undefined, undefined, [0n, 5n]],
    [undefined, "3", undefined, [3n, undefined]],
    ["5", "3", undefined, [3n, 5n]],
    ["0", undefined, undefined, [0n, 0n]],
    ["0", "0", undefined, [0n, 0n]],
    ["0", "3", undefined, "PGRST103"],
    ["-1", undefined, undefined, "PGRST103"],
    ["x", undefined, undefined, [0n, undefined]],
    ["x", "3", undefined, "PGRST103"],
    [undefined, undefined, "0-9", [0n, 10n]],
    [undefined, undefined, "5-", [5n, undefined]],
    [undefined, undefined, "9-5", "PGRST103"],
    [undefined, undefined, "items=0-9", [0n, undefined]],
    ["3", undefined, "1-9", [1n, 2n]],
    ["99999999999999999999", undefined, undefined, [0n, 99999999999999999999n]],
  ];

  test.each(cases)("limit=%s offset=%s Range: %s", (limit, offset, header, expected) => {
    const range = codeOf(() => {
      const { first, last } = requestedRange(rangeOf(limit, offset), header);
      return [first, limitOf({ first, last })];
    });
    expect(range).toEqual(expected);
  });

  test("db-max-rows cuts what is asked for, and never adds to it", () => {
    expect(limitOf(restrict(rangeOf(undefined, "2"), 10))).toBe(10n);
    expect(limitOf(restrict(rangeOf("3", undefined), 10))).toBe(3n);
    expect(limitOf(restrict(rangeOf("0", undefined), 10))).toBe(0n);
  });

  test.each([
    [0n, 24n, 573, "0-24/573"],
    [0n, 24n, undefined, "0-24/*"],
    [0n, -1n, 0, "*/0"],
    [0n, -1n, undefined, "*/*"],
    [1n, 0n, 7, "*/7"],
  ])("rows %s to %s of %s are %s", (first, last, total, text) => {
    expect(contentRange(first, last, total)).toBe(text);
  });

  test.each([
    [0n, 5, undefined, 200],
    [0n, 5, 5, 200],
    [0n, 5, 6, 206],
    [6n, 0, 5, 416],
    [5n, 0, 5, 206],
  ])("from %s, %s rows of %s are a %s", (first, rows, total, status) => {
    expect(rangeStatus(first, rows, total)).toBe(status);
  });
});

describe("preferences", () => {
  test.each([
    ["return=minimal, count=exact", { return: "minimal", count: "exact" }],
    ["tx=commit,tx=rollback", { tx: "commit" }],
    ["count=none,x", { count: undefined }],
    ["", { count: undefined }],
  ])("%s", (header, expected) => {
    expect(parsePrefer(header, true)).toMatchObject(expected);
  });

  test.each(["count=planned", "count=estimated", "return=headers-only", "handling=strict", "max-affected=5"])(
    "%s is 501",
    (header) => {
      expect(codeOf(() => parsePrefer(`tx=rollback, ${header}`, true))).toBe("ROWGATE501");
    },
  );

  test("tx is not read where the server decides", () => {
    expect(parsePrefer("tx=rollback", false)).toMatchObject({ tx: undefined });
  });

  test("what was applied is named in PostgREST's order", () => {
    const all =
      "timezone=UTC,tx=rollback,count=exact,return=minimal,missing=default,resolution=ignore-duplicates";
    expect(preferenceApplied(parsePrefer(all, true))).toBe(
      "resolution=ignore-duplicates, missing=default, return=minimal, count=exact, tx=rollback, timezone=UTC",
    );
    expect(preferenceApplied(parsePrefer("x", true))).toBeUndefined();
  });
});

describe("media types", () => {
  const cases: readonly [string | undefined, unknown][] = [
    [undefined, "array"],
    ["*/*", "array"],
    ["application/json; charset=utf-8", "array"],
    ["Application/JSON", "array"],
    ["application/vnd.pgrst.object+json", "object"],
    ["application/vnd.pgrst.array+json", "ROWGATE501"],
    ["text/html, application/json;q=0.5", "ROWGATE501"],
    ["text/html", "ROWGATE501"],
    ["application/vnd.pgrst.plan", "ROWGATE501"],
    ["constructor", "ROWGATE501"],
    ["text/csv", "ROWGATE501"],
    ["application/vnd.pgrst.object+json;nulls=stripped", "ROWGATE501"],
  ];

  test.each(cases)("Accept: %s", (accept, shape) => {
    expect(codeOf(() => negotiate(accept, false))).toBe(shape);
  });

  test("a database with handlers of its own may answer otherwise: not told", () => {
    expect(codeOf(() => negotiate("application/json", true))).toBe("ROWGATE501");
    expect(negotiate("application/vnd.pgrst.object+json", true)).toBe("object");
  });
});
