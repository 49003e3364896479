import { describe, expect, it } from "vitest";
import { type ControlRow, compareRows, evenTime } from "../../../../src/probe/http/snapshot.ts";

const row = (shape: string, declared: boolean): ControlRow => ({
  key: [],
  shapes: [shape],
  declared,
  version: "",
});
const same = (text: string): string | undefined => (text === "garbage" ? undefined : text);

describe("points in time", () => {
  it.each([
    ['"2024-02-29T23:59:59.000001+05:30"', "1709231399.000001"],
    ['"2024-02-29T18:29:59.000001+00:00"', "1709231399.000001"],
    ['"2024-03-01T00:00:00-02:00"', '"2024-03-01 02:00:00+00"'],
    ['"1900-01-01T05:53:28+05:53:28"', '"1900-01-01T00:00:00+00:00"'],
    ['"0044-03-15T17:53:28+05:53:28 BC"', '"0044-03-15T12:00:00+00:00 BC"'],
    ['"0001-12-31T23:00:00-01:00 BC"', '"0001-01-01T00:00:00+00:00"'],
    ['"20240-01-01T01:00:00+01:00"', '"20240-01-01T00:00:00+00:00"'],
  ])("%s is %s", (one, other) => {
    expect(evenTime(one)).toBe(evenTime(other));
    expect(evenTime(one)).toMatch(/^-?\d+(?:\.\d+)?$/);
  });

  it.each(['"0044-03-15T12:00:00+00:00 BC"', '"0044-03-15T12:00:00+00:00"', '"2024-03-15T12:00:00.1+00:00"'])(
    "%s is itself only",
    (value) => {
      const others = [
        "0044-03-15T12:00:01+00:00 BC",
        "0043-03-15T12:00:00+00:00",
        "2024-03-15T12:00:00.10001+00:00",
      ];
      expect(others.map((other) => evenTime(`"${other}"`))).not.toContain(evenTime(value));
    },
  );

  it.each(['"infinity"', '"-infinity"', "null", '"2024-03-15"'])("%s stays", (value) => {
    expect(evenTime(value)).toBe(value);
  });
});

describe("compareRows", () => {
  it.each([
    { reached: ["a", "b"], rows: [row("a", true), row("b", true), row("c", false)], extra: [], missing: [] },
    {
      reached: ["a", "c"],
      rows: [row("a", true), row("b", true), row("c", false)],
      extra: ["c"],
      missing: ["b"],
    },
    { reached: ["x"], rows: [], extra: ["x"], missing: [] },
    { reached: [], rows: [row("a", true)], extra: [], missing: ["a"] },
    // Rows that look the same: as many as declared is right, whichever they are.
    { reached: ["s", "s"], rows: [row("s", true), row("s", true), row("s", false)], extra: [], missing: [] },
    {
      reached: ["s", "s", "s"],
      rows: [row("s", true), row("s", true), row("s", false)],
      extra: ["s"],
      missing: [],
    },
    { reached: ["s"], rows: [row("s", true), row("s", true)], extra: [], missing: ["s"] },
  ])("$reached against the declared of $rows", ({ reached, rows, extra, missing }) => {
    const found = compareRows(reached, rows, 0, same);
    expect(found).toMatchObject({ unexpected: extra.length, missing: missing.length, unexpectedKeys: extra });
    expect(found?.missingKeys.slice(0, missing.length)).toEqual(missing);
  });

  it("shows three keys at the most, and none of garbage", () => {
    const found = compareRows(["a", "b", "c", "d"], [], 0, same);
    expect(found).toEqual({ unexpected: 4, missing: 0, unexpectedKeys: ["a", "b", "c"], missingKeys: [] });
    expect(compareRows(["garbage"], [], 0, same)).toBeUndefined();
  });
});
