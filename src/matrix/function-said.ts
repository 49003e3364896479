import type { Waiver } from "../model/matrix.ts";
import { readColumnRules } from "./column-rules.ts";
import { checkWithheld, readChoice, readRefusal, withholds } from "./function-choice.ts";
import { type Head, namedRows, readAllow, readRows } from "./heads.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import type { ExpectEntry, RelationScope, Said } from "./scope.ts";
import type { Entry, MapTree } from "../yaml/tree.ts";
import { describe, textOf } from "../yaml/tree.ts";
import { isDenied } from "./said.ts";
import { readWaiver } from "./waivers.ts";

const ways = "`allow`, `deny`, a row set, or which calls to `accept` or `reject`";
const allow: Head = { expectation: { kind: "allow" }, uses: [] };
const deny: Head = { expectation: { kind: "deny", reason: undefined }, uses: [] };

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
    word === "allow" ? allow : word === "deny" ? deny : namedRows(word, value.at, scope, ["allow", "deny"]);
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
  const calls = readChoice(fields, scope);
  const head = readHead(fields, home, scope);
  if (head !== undefined) checkWithheld(head, calls, fields.get("deny"), scope);
  const rules = readColumnRules(fields.get("columns"), scope);
  const waive = fields.get("waive");
  const waiver: Waiver | undefined =
    waive && readWaiver(waive.value, "the waiver", waive.keyAt, scope.today, scope.issues);
  const shown = calls?.accept?.length === 0 ? deny : head;
  if (head === undefined || (rules.length > 0 && shown !== undefined && isDenied(shown, fields, scope)))
    return undefined;
  const uses = [...head.uses, ...rules.flatMap((rule) => rule.uses)];
  const columns = rules.map(({ rule }) => rule);
  return { ...nothing, expectation: head.expectation, columns, calls, waiver, at: map.at, uses };
}

function readHead(fields: ReadonlyMap<string, Entry>, home: Entry, scope: RelationScope): Head | undefined {
  const choice = fields.get("accept") ?? fields.get("reject");
  // Beside a choice of calls `deny` says why the others are refused; with the rows that it withholds, why all are.
  const given = heads.filter((key) => key !== "deny" || (choice === undefined && !withholds(fields)));
  const [head, clash] = given.flatMap((key) => fields.get(key) ?? []);
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
