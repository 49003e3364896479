import { describe, expect, test } from "vitest";
import {
  offsetOfCharacter,
  positionAt,
  splitStatements,
  statementAt,
} from "../../../src/stage/apply-sql/source.ts";

const source = (text: string): { path: string; text: string; sha256: string } => ({
  path: "x.sql",
  text,
  sha256: "",
});

test.each([
  ["", 0, 1, 1],
  ["ab", 2, 1, 3],
  ["a\nb", 1, 1, 2],
  ["a\nb", 2, 2, 1],
  ["a\r\n\r\nbc", 6, 3, 2],
  ["🙂b", 2, 1, 3],
])("%j at %i is line %i, column %i", (text, offset, line, column) => {
  expect(positionAt(source(text), offset)).toEqual({ file: "x.sql", line, column });
});

test.each([
  ["abc", 1, 0],
  ["abc", 3, 2],
  ["ñbc", 2, 1],
  ["🙂bc", 2, 2],
  ["a🙂🙂c", 4, 5],
  ["a", 9, 1],
])("character %j:%i is at offset %i", (text, position, offset) => {
  expect(offsetOfCharacter(text, position)).toBe(offset);
});

describe("a text is cut into its statements", () => {
  test.each([
    ["-- only this", []],
    ["select 1", ["select 1"]],
    ["-- é;\n select 'ñ;' ;\n;; /* ; */ select '🙂;';x", undefined],
    [
      "-- é;\n select 'ñ;' ;\n;; /* ; */ select '🙂;'; values (1)",
      ["select 'ñ;'", "select '🙂;'", "values (1)"],
    ],
    ["do $x$ begin; end; $x$; commit", ["do $x$ begin; end; $x$", "commit"]],
    [
      "create function f() returns int begin atomic select 1; select 2; end; select 3;",
      ["create function f() returns int begin atomic select 1; select 2; end", "select 3"],
    ],
  ])("%j", async (text, statements) => {
    const cut = await splitStatements(text);
    // Postgres gives a statement back with the blanks before its semicolon.
    expect(cut?.map(({ start, end }) => text.slice(start, end).trim())).toEqual(statements);
  });
});

test.each([
  ["selec 1", "selec", 0, "selec 1"],
  ["select 1; /* a; */ -- b;\n selec 2;", "selec 2", 1, "selec 2;"],
  ["select 1;; select ';' frob; select 3", "frob", 1, "select ';' frob; select 3"],
  [";selec", "selec", 0, "selec"],
])("the statement with a mistake in %j at %j is number %i", async (text, mistake, index, from) => {
  const found = await statementAt(text, text.indexOf(mistake));
  expect({ index: found.index, from: text.slice(found.start) }).toEqual({ index, from });
});
