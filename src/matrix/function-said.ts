import type { CallChoice, Waiver } from "../model/matrix.ts";
import { readColumnRules } from "./column-rules.ts";
import { readTexts } from "./fields.ts";
import { type Head, type Named, namedRows, readAllow, readDeny, readRows } from "./heads.ts";
import { didYouMean, listNames, nearest } from "./nearest.ts";
import type { ExpectEntry, RelationScope, Said } from "./scope.ts";
import type { Entry, MapTree } from "./tree.ts";
import { describe, textOf } from "./tree.ts";
import { isDenied } from "./said.ts";
import { readWaiver } from "./waivers.ts";

const ways = "`allow`, `deny`, a row set, or which calls to `accept` or `reject`";
const allow: Head = { expectation: { kind: "allow" }, uses: [] };

/** One entry under a function's `expect`: it speaks of `execute`, for there is nothing else that a function does. */
export function readFunctionEntry(entry: Entry, scope: RelationScope): ExpectEntry {
  const said = scope.issues.clean(() => readSaid(entry, scope));
  return { who: entry.key, at: entry.keyAt, claims: new Map([["execute", { said, declared: true }]]) };
}

function readSaid({ key, keyAt, value }: Entry, scope: RelationScope): Said | undefined {
  if (value.kind === "map") return readMapping(value, { key, keyAt, value }, scope);
  const word = textOf(value);
  if (word === undefined) {
    scope.issues.report(
      "matrix/wrong-type",
      value.at,
      `\`${key}\` must say ${ways}; found ${describe(value)}`,
    );
    return undefined;
  }
  const head =
    word === "allow"
      ? allow
      : word === "deny"
        ? ({ expectation: { kind: "deny", reason: undefined }, uses: [] } as const)
        : namedRows(word, value.at, scope, ["allow", "deny"]);
  return head && { ...head, ...nothing, waiver: undefined, at: value.at };
}

/** What only a relation's operations have. */
const nothing = { set: undefined, never: [], columns: [] } as const;

const heads = ["allow", "deny", "rows"] as const;
const keys = [...heads, "accept", "reject", "columns", "waive"] as const;

function readMapping(map: MapTree, home: Entry, scope: RelationScope): Said | undefined {
  for (const { key, keyAt } of map.entries) {
    if (keys.some((known) => known === key)) continue;
    const message = `unknown key \`${key}\` in what a function does for \`${home.key}\`${didYouMean(nearest(key, keys))}`;
    scope.issues.report("matrix/unknown-key", keyAt, message, `keys: ${listNames(keys)}`);
  }
  const fields = new Map(map.entries.map((entry) => [entry.key, entry]));
  const calls = readChoice(fields.get("accept"), fields.get("reject"), scope);
  const head = readHead(fields, home, scope);
  const rules = readColumnRules(fields.get("columns"), scope);
  const waive = fields.get("waive");
  const waiver: Waiver | undefined =
    waive && readWaiver(waive.value, "the waiver", waive.keyAt, scope.today, scope.issues);
  if (head === undefined || (rules.length > 0 && isDenied(head, fields, scope))) return undefined;
  const uses = [...head.uses, ...rules.flatMap((rule) => rule.uses)];
  const columns = rules.map(({ rule }) => rule);
  return { ...nothing, expectation: head.expectation, columns, calls, waiver, at: map.at, uses };
}

function readHead(fields: ReadonlyMap<string, Entry>, home: Entry, scope: RelationScope): Head | undefined {
  const given = heads.flatMap((key) => fields.get(key) ?? []);
  const [head, second] = given;
  const choice = fields.get("accept") ?? fields.get("reject");
  const clash = second ?? (head?.key === "deny" ? choice : undefined);
  if (clash !== undefined) {
    const message = `\`${home.key}\` says \`${head?.key}\` and \`${clash.key}\` at once: it must be one of ${ways}`;
    scope.issues.report("matrix/ambiguous-expectation", clash.keyAt, message);
    return undefined;
  }
  if (head?.key === "allow") return readAllow(head, scope);
  if (head?.key === "deny") return readRefusal(head, scope);
  if (head !== undefined) return readRows(head, scope);
  if (choice !== undefined) return allow;
  scope.issues.report("matrix/missing-key", home.keyAt, `\`${home.key}\` says neither of ${ways}`);
  return undefined;
}

/** A function has no gate `grant`: its privilege is EXECUTE. */
function readRefusal(entry: Entry, scope: RelationScope): Head | undefined {
  if (textOf(entry.value) !== "grant") return readDeny(entry, scope);
  const message = "a function is not denied by `grant`; did you mean `execute`?";
  scope.issues.report("matrix/unknown-reason", entry.value.at, message);
  return undefined;
}

function readChoice(
  accept: Entry | undefined,
  reject: Entry | undefined,
  scope: RelationScope,
): CallChoice | undefined {
  if (accept === undefined && reject === undefined) return undefined;
  const accepted = accept && readNames(accept, scope);
  const rejected = (reject && readNames(reject, scope)) ?? [];
  for (const { text, at } of rejected) {
    if (accepted?.some((other) => other.text === text) === true)
      scope.issues.report("matrix/contradiction", at, `call \`${text}\` is both accepted and rejected`);
  }
  return { accept: accepted?.map(({ text }) => text), reject: rejected.map(({ text }) => text) };
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
