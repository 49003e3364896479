import { describe, expect, it } from "vitest";
import { elementsOf, jsonBody, membersOf, textOf } from "../../../../src/probe/http/json-text.ts";

describe("elementsOf", () => {
  it.each([
    ["[]", []],
    [" [ ] ", []],
    ['[{"id":1}, \n {"id":2}]', ['{"id":1}', '{"id":2}']],
    ["[9007199254740993,1.50,true,null]", ["9007199254740993", "1.50", "true", "null"]],
    ['[{"a": [1, {"b": "]},["}]} ]', ['{"a":[1,{"b":"]},["}]}']],
    ['["a\\"b, c","\\u00e9"]', ['"a\\"b, c"', '"é"']],
  ])("%s", (text, elements) => {
    expect(elementsOf(text)).toEqual(elements);
  });

  it.each([
    "",
    "[",
    "[1",
    "[1,]",
    "[,1]",
    "{}",
    "[1]]",
    "[1] x",
    "[{]}",
    '{"id":1}',
    "<html>",
    '["a]',
    "null",
  ])("%s is no array", (text) => {
    expect(elementsOf(text)).toBeUndefined();
  });
});

describe("membersOf", () => {
  it.each([
    ["{}", {}],
    ['{"id":1,"k":"a,b"}', { id: "1", k: '"a,b"' }],
    ['{ "a\\"b" : { "c" : [1, 2] } }', { 'a"b': '{"c":[1,2]}' }],
    ['{"a":"x:y","b":null}', { a: '"x:y"', b: "null" }],
    ['{"":1}', { "": "1" }],
  ])("%s", (text, members) => {
    expect(Object.fromEntries(membersOf(text) ?? [["not", "read"]])).toEqual(members);
  });

  it.each(["[]", "{", '{"a"}', '{"a":}', '{"a":1', '{"a":1}}', "{1:2}", ""])("%s is no object", (text) => {
    expect(membersOf(text)).toBeUndefined();
  });
});

describe("textOf", () => {
  it.each([
    ['"a\\nb"', "a\nb"],
    ["1.50", "1.50"],
    ["null", null],
    ['"null"', "null"],
    ["true", "true"],
  ])("%s", (value, text) => {
    expect(textOf(value)).toBe(text);
  });
});

describe("a JSON value in a request's body", () => {
  it.each([
    ["jsonb", '{"a": 9007199254740993, "b": 2.50}', '{"a":9007199254740993,"b":2.50}'],
    ["json", '{"a": 9007199254740993, "b": 2.50}', '{"a": 9007199254740993, "b": 2.50}'],
    ["jsonb", "[1.0]", "[1.0]"],
    ["jsonb", '"text"', '"text"'],
    ["jsonb", "null", "null"],
    ["json", '{"q": "a\\"b\\\\ \\u0001"}', '{"q": "a\\"b\\\\ \\u0001"}'],
    ["jsonb", '"é 😀"', '"é 😀"'],
    // Without a type of JSON it is text, and what is no JSON is text too.
    ["text", "[1.0]", '"[1.0]"'],
    ["jsonb", "{a", '"{a"'],
    ["jsonb", "1,2", '"1,2"'],
    ["jsonb", "", '""'],
  ])("%s %s", (type, about, sent) => {
    const row = { about, title: '"x"' };
    const { values, text } = jsonBody(row, (name) => (name === "about" ? type : "text"));
    expect(text ?? JSON.stringify(values)).toBe(`{"about":${sent},"title":"\\"x\\""}`);
  });

  it("is left to supabase-js where it would write the same", () => {
    expect(jsonBody({ about: '{"a": [1, null]}', id: null }, () => "jsonb")).toEqual({
      values: { about: { a: [1, null] }, id: null },
      text: undefined,
    });
  });
});
