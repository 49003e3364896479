import type { DenyReason, Expectation } from "../model/matrix.ts";
import { denyReasons } from "../model/matrix.ts";
import { readTexts } from "./fields.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import { readPredicate } from "./predicate.ts";
import type { RelationScope, Said } from "./scope.ts";
import type { Entry } from "../yaml/tree.ts";
import { describe, textOf } from "../yaml/tree.ts";
import type { ParameterUse } from "./values.ts";

/** An expectation, and the parameters that whoever it is said of must have. */
export interface Head {
  readonly expectation: Expectation;
  readonly uses: readonly ParameterUse[];
}

export function readAllow({ value }: Entry, { issues }: RelationScope): Head | undefined {
  if (value.kind === "scalar" && value.value === true) {
    return { expectation: { kind: "allow" }, uses: [] };
  }
  issues.report("matrix/bad-value", value.at, "`allow` takes `true` only", "the contrary is `deny`");
  return undefined;
}

export function readDeny({ value }: Entry, { issues }: RelationScope): Head | undefined {
  if (value.kind === "scalar" && value.value === true) {
    return { expectation: { kind: "deny", reason: undefined }, uses: [] };
  }
  const word = textOf(value);
  const reason = denyReasons.find((known): known is DenyReason => known === word);
  if (reason !== undefined) return { expectation: { kind: "deny", reason }, uses: [] };
  const hint = `reasons: ${listNames(denyReasons)}`;
  if (word === undefined) {
    issues.report(
      "matrix/wrong-type",
      value.at,
      `\`deny\` must be a reason or \`true\`; found ${describe(value)}`,
      hint,
    );
  } else {
    const meant = didYouMean(nearest(word, denyReasons));
    issues.report("matrix/unknown-reason", value.at, `unknown reason \`${word}\`${meant}`, hint);
  }
  return undefined;
}

export function readRows({ value }: Entry, scope: RelationScope): Head | undefined {
  const word = textOf(value)?.trim() ?? "";
  if (scope.rowSets.has(word)) return namedRows(word, value.at, scope);
  const bareWord = /^[A-Za-z_][A-Za-z0-9_.@-]*$/.test(word);
  const near = bareWord ? nearest(word, scope.rowSets.keys()) : undefined;
  if (near !== undefined) {
    scope.usedRowSets.add(near);
    const message = `\`${scope.relation}\` has no row set \`${word}\`${didYouMean(near)}`;
    scope.issues.report("matrix/unknown-row-set", value.at, message, `a column is written \`(${word})\``);
    return undefined;
  }
  const predicate = readPredicate(value, "`rows`", scope.issues);
  return (
    predicate && {
      expectation: { kind: "rows", name: undefined, predicate: predicate.sql },
      uses: predicate.uses,
    }
  );
}

export function readCandidates(
  accept: Entry | undefined,
  reject: Entry | undefined,
  scope: RelationScope,
): Head | undefined {
  const names = (entry: Entry | undefined): readonly Named[] | undefined =>
    entry === undefined ? [] : readTexts(entry.value, `\`${entry.key}\``, scope.issues);
  const accepted = names(accept);
  const rejected = names(reject);
  return accepted && rejected && candidates(accepted, rejected, scope);
}

export function namedRows(
  name: string,
  at: Said["at"],
  scope: RelationScope,
  words: readonly string[] = [],
): Head | undefined {
  if (scope.rowSets.has(name)) {
    scope.usedRowSets.add(name);
    const draft = scope.rowSets.get(name);
    if (draft === undefined) return undefined;
    const { predicate } = draft.rowSet;
    return { expectation: { kind: "rows", name, predicate }, uses: draft.uses };
  }
  const near = nearest(name, [...scope.rowSets.keys(), ...words]);
  if (near !== undefined) scope.usedRowSets.add(near);
  const message = `\`${scope.relation}\` has no row set \`${name}\`${didYouMean(near)}`;
  const known = [...scope.rowSets.keys()];
  const hint = known.length > 0 ? `row sets: ${listNames(known)}; ` : "";
  scope.issues.report(
    "matrix/unknown-row-set",
    at,
    message,
    `${hint}a predicate is written \`{ rows: "…" }\``,
  );
  return undefined;
}

export interface Named {
  readonly text: string;
  readonly at: Said["at"];
}

export function candidates(
  accept: readonly Named[],
  reject: readonly Named[],
  scope: RelationScope,
): Head | undefined {
  const { issues } = scope;
  return issues.clean(() => {
    for (const { text, at } of [...accept, ...reject]) {
      if (scope.candidates.has(text)) continue;
      const known = [...scope.candidates.keys()];
      const message = `\`${scope.relation}\` has no candidate \`${text}\`${didYouMean(nearest(text, known))}`;
      const hint =
        known.length > 0 ? `candidates: ${listNames(known)}` : "declare candidates under `insert:`";
      issues.report("matrix/unknown-candidate", at, message, hint);
    }
    for (const { text, at } of reject) {
      if (!accept.some((other) => other.text === text)) continue;
      issues.report("matrix/contradiction", at, `candidate \`${text}\` is both accepted and rejected`);
    }
    const uses = [...accept, ...reject].flatMap(({ text }) => scope.candidates.get(text)?.uses ?? []);
    return { expectation: { kind: "candidates", accept: texts(accept), reject: texts(reject) }, uses };
  });
}

function texts(list: readonly Named[]): readonly string[] {
  return list.map(({ text }) => text);
}
