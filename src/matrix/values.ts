import type { SourcePosition } from "../model/errors.ts";
import type { Json } from "../model/matrix.ts";
import { parameterOf } from "../model/parameters.ts";
import type { Issues } from "../yaml/issues.ts";
import type { MapTree, ScalarTree, Tree } from "../yaml/tree.ts";

/** A `:name` in a predicate or a value, where it stands, and what it stands in (for messages). */
export interface ParameterUse {
  readonly name: string;
  readonly at: SourcePosition;
}

export interface ColumnValues {
  readonly values: Readonly<Record<string, Json>>;
  readonly uses: readonly ParameterUse[];
}

/** Values of claims and inside of JSON: a number that JSON would change is an issue. */
function readJson(tree: Tree, issues: Issues): Json {
  if (tree.kind === "list") return tree.items.map((item) => readJson(item, issues));
  if (tree.kind === "map") return readJsonMap(tree, issues);
  if (typeof tree.value === "number" && !isExact(tree.source, tree.value)) {
    const message = `\`${tree.source}\` is not kept exactly by a JSON number`;
    issues.report("matrix/number", tree.at, message, `quote it: \`'${tree.source}'\``);
  }
  return tree.value;
}

export function readJsonMap(tree: MapTree, issues: Issues): Readonly<Record<string, Json>> {
  return Object.fromEntries(tree.entries.map(({ key, value }) => [key, readJson(value, issues)]));
}

/** Values that Postgres reads as text: a number stands as it is written, so that 20 digits and `1.10` stay what they are. */
export function readTextual(tree: Tree, issues: Issues): Json {
  if (tree.kind !== "scalar" || typeof tree.value !== "number") return readJson(tree, issues);
  return /^[-+]?\d+(\.\d+)?$/.test(tree.source) && String(tree.value) !== tree.source
    ? tree.source
    : readJson(tree, issues);
}

export function readColumnValues(tree: MapTree, issues: Issues): ColumnValues {
  const values = tree.entries.map(({ key, value }) => [key, readTextual(value, issues)] as const);
  return { values: Object.fromEntries(values), uses: scalars(tree).flatMap(parameterUse) };
}

function parameterUse(scalar: ScalarTree): readonly ParameterUse[] {
  const name = parameterOf(scalar.value);
  return name === undefined ? [] : [{ name, at: scalar.at }];
}

function scalars(tree: Tree): readonly ScalarTree[] {
  if (tree.kind === "scalar") return [tree];
  return tree.kind === "list"
    ? tree.items.flatMap(scalars)
    : tree.entries.flatMap(({ value }) => scalars(value));
}

/** Whether a double holds the number that was written. */
function isExact(source: string, value: number): boolean {
  if (!Number.isFinite(value)) return false;
  if (/^0[xo]/.test(source)) return Number.isSafeInteger(value);
  return canonical(source) === canonical(String(value));
}

/** Sign, digits and the decimal point's place, without the zeros that change nothing. */
function canonical(decimal: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^([-+]?)(\d*)\.?(\d*)(?:[eE]([-+]?\d+))?$/.exec(decimal) ?? [];
  const digits = (whole + fraction).replace(/^0+/, "");
  if (digits === "") return "0";
  const significant = digits.replace(/0+$/, "");
  const point = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${sign === "-" ? "-" : ""}${significant}e${point}`;
}
