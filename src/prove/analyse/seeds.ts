import type { Node } from "libpg-query";
import { isJsonText } from "../../lib/json.ts";
import type { Question } from "./question.ts";
import type { ProofColumn } from "./schema.ts";
import { fieldsOf, part, row, rowColumns, stringOf, walk, withoutCasts } from "./tree.ts";
import {
  isArray,
  isIntegral,
  isJson,
  isNumeric,
  isRange,
  isTemporal,
  isTextual,
  quotedElement,
} from "./types.ts";

/** Where to look for a value that an undecided sub-expression might like. It finds witnesses and proves nothing. */
export interface Seed {
  readonly columns: ReadonlySet<string>;
  readonly constants: readonly string[];
  readonly numbers: readonly number[];
  /** The other side of the comparison. */
  readonly questions: readonly Question[];
  readonly operator: string | undefined;
  /** Of each JSON column, the paths that are read. */
  readonly paths: readonly { readonly column: string; readonly keys: readonly string[] }[];
}

export function seedOf(node: Node, questions: readonly Question[], operator: string | undefined): Seed {
  const constants = new Set<string>();
  const numbers = new Set<number>();
  const paths: { column: string; keys: readonly string[] }[] = [];
  walk(node, (one) => {
    const constant = part(one, "A_Const");
    if (constant?.sval?.sval !== undefined) constants.add(constant.sval.sval);
    if (constant?.ival !== undefined) numbers.add(constant.ival.ival ?? 0);
    const path = jsonPath(one);
    if (path !== undefined && path.keys.length > 0) paths.push(path);
  });
  return {
    columns: rowColumns(node),
    constants: [...constants],
    numbers: [...numbers],
    questions,
    operator,
    paths,
  };
}

/** `data -> 'owner' ->> 'id'` is the path owner, id of data. */
export function jsonPath(node: Node): { column: string; keys: readonly string[] } | undefined {
  const plain = withoutCasts(node);
  const fields = fieldsOf(plain);
  if (fields !== undefined)
    return fields[0] === row && fields[1] !== undefined ? { column: fields[1], keys: [] } : undefined;
  const operation = part(plain, "A_Expr");
  const operator = stringOf(operation?.name?.at(-1));
  if (!/^(?:->>?|#>>?)$/.test(operator) || operation?.lexpr === undefined || operation.rexpr === undefined)
    return undefined;
  const before = jsonPath(operation.lexpr);
  const constant = part(withoutCasts(operation.rexpr), "A_Const");
  if (before === undefined || constant === undefined) return undefined;
  const key = constant.sval?.sval ?? String(constant.ival?.ival ?? 0);
  const keys = operator.startsWith("#") ? key.replaceAll(/[{}"]/g, "").split(",") : [key];
  return { column: before.column, keys: [...before.keys, ...keys] };
}

/** Values of a column that its seeds suggest. */
export function seededValues(
  column: ProofColumn,
  seeds: readonly Seed[],
  answered: (seed: Seed) => readonly string[],
): readonly string[] {
  const own = seeds.filter(({ columns }) => columns.has(column.name));
  const out = new Set<string>();
  const constants = new Set<string>();
  const numbers = new Set<number>();
  const patterns = new Set<string>();
  for (const seed of own) {
    const values = answered(seed);
    for (const one of [...values, ...seed.constants]) constants.add(one);
    for (const one of [...seed.numbers, ...values.filter((v) => /^-?\d+(?:\.\d+)?$/.test(v)).map(Number)])
      numbers.add(one);
    if (seed.operator === "pattern") for (const one of values) patterns.add(one);
  }
  if (own.length === 0) return [];
  for (const one of patterns) for (const like of matching(one)) out.add(like);
  for (const one of likeBoth([...patterns, ...constants].slice(0, 12), lengthsAround([...numbers])))
    out.add(one);
  for (const one of ofType(column, [...constants], [...numbers], own)) out.add(one);
  return [...out].filter((one) => one.length < 4_000);
}

function matching(pattern: string): readonly string[] {
  const plain = pattern.replaceAll("_", "x").replaceAll(/[\^$]/g, "");
  return [plain.replaceAll("%", ""), plain.replaceAll("%", "a"), plain.replaceAll(/[%.*+?]/g, "")];
}

/** What begins like one pattern and ends like another (or the same), as long as what a length is compared with. */
function likeBoth(patterns: readonly string[], lengths: readonly number[]): readonly string[] {
  const ends = patterns.map((one) => {
    const plain = one.replaceAll(/\\(.)/g, "$1").replaceAll("_", "x").split("%");
    return { first: plain[0] ?? "", rest: plain.slice(1).join("") };
  });
  return ends.flatMap(({ first, rest }) =>
    [{ first: "", rest }, ...ends].flatMap((other) => {
      const end = `${other.first}${other.rest}`;
      const filled = lengths.map((length) => `${first.padEnd(length - end.length, "a")}${end}`);
      return [`${first}${end}`, ...filled];
    }),
  );
}

function lengthsAround(numbers: readonly number[]): readonly number[] {
  return numbers
    .flatMap((n) => [n - 1, n, n + 1])
    .filter((n) => Number.isInteger(n) && n >= 0 && n <= 3_000)
    .slice(0, 12);
}

function ofType(
  column: ProofColumn,
  constants: readonly string[],
  numbers: readonly number[],
  seeds: readonly Seed[],
): readonly string[] {
  if (isTextual(column)) return texts(constants.slice(0, 40), numbers);
  if (column.base === "uuid") return [...constants, ...identifiers(constants.slice(0, 40), numbers)];
  if (isIntegral(column))
    return [...Array.from({ length: 831 }, (_, n) => n - 130), ...around(numbers).map(Math.trunc)].map(
      String,
    );
  if (isNumeric(column)) return [...around(numbers), -1, 0, 0.5, 1, 10, 100, 1000, -1000].map(String);
  if (isTemporal(column) || column.category === "D") return times(constants);
  if (isJson(column)) return documents(column.name, constants, seeds);
  if (isArray(column)) return arrays(constants, numbers);
  if (isRange(column))
    return [
      ...constants,
      ...constants.flatMap((one) => [`[${one},${one}]`, `[${one},)`, `(,${one}]`]),
      "empty",
      "(,)",
    ];
  return constants;
}

const anyUuid = "9f9f9f9f-9f9f-4f9f-8f9f-9f9f9f9f9f77";

/** Identifiers that hold a part, at their beginning, their end, or where a number says. */
function identifiers(parts: readonly string[], numbers: readonly number[]): readonly string[] {
  const places = numbers.map((n) => n - 1).filter((n) => Number.isInteger(n) && n > 0 && n < 36);
  return parts
    .filter((one) => /^[0-9a-f-]{1,35}$/i.test(one))
    .flatMap((one) =>
      [0, anyUuid.length - one.length, ...places]
        .filter((at) => at + one.length <= anyUuid.length)
        .map((at) => `${anyUuid.slice(0, at)}${one}${anyUuid.slice(at + one.length)}`),
    );
}

function around(numbers: readonly number[]): readonly number[] {
  return numbers
    .flatMap((n) => [n - 1, n, n + 1, n * 2, n / 2, n * n, n + 0.5])
    .filter((n) => Math.abs(n) < 2e15);
}

const separators = ["/", ".", ":", "-", "@", ",", "_", ""];

function texts(constants: readonly string[], numbers: readonly number[]): readonly string[] {
  const out = new Set<string>(["", "a", "a/b", "a@b.co", "1", "0"]);
  for (const one of constants) {
    for (const made of [one, one.toUpperCase(), one.toLowerCase(), ` ${one}`, `${one}/a/b`, `a/${one}/b`])
      out.add(made);
    for (const by of separators) for (const made of [`${one}${by}a`, `a${by}${one}`]) out.add(made);
    out.add(`${one}@a.b`);
  }
  const few = constants.slice(0, 12);
  for (const a of few) {
    for (const b of few) {
      if (a === b) continue;
      for (const by of separators) out.add(`${a}${by}${b}`);
      for (const made of [`${a}/a.${b}`, `${a}/${b}/a`, `${a}/a${b}`, `${a}/a/${b}`, `${a}.${b}.a`])
        out.add(made);
    }
  }
  for (const length of lengthsAround(numbers)) out.add("x".repeat(length));
  return [...out];
}

const spans = ["1 second", "1 minute", "1 hour", "1 day", "8 days", "40 days", "400 days"];
const milliseconds: Readonly<Record<string, number>> = {
  second: 1e3,
  minute: 6e4,
  hour: 36e5,
  day: 864e5,
  days: 864e5,
};

function times(constants: readonly string[]): readonly string[] {
  const now = Date.now();
  const near = spans.flatMap((span) => {
    const [count = "1", unit = "day"] = span.split(" ");
    const by = Number(count) * (milliseconds[unit] ?? 0);
    return [new Date(now + by), new Date(now - by)].map((one) => one.toISOString());
  });
  const dates = constants.filter((one) => /^\d{4}-/.test(one));
  return [
    "now",
    "yesterday",
    "tomorrow",
    "1970-01-01",
    "2099-01-01",
    "infinity",
    "-infinity",
    ...near,
    ...dates,
  ];
}

const arrayText = (items: readonly string[]): string => `{${items.map(quotedElement).join(",")}}`;

function arrays(constants: readonly string[], numbers: readonly number[]): readonly string[] {
  const sizes = numbers.filter((n) => Number.isInteger(n) && n >= 0 && n < 50);
  return [
    "{}",
    ...constants.map((one) => arrayText([one])),
    ...constants.filter((one) => one.startsWith("{")),
    ...(constants.length > 1 && constants.length < 20 ? [arrayText(constants)] : []),
    ...sizes.flatMap((n) =>
      constants.slice(0, 2).map((one) => arrayText(Array.from({ length: n }, () => one))),
    ),
  ];
}

/** An object along each path with each constant as its leaf; several paths at once. */
function documents(column: string, constants: readonly string[], seeds: readonly Seed[]): readonly string[] {
  const all = seeds.flatMap(({ paths }) =>
    paths.filter((one) => one.column === column).map(({ keys }) => keys),
  );
  const longest = all.filter(
    (one) =>
      !all.some((other) => other.length > one.length && one.every((key, index) => other[index] === key)),
  );
  const paths = [...new Map(longest.map((one) => [one.join("\0"), one])).values()];
  const keys = new Set(paths.flat());
  const near = constants
    .filter((one) => /^-?\d{1,15}$/.test(one))
    .flatMap((one) => [String(Number(one) - 1), String(Number(one) + 1)]);
  const values = [
    ...new Set([...near, ...constants.filter((one) => !keys.has(one)), ...constants, "true", "false", "1"]),
  ].slice(0, 60);
  const out: string[] = [];
  for (const path of paths.length > 0 ? paths : [[]])
    for (const one of values) for (const leaf of leaves(one)) out.push(nested(path, leaf));
  if (paths.length > 1 && paths.length < 4)
    for (const a of values.slice(0, 8)) for (const b of values.slice(0, 8)) out.push(together(paths, a, b));
  return out;
}

function leaves(value: string): readonly string[] {
  const quoted = JSON.stringify(value);
  return [quoted, ...(isJsonText(value) ? [value] : []), `[${quoted}]`, `{${quoted}:true}`];
}

function nested(path: readonly string[], leaf: string): string {
  return path.reduceRight(
    (inner, key) => (/^\d+$/.test(key) ? `[${inner}]` : `{${JSON.stringify(key)}:${inner}}`),
    leaf,
  );
}

function together(paths: readonly (readonly string[])[], first: string, others: string): string {
  const made: Record<string, unknown> = {};
  for (const [index, path] of paths.entries()) {
    let at = made;
    for (const key of path.slice(0, -1)) at = (at[key] ??= {}) as Record<string, unknown>;
    if (typeof at === "object") at[path.at(-1) ?? ""] = index === 0 ? first : others;
  }
  return JSON.stringify(made);
}
