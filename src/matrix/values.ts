import type { SqlToken } from "../lib/sql-tokens.ts";
import { tokenizeSql } from "../lib/sql-tokens.ts";
import type { Json } from "../model/matrix.ts";
import { parameterOf } from "../model/parameters.ts";
import type { Issues } from "../yaml/issues.ts";
import type { MapTree, ScalarTree, Tree } from "../yaml/tree.ts";
import type { ParameterUse } from "./scope.ts";

/** Values of claims and inside of JSON: a number that JSON would change is an issue. */
function readJson(tree: Tree, issues: Issues): Json {
  if (tree.kind === "list") return tree.items.map((item) => readJson(item, issues));
  if (tree.kind === "map") return readJsonMap(tree, issues);
  if (typeof tree.value === "number" && !isExact(tree.source, tree.value)) {
    const message = `a JSON number cannot hold \`${tree.source}\` exactly`;
    issues.report("number", tree.at, message, `quote it: \`'${tree.source}'\``);
  }
  return tree.value;
}

export function readJsonMap(tree: MapTree, issues: Issues): Readonly<Record<string, Json>> {
  return Object.fromEntries(tree.entries.map(({ key, value }) => [key, readJson(value, issues)]));
}

/** Values that Postgres reads as text: a number stays as it is written, 20 digits and `1.10` included. */
export function readTextual(tree: Tree, issues: Issues): Json {
  if (tree.kind !== "scalar" || typeof tree.value !== "number") return readJson(tree, issues);
  return /^[-+]?\d+(\.\d+)?$/.test(tree.source) && String(tree.value) !== tree.source
    ? tree.source
    : readJson(tree, issues);
}

/** Column, or argument, → value. */
export interface ColumnValues {
  readonly values: Readonly<Record<string, Json>>;
  readonly uses: readonly ParameterUse[];
}

export function readColumnValues(tree: MapTree, issues: Issues): ColumnValues {
  const values = tree.entries.map(({ key, value }) => [key, readTextual(value, issues)] as const);
  return { values: Object.fromEntries(values), uses: scalarsOf(tree).flatMap(parameterUse) };
}

function parameterUse(scalar: ScalarTree): readonly ParameterUse[] {
  const name = parameterOf(scalar.value);
  return name === undefined ? [] : [{ name, at: scalar.at }];
}

/** Every scalar within, in the order of the file. */
export function scalarsOf(tree: Tree, found: ScalarTree[] = []): readonly ScalarTree[] {
  if (tree.kind === "scalar") found.push(tree);
  else if (tree.kind === "list") for (const item of tree.items) scalarsOf(item, found);
  else for (const { value } of tree.entries) scalarsOf(value, found);
  return found;
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

export interface Predicate {
  /** Without comments and surrounding space: it hides nothing that follows it. */
  readonly sql: string;
  readonly uses: readonly ParameterUse[];
}

/** A predicate is put in parentheses within larger statements: an issue is what could end it early, or hide what follows. */
export function readPredicate(tree: Tree | undefined, what: string, issues: Issues): Predicate | undefined {
  if (tree?.kind !== "scalar" || typeof tree.value !== "string") return undefined;
  const tokens = tokenizeSql(tree.value);
  const problem = problemOf(tokens, tree.folded);
  if (problem !== undefined) {
    issues.report("predicate", tree.at, `${what} ${problem.what}`, problem.hint);
    return undefined;
  }
  const uses = tokens
    .filter((token) => token.kind === "parameter")
    .map((token) => ({ name: token.text.slice(1), at: tree.at }));
  const sql = tokens.map((token) => (token.kind === "comment" ? " " : token.text)).join("");
  return { sql: sql.trim(), uses };
}

interface Problem {
  readonly what: string;
  readonly hint: string;
}

function problemOf(tokens: readonly SqlToken[], folded: boolean): Problem | undefined {
  const code = tokens.filter(({ kind }) => kind !== "space" && kind !== "comment");
  if (code.length === 0) return { what: "is empty", hint: "`allow` means every row, `deny` means no row" };
  const open = tokens.find((token) => !token.closed);
  if (open !== undefined) {
    const what = `opens \`${open.text.slice(0, 12)}\` and never closes it`;
    return { what, hint: "close the quote or comment" };
  }
  if (folded && tokens.some(({ kind, text }) => kind === "comment" && text.startsWith("--"))) {
    const hint = "write the predicate as a literal block (`|`), or leave the comment out";
    return { what: "has a `--` comment in lines that YAML joins: it hides what follows", hint };
  }
  const escaped = tokens.findIndex(({ kind }, index) => kind === "quoted" && isEscaped(tokens, index));
  if (escaped !== -1) {
    return { what: 'holds a name in escapes (`U&"…"`)', hint: "write the name itself" };
  }
  const positional = code.find(({ kind }) => kind === "positional");
  if (positional !== undefined) {
    return { what: `holds \`${positional.text}\``, hint: "parameters are written by name, as `:sub`" };
  }
  return bracketProblem(code);
}

/** `U&` before a name's quotes: only reading the escapes would show the name. */
function isEscaped(tokens: readonly SqlToken[], index: number): boolean {
  return tokens[index - 1]?.text === "&" && /^u$/i.test(tokens[index - 2]?.text ?? "");
}

function bracketProblem(code: readonly SqlToken[]): Problem | undefined {
  const opened: string[] = [];
  const closes: Readonly<Record<string, string>> = { ")": "(", "]": "[" };
  const hint = "balance the brackets";
  for (const { kind, text } of code) {
    if (kind !== "punctuation") continue;
    if (text === ";") return { what: "holds a `;`", hint: "a predicate is one expression, not statements" };
    if (text === "(" || text === "[") opened.push(text);
    const partner = closes[text];
    if (partner !== undefined && opened.pop() !== partner)
      return { what: `closes a \`${text}\` that it did not open`, hint };
  }
  const left = opened.at(-1);
  return left === undefined ? undefined : { what: `opens a \`${left}\` and never closes it`, hint };
}
