import type { SqlToken } from "../lib/sql-tokens.ts";
import { tokenizeSql } from "../lib/sql-tokens.ts";
import type { Issues } from "../yaml/issues.ts";
import type { Tree } from "../yaml/tree.ts";
import { describe } from "../yaml/tree.ts";
import type { ParameterUse } from "./values.ts";

export interface Predicate {
  /** Without comments and surrounding space: nothing that follows it can be swallowed. */
  readonly sql: string;
  readonly uses: readonly ParameterUse[];
}

/** A predicate stands in parentheses within larger statements; what could end it early, or hide what follows, is an issue. */
export function readPredicate(tree: Tree, what: string, issues: Issues): Predicate | undefined {
  if (tree.kind !== "scalar" || typeof tree.value !== "string") {
    const hint = tree.kind === "scalar" && tree.value !== null ? "quote it" : undefined;
    issues.report(
      "matrix/wrong-type",
      tree.at,
      `${what} must be a SQL predicate; found ${describe(tree)}`,
      hint,
    );
    return undefined;
  }
  const tokens = tokenizeSql(tree.value);
  const problem = problemOf(tokens, tree.folded);
  if (problem !== undefined) {
    issues.report("matrix/predicate", tree.at, `${what} ${problem.what}`, problem.hint);
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
  if (code.length === 0) return { what: "is empty", hint: "`allow` means every row, `deny` none" };
  const open = tokens.find((token) => !token.closed);
  if (open !== undefined) {
    return {
      what: `opens \`${open.text.slice(0, 12)}\` and never closes it`,
      hint: "close the quote or comment",
    };
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

/** `U&` before a name's quotes: what it is called shows only when the escapes are read. */
function isEscaped(tokens: readonly SqlToken[], index: number): boolean {
  return tokens[index - 1]?.text === "&" && /^u$/i.test(tokens[index - 2]?.text ?? "");
}

function bracketProblem(code: readonly SqlToken[]): Problem | undefined {
  const opened: string[] = [];
  const closes: Readonly<Record<string, string>> = { ")": "(", "]": "[" };
  for (const { kind, text } of code) {
    if (kind !== "punctuation") continue;
    if (text === ";") return { what: "holds a `;`", hint: "a predicate is one expression, not statements" };
    if (text === "(" || text === "[") opened.push(text);
    const partner = closes[text];
    if (partner !== undefined && opened.pop() !== partner) {
      return { what: `closes a \`${text}\` that it did not open`, hint: "balance the brackets" };
    }
  }
  const left = opened.at(-1);
  return left === undefined
    ? undefined
    : { what: `opens a \`${left}\` and never closes it`, hint: "balance the brackets" };
}
