import { describe, expect, test } from "vitest";
import { Refused } from "../../../../src/stage/gateway/errors.ts";
import { parseCondition, parseFilter, parseFilterOrArgument } from "../../../../src/stage/gateway/filter.ts";
import { parseQuery } from "../../../../src/stage/gateway/query.ts";
import { parseOrder, parseSelect } from "../../../../src/stage/gateway/query.ts";

/** What a parser makes of a text, or the code of its refusal. */
function outcome(parse: () => unknown): unknown {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Refused) return error.refusal.code;
    throw error;
  }
}

const compare = (operator: string, value: string): object => ({ kind: "compare", operator, value });
const is = (column: string, value: string): object => ({
  kind: "filter",
  filter: { column, negated: false, test: { kind: "compare", operator: "=", value } },
});
const item = (column: string, more: object = {}): object => ({
  column,
  alias: undefined,
  ...more,
});
const term = (column: string, direction?: string, nulls?: string): object => ({ column, direction, nulls });

describe("a filter", () => {
  const cases: readonly [string, unknown][] = [
    ["eq.5", compare("=", "5")],
    ["eq.", compare("=", "")],
    ["eq.a.b,(c)", compare("=", "a.b,(c)")],
    ["neq.5", compare("<>", "5")],
    ["gte.5", compare(">=", "5")],
    ["like.a*b", compare("like", "a%b")],
    ["eq.a*b", compare("=", "a*b")],
    ["eq(any).{1,2}", "ROWGATE501"],
    ["ilike(all).{a*,*b}", "ROWGATE501"],
    ["isdistinct.1", "ROWGATE501"],
    ["match.^a", "ROWGATE501"],
    ["cs.{a}", "ROWGATE501"],
    ["adj.[1,2)", "ROWGATE501"],
    ["is.null", { kind: "is", value: "null" }],
    ["is.NOT_NULL", { kind: "is", value: "not null" }],
    ["in.(1,2)", { kind: "in", values: ["1", "2"] }],
    ["in.()", { kind: "in", values: [""] }],
    ['in.("a,b","c\\"d",e"f)', { kind: "in", values: ["a,b", 'c"d', 'e"f'] }],
    ['in.("a"b)', { kind: "in", values: ['"a"b'] }],
    ["is.nothing", "PGRST100"],
    ["in.1", "PGRST100"],
    ["in.(1", "PGRST100"],
    ["eq5", "PGRST100"],
    ["xx.5", "PGRST100"],
    ["eq().5", "PGRST100"],
    ["not.5", "PGRST100"],
    ["", "PGRST100"],
    ["constructor.5", "PGRST100"],
    ["fts.a", "ROWGATE501"],
    ["plfts(english).a", "ROWGATE501"],
  ];

  test.each(cases)("%s", (text, expected) => {
    expect(outcome(() => parseFilter("c", text).test)).toEqual(expected);
  });

  test("may be negated", () => {
    expect(parseFilter("c", "not.eq.5")).toEqual({ column: "c", negated: true, test: compare("=", "5") });
  });

  test.each(["5", "", "equal", "a.b", "note"])("%s is an argument, where arguments may stand", (text) => {
    expect(parseFilterOrArgument("c", text)).toBeUndefined();
  });

  test.each(["in.x", "is.x", "not.x"])("%s is a broken filter, even there", (text) => {
    expect(outcome(() => parseFilterOrArgument("c", text))).toBe("PGRST100");
  });
});

describe("a condition", () => {
  const cases: readonly [string, string, unknown][] = [
    ["or", "(a.eq.1,b.eq.2)", { kind: "or", negated: false, of: [is("a", "1"), is("b", "2")] }],
    ["not.and", "( a.eq.1 , b.eq.2 )", { kind: "and", negated: true, of: [is("a", "1 "), is("b", "2 ")] }],
    [
      "or",
      '(a.eq."x,)y",b.eq.{1,2})',
      { kind: "or", negated: false, of: [is("a", "x,)y"), is("b", "{1,2}")] },
    ],
    [
      "or",
      "(a.eq.1,not.and(b.eq.2,or(c.eq.3)))",
      {
        kind: "or",
        negated: false,
        of: [
          is("a", "1"),
          {
            kind: "and",
            negated: true,
            of: [is("b", "2"), { kind: "or", negated: false, of: [is("c", "3")] }],
          },
        ],
      },
    ],
    ["or", "(and.eq.1,or.eq.2)", { kind: "or", negated: false, of: [is("and", "1"), is("or", "2")] }],
    ["or", "()", "PGRST100"],
    ["or", "(a.eq.1", "PGRST100"],
    // PostgREST joins the operator and the value, too.
    ["or", "a.eq.1", is("ora", "1")],
    ["or", "(a.xx.1)", "PGRST100"],
    ["or", "(a->b.eq.1)", "ROWGATE501"],
  ];

  test.each(cases)("%s=%s", (operator, text, condition) => {
    expect(outcome(() => parseCondition(operator, text))).toEqual(condition);
  });
});

describe("a select", () => {
  const cases: readonly [string, unknown][] = [
    ["*", [item("*")]],
    ["a, b ", [item("a"), item("b")]],
    ["x:a", [item("a", { alias: "x" })]],
    ["a::text", "ROWGATE501"],
    ["x:a::double precision", "ROWGATE501"],
    ['"a b":"c,d"', [item("c,d", { alias: "a b" })]],
    ["with-dash,ünï", [item("with-dash"), item("ünï")]],
    ["", []],
    [",a", []],
    ["count()", "ROWGATE501"],
    ["a.sum()", "ROWGATE501"],
    ["a,", "PGRST100"],
    ["a!b", "PGRST100"],
    ["a::int;drop", "ROWGATE501"],
    ["a::$$", "ROWGATE501"],
    ["rel(a)", "ROWGATE501"],
    ["x:rel!fk!inner(a)", "ROWGATE501"],
    ["...rel(a)", "ROWGATE501"],
    ["a->b", "ROWGATE501"],
  ];

  test.each(cases)("%s", (text, items) => {
    expect(outcome(() => parseSelect(text))).toEqual(items);
  });
});

describe("an order", () => {
  const cases: readonly [string, unknown][] = [
    ["a", [term("a")]],
    ["a.desc.nullslast,b.nullsfirst", [term("a", "desc", "last"), term("b", undefined, "first")]],
    ['"a.b".asc', [term("a.b", "asc")]],
    ["a.nullslast.desc", "PGRST100"],
    ["a.descending", "PGRST100"],
    ["a.desc ", "PGRST100"],
    ["", "PGRST100"],
    ["rel(a)", "ROWGATE501"],
  ];

  test.each(cases)("%s", (text, terms) => {
    expect(outcome(() => parseOrder(text))).toEqual(terms);
  });
});

describe("a query string", () => {
  test("is read by its keys", () => {
    const query = parseQuery(
      "select=a&a=eq.1&b=gt.2&or=(c.is.null)&order=a&limit=5&offset=2&columns=x,y&on_conflict=z",
      false,
    );
    expect(query).toMatchObject({
      range: { first: 2n, last: 6n },
      columns: ["x", "y"],
      onConflict: ["z"],
      parameters: [],
    });
    expect([query.filters.length, query.conditions.length, query.order.length]).toEqual([2, 1, 1]);
  });

  test("of a function called by GET carries arguments beside filters", () => {
    const { parameters, filters } = parseQuery("a=1&b=x&c=eq.2", true);
    expect([parameters, filters.map(({ column }) => column)]).toEqual([
      [
        ["a", "1"],
        ["b", "x"],
      ],
      ["c"],
    ]);
  });

  test.each(["rel.a=eq.1", "rel.order=a", "rel.limit=1", "rel.or=(a.eq.1)", "order=rel(a)"])(
    "%s names an embedded resource",
    (text) => {
      expect(outcome(() => parseQuery(text, false))).toBe("ROWGATE501");
    },
  );

  test.each(["not.or=(a.eq.1)", "not.and=(a.eq.1)", '"rel.a"=eq.1', "order=a.desc"])(
    "%s names none",
    (text) => {
      expect(outcome(() => parseQuery(text, false))).toMatchObject({ columns: undefined });
    },
  );

  test.each([
    ["b=eq.2&a=eq.1", "a=eq.1&b=eq.2"],
    ["a=eq.1+2", "a=eq.1%202"],
    ["a=eq.1&a=eq.2", "a=eq.1,eq.2"],
    ["select=a,b", "select=a%2Cb"],
    ["a", "a="],
  ])("%s is canonically %s", (text, canonical) => {
    expect(parseQuery(text, false).canonical).toBe(canonical);
  });
});
