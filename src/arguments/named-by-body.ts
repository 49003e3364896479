import { type FunctionText, mentionsOf } from "../prove/analyse/function-mentions.ts";
import { prefixIn } from "../plan/subject.ts";
import type { CallBody, Candidate } from "./world.ts";

/*
 * Values that the body of a function waits for: a word that it compares with, a text that it splits or puts together, an end of time,
 * a number near its own, SQL that ends the text which it is put into.
 */

/** A function as sql/call_bodies.sql has it. */
export interface BodyText extends FunctionText, Pick<CallBody, "texts" | "numbers" | "labels"> {}

export function callBodyOf({ texts, numbers, labels, ...text }: BodyText): CallBody {
  const { jsonKeys, populates, anything } = mentionsOf(text);
  const keys = new Set([...jsonKeys, ...(populates ? ["id"] : [])]);
  return { jsonKeys: [...keys], texts, numbers, labels, runsSql: anything };
}

const constantsAtMost = 12;
const valuesAtMost = 3;

const ends: Readonly<Record<string, readonly string[]>> = {
  time: ["-infinity", "infinity", "1970-01-01", "2100-01-01"],
  number: ["-1", "0", "1000000"],
  range: ["(,)"],
  multirange: ["{(,)}"],
};

/** Each closes a quote, or none, and makes the rest of the condition true. */
const injections = [
  "' or true --",
  "%' or true --",
  "') or true --",
  "1 or true",
  "1) or (true",
  "null or true --",
];

/**
 * @param family `number`, `text`, or a type
 * @param values of rows and personas that fit the argument, or a text that is put together of them
 */
export function namedByBody(
  family: string,
  body: CallBody,
  values: readonly Candidate[],
): readonly Candidate[] {
  if (family === "text") return textsOf(body, values);
  const near = family === "number" ? body.numbers.flatMap(around) : [];
  return [
    ...(ends[endOf(family)] ?? []).map((text) => ({ text, whose: "an extreme" })),
    ...near.slice(0, constantsAtMost).map((text) => ({ text, whose: "a number of the body" })),
  ];
}

/** Of a family, that is a type where it has none. */
function endOf(family: string): string {
  if (/^(?:date|timestamp .*)$/.test(family)) return "time";
  return /(multirange|range)$/.exec(family)?.[1] ?? family;
}

/** A number, and its neighbours. */
export function around(number: string): readonly string[] {
  const value = Number(number);
  return [value, value + 1, value - 1].map(String);
}

function textsOf({ texts, runsSql }: CallBody, values: readonly Candidate[]): readonly Candidate[] {
  const constants = texts.map((text) => text.replaceAll("''", "'"));
  const some = values.filter(({ text }) => text !== null).slice(-valuesAtMost);
  const built = constants.flatMap((written): readonly Candidate[] => {
    const constant = prefixIn(written);
    if (constant === undefined) return [];
    const separates = /^[^\p{L}\p{N}]{1,2}$/u.test(constant);
    const each = some.map(({ text, whose }) => ({
      text: `${separates ? "x" : ""}${constant}${text ?? ""}`,
      whose,
    }));
    const joined = { text: some.map(({ text }) => text).join(constant), whose: "several rows" };
    return separates && some.length > 1 ? [joined, ...each] : each;
  });
  return [
    ...constants.slice(0, constantsAtMost).map((text) => ({ text, whose: "a word of the body" })),
    ...built.slice(0, constantsAtMost),
    ...(runsSql ? injections.map((text) => ({ text, whose: "SQL that ends the text" })) : []),
  ];
}
