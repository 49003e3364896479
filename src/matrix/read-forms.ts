import { didYouMean, listNames } from "../lib/nearest.ts";
import type { SourcePosition } from "../model/errors.ts";
import {
  type CallChoice,
  type Candidate,
  type ColumnRule,
  type DenyReason,
  denyReasons,
} from "../model/matrix.ts";
import {
  entriesOf,
  type Fields,
  fieldsOf,
  type PlacedText,
  textOf,
  textsOf,
  type Tree,
} from "../yaml/tree.ts";
import type { ParameterUse, Scope, Statement } from "./scope.ts";
import { readColumnValues, readPredicate } from "./values.ts";

/** Half of a statement; `undefined`: broken, which has been reported. */
export type Part = Partial<Statement> | undefined;

export function readAllow(): Part {
  return { expectation: { kind: "allow" } };
}

export function readDeny(fields: Fields, { issues }: Scope, target: string): Part {
  const value = fields.get("deny")?.value;
  const reason = reasonOf(fields);
  if (value !== undefined && reason === "grant" && target === "execute") {
    // Its privilege is EXECUTE.
    const message = "`grant` is no reason for a function; did you mean `execute`?";
    issues.report("unknown-reason", value.at, message);
    return undefined;
  }
  return { expectation: { kind: "deny", reason } };
}

function reasonOf(fields: Fields): DenyReason | undefined {
  const word = textOf(fields.get("deny")?.value);
  return denyReasons.find((known) => known === word);
}

export function readRows(fields: Fields, scope: Scope): Part {
  return rowsOf(fields.get("rows")?.value, scope);
}

/** A single word names a row set; within `rows:` it may be a predicate as well. */
export function rowsOf(tree: Tree | undefined, scope: Scope): Part {
  const word = textOf(tree)?.trim();
  if (tree === undefined || word === undefined) return undefined;
  const alone = tree.kind === "scalar" && tree.alone === true;
  if (scope.rowSets.has(word)) {
    const set = scope.rowSets.use(word);
    const predicate = set?.value?.predicate;
    return predicate === undefined
      ? undefined
      : { expectation: { kind: "rows", name: word, predicate }, uses: set?.uses ?? [] };
  }
  const meant = alone
    ? scope.rowSets.meant(word, ["allow", "deny"])
    : /^[A-Za-z_][A-Za-z0-9_.@-]*$/.test(word)
      ? scope.rowSets.meant(word)
      : undefined;
  if (alone || meant !== undefined) {
    const known = scope.rowSets.all.length > 0 ? `row sets: ${listNames(scope.rowSets.all)}; ` : "";
    const message = `\`${scope.name}\` has no row set \`${word}\`${didYouMean(meant)}`;
    const hint = alone
      ? `${known}a predicate is written \`{ rows: "…" }\``
      : `a column is written \`(${word})\``;
    scope.issues.report("unknown-row-set", tree.at, message, hint);
    return undefined;
  }
  const predicate = readPredicate(tree, "`rows`", scope.issues);
  return (
    predicate && {
      expectation: { kind: "rows", name: undefined, predicate: predicate.sql },
      uses: predicate.uses,
    }
  );
}

export function readCandidates(fields: Fields, scope: Scope): Part {
  const { accept = [], reject } = readNames(fields, "candidate", scope);
  const names = [...accept, ...reject];
  const uses = names.flatMap((name) => scope.candidates.get(name)?.uses ?? []);
  const checked = fields.has("check") ? readCheck(fields, scope) : {};
  return (
    checked && {
      expectation: { kind: "candidates", accept, reject },
      ...checked,
      uses: [...uses, ...(checked.uses ?? [])],
    }
  );
}

/** What a new row must satisfy: a row set like any other. */
export function readCheck(fields: Fields, scope: Scope): Part {
  const stated = rowsOf(fields.get("check")?.value, scope);
  if (stated?.expectation?.kind !== "rows") return undefined;
  const { name, predicate } = stated.expectation;
  return { check: { name, predicate }, uses: stated.uses ?? [] };
}

/** `accept`, `reject`, and `deny` with them: which calls are accepted, and why the others are refused. */
export function readChoice(fields: Fields, scope: Scope): Part {
  if (!fields.has("accept") && !fields.has("reject"))
    return withholds(fields) ? { calls: { accept: [], reject: [], reason: "filter" } } : {};
  const { accept, reject } = readNames(fields, "call", scope);
  readDeny(fields, scope, "execute");
  return { calls: { accept, reject, reason: reasonOf(fields) } };
}

/** `{ deny: filter, rows: … }`: the call is accepted, and returns none of these rows. */
export function withholds(fields: Fields): boolean {
  return reasonOf(fields) === "filter" && fields.has("rows");
}

export function readNames(
  fields: Fields,
  noun: "candidate" | "call",
  { candidates, issues, name }: Scope,
): Pick<CallChoice, "accept" | "reject"> {
  const accept = fields.has("accept") ? textsOf(fields.get("accept")?.value) : undefined;
  const reject = textsOf(fields.get("reject")?.value);
  const known = candidates.all;
  for (const { text, at } of [...(accept ?? []), ...reject]) {
    if (candidates.has(text)) continue;
    const message = `\`${name}\` has no ${noun} \`${text}\`${didYouMean(candidates.meant(text))}`;
    const hint =
      known.length > 0
        ? `${noun}s: ${listNames(known)}`
        : `declare ${noun}s under \`${noun === "call" ? "calls" : "insert"}:\``;
    issues.report(`unknown-${noun}`, at, message, hint);
  }
  for (const { text, at } of reject)
    if (accept?.some((other) => other.text === text) === true)
      issues.report("contradiction", at, `${noun} \`${text}\` is both accepted and rejected`);
  return { accept: accept && texts(accept), reject: texts(reject) };
}

function texts(list: readonly PlacedText[]): readonly string[] {
  return list.map(({ text }) => text);
}

export function readSet(fields: Fields, scope: Scope): Part {
  const { values, uses } = readColumns(fields.get("set")?.value, "`set`", scope);
  return { set: values, uses };
}

export function readForbidden(fields: Fields, scope: Scope): Part {
  const uses: ParameterUse[] = [];
  const never = entriesOf(fields.get("never")?.value).map(({ key, value }): Candidate => {
    const columns = readColumns(value, `forbidden update \`${key}\``, scope);
    uses.push(...columns.uses);
    return { name: key, values: columns.values, at: value.at };
  });
  return { never, uses };
}

function readColumns(
  tree: Tree | undefined,
  what: string,
  { issues }: Scope,
): ReturnType<typeof readColumnValues> {
  if (tree?.kind !== "map") return { values: {}, uses: [] };
  if (tree.entries.length === 0) issues.report("empty", tree.at, `${what} writes no column`, "name a column");
  return readColumnValues(tree, issues);
}

export function readColumnRules(fields: Fields, scope: Scope): Part {
  const entry = fields.get("columns");
  const items = entry?.value.kind === "list" ? entry.value.items : [];
  const uses: ParameterUse[] = [];
  const columns = items.flatMap((item) => readColumnRule(item, entry?.keyAt ?? item.at, uses, scope));
  checkTwice(columns, scope);
  return { columns, uses };
}

/** @param uses collects the parameters */
function readColumnRule(
  item: Tree,
  home: SourcePosition,
  uses: ParameterUse[],
  scope: Scope,
): readonly ColumnRule[] {
  const fields = fieldsOf(item);
  const stated = rowsOf(fields.get("rows")?.value, scope);
  const expectation = stated?.expectation;
  const rows =
    expectation?.kind === "rows" ? { name: expectation.name, predicate: expectation.predicate } : undefined;
  // `:column` has a value wherever columns are listed.
  uses.push(...(stated?.uses ?? []).filter(({ name }) => name !== "column"));
  if (!fields.has("visible") && !fields.has("hidden")) {
    const message = "an item of `columns` lists neither `visible` nor `hidden` columns";
    scope.issues.report("missing-key", entriesOf(item)[0]?.keyAt ?? home, message);
  }
  return (["visible", "hidden"] as const)
    .filter((shows) => fields.has(shows))
    .map((shows) => ({
      columns: textsOf(fields.get(shows)?.value).map(({ text, at }) => ({ name: text, at })),
      shows,
      rows,
    }));
}

function checkTwice(rules: readonly ColumnRule[], { issues }: Scope): void {
  const seen = new Map<string, SourcePosition>();
  for (const { name, at } of rules.flatMap(({ columns }) => columns)) {
    const before = seen.get(name);
    if (before === undefined) seen.set(name, at);
    else {
      const message = `column \`${name}\` is listed twice; first in line ${before.line}`;
      issues.report("contradiction", at, message, "list it once, with one row set for all of its rows");
    }
  }
}

/** A waiver whose day has passed is read all the same, and fails in the run. */
export function readWaiver(fields: Fields): Part {
  const waive = fields.get("waive")?.value;
  const [reason, expires, error] = ["reason", "expires", "error"].map((key) =>
    textOf(fieldsOf(waive).get(key)?.value),
  );
  if (waive === undefined || reason === undefined || expires === undefined) return undefined;
  return { waiver: { reason, expires, ...(error !== undefined && { error }), at: waive.at } };
}
