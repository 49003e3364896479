import { describe, expect, it } from "vitest";
import { applyFilter, restNames } from "../../../../src/probe/http/query.ts";
import type { RowFilter } from "../../../../src/probe/http/query.ts";

describe("columns in a query string", () => {
  it.each([
    [["id", "userId", "_x9"], "id,userId,_x9"],
    [["first name", "a.b", "1st"], '"first name","a.b","1st"'],
    [["limit", "select", "and", "on_conflict"], '"limit","select","and","on_conflict"'],
    [['a"b', String.raw`a\b`, "é"], String.raw`"a\"b","a\\b","é"`],
  ])("%j", (columns, text) => {
    expect(restNames(columns)).toBe(text);
  });
});

describe("filters", () => {
  it.each<{ filter: RowFilter; query: string[] }>([
    { filter: { kind: "none" }, query: [] },
    { filter: { kind: "reads", column: "id", nullable: false }, query: ["id=not.is.null"] },
    {
      filter: { kind: "reads", column: "or", nullable: true },
      query: ['or=("or".not.is.null,"or".is.null)'],
    },
    { filter: { kind: "row", columns: ["a", "b"], key: ["x,y", null] }, query: ["a=eq.x,y", "b=is.null"] },
    { filter: { kind: "row", columns: ["limit"], key: [""] }, query: ['"limit"=eq.'] },
    {
      filter: { kind: "among", column: "id", values: ["a,b", '"q"', "(p)", String.raw`\s`] },
      query: [String.raw`id=in.("a,b","\"q\"","(p)","\\s")`],
    },
  ])("$filter", ({ filter, query }) => {
    const applied: string[] = [];
    applyFilter(
      {
        filter: (column, operator, value) => applied.push(`${column}=${operator}.${String(value)}`),
        or: (filters) => applied.push(`or=(${filters})`),
      },
      filter,
    );
    expect(applied).toEqual(query);
  });
});
