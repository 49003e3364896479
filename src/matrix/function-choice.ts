import type { CallChoice } from "../model/matrix.ts";
import { readTexts } from "./fields.ts";
import { type Head, type Named, readDeny } from "./heads.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import type { RelationScope } from "./scope.ts";
import { type Entry, textOf } from "../yaml/tree.ts";

/** `accept`, `reject`, and `deny` beside them: which calls go through, and why the others do not. */
export function readChoice(fields: ReadonlyMap<string, Entry>, scope: RelationScope): CallChoice | undefined {
  const [accept, reject, because] = ["accept", "reject", "deny"].map((key) => fields.get(key));
  if (accept === undefined && reject === undefined)
    return withholds(fields) ? { accept: [], reject: [], reason: "filter" } : undefined;
  const refusal = because && readRefusal(because, scope)?.expectation;
  const accepted = accept && readNames(accept, scope);
  const rejected = (reject && readNames(reject, scope)) ?? [];
  for (const { text, at } of rejected) {
    if (accepted?.some((other) => other.text === text) === true)
      scope.issues.report("matrix/contradiction", at, `call \`${text}\` is both accepted and rejected`);
  }
  return {
    accept: accepted?.map(({ text }) => text),
    reject: rejected.map(({ text }) => text),
    reason: refusal?.kind === "deny" ? refusal.reason : undefined,
  };
}

function readNames({ key, value }: Entry, { issues, candidates, relation }: RelationScope): readonly Named[] {
  const names = readTexts(value, `\`${key}\``, issues) ?? [];
  const known = [...candidates.keys()];
  for (const { text, at } of names) {
    if (candidates.has(text)) continue;
    const message = `\`${relation}\` has no call \`${text}\`${didYouMean(nearest(text, known))}`;
    issues.report("matrix/unknown-call", at, message, `calls: ${listNames(known)}`);
  }
  return names;
}

/** `{ deny: filter, rows: … }`: the call goes through, and returns none of these. */
export function withholds(fields: ReadonlyMap<string, Entry>): boolean {
  const deny = fields.get("deny");
  return deny !== undefined && textOf(deny.value) === "filter" && fields.has("rows");
}

/** By its arguments a call may return no row to anybody: only rows that it would return to others show that it withholds them. */
export function checkWithheld(
  { expectation }: Head,
  calls: CallChoice | undefined,
  deny: Entry | undefined,
  { issues, candidates }: RelationScope,
): void {
  const reason = expectation.kind === "deny" ? expectation.reason : calls?.reason;
  if (deny === undefined || reason !== "filter" || expectation.kind === "rows") return;
  const given = [...candidates.values()].find(
    (call) => call !== undefined && Object.keys(call.candidate.values).length > 0,
  );
  if (given === undefined) return;
  const message = `\`deny: filter\` does not say which rows the call \`${given.candidate.name}\` withholds`;
  const hint = "write `rows` beside it: a row set, with the call's arguments as `:args.<name>`";
  issues.report("matrix/missing-key", deny.keyAt, message, hint);
}

/** A function has no gate `grant`: its privilege is EXECUTE. */
export function readRefusal(entry: Entry, scope: RelationScope): Head | undefined {
  if (textOf(entry.value) !== "grant") return readDeny(entry, scope);
  const message = "a function is not denied by `grant`; did you mean `execute`?";
  scope.issues.report("matrix/unknown-reason", entry.value.at, message);
  return undefined;
}
