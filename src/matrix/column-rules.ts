import type { SourcePosition } from "../model/errors.ts";
import type { ColumnRule } from "../model/matrix.ts";
import { expectMap, readTexts } from "./fields.ts";
import { columnRuleKeys } from "./forms.ts";
import { readRows } from "./heads.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import type { RelationScope } from "./scope.ts";
import type { Entry, MapTree, Tree } from "../yaml/tree.ts";
import type { ParameterUse } from "./values.ts";

export interface ColumnRuleDraft {
  readonly rule: ColumnRule;
  readonly uses: readonly ParameterUse[];
}

/** SELECT's `columns:`: one mapping of `rows`, `visible` and `hidden`, or a list of them. */
export function readColumnRules(entry: Entry | undefined, scope: RelationScope): readonly ColumnRuleDraft[] {
  if (entry === undefined) return [];
  const { value } = entry;
  const items: readonly Tree[] = value.kind === "list" ? value.items : [value];
  if (items.length === 0) scope.issues.report("matrix/empty", entry.keyAt, "`columns` says nothing");
  const drafts = items.flatMap((item) => readRule(item, entry.keyAt, scope));
  checkTwice(drafts, scope);
  return drafts;
}

function readRule(item: Tree, home: SourcePosition, scope: RelationScope): readonly ColumnRuleDraft[] {
  const map = expectMap(item, "an entry of `columns`", scope.issues);
  if (map === undefined) return [];
  checkKeys(map, scope);
  const fields = new Map(map.entries.map((one) => [one.key, one]));
  const where = fields.get("rows");
  const head = where && scope.issues.clean(() => readRows(where, scope));
  const expectation = head?.expectation;
  const rows =
    expectation?.kind === "rows" ? { name: expectation.name, predicate: expectation.predicate } : undefined;
  // `:column` has a value wherever columns are listed.
  const uses = (head?.uses ?? []).filter(({ name }) => name !== "column");
  const found = (["visible", "hidden"] as const).flatMap((shows): readonly ColumnRuleDraft[] => {
    const listed = fields.get(shows);
    const columns = listed && readTexts(listed.value, `\`${shows}\``, scope.issues);
    if (columns === undefined) return [];
    const named = columns.map(({ text, at }) => ({ name: text, at }));
    return [{ rule: { columns: named, shows, rows }, uses }];
  });
  if (!fields.has("visible") && !fields.has("hidden")) {
    const message = "an entry of `columns` lists neither `visible` nor `hidden` columns";
    scope.issues.report("matrix/missing-key", map.entries[0]?.keyAt ?? home, message);
  }
  return where !== undefined && head === undefined ? [] : found;
}

function checkKeys(map: MapTree, { issues }: RelationScope): void {
  for (const { key, keyAt } of map.entries) {
    if (columnRuleKeys.includes(key)) continue;
    const message = `unknown key \`${key}\` in \`columns\`${didYouMean(nearest(key, columnRuleKeys))}`;
    issues.report("matrix/unknown-key", keyAt, message, `keys: ${listNames(columnRuleKeys)}`);
  }
}

/** Twice said is contradicted: which of the two would hold? */
function checkTwice(drafts: readonly ColumnRuleDraft[], { issues }: RelationScope): void {
  const seen = new Map<string, SourcePosition>();
  for (const { name, at } of drafts.flatMap(({ rule }) => rule.columns)) {
    const before = seen.get(name);
    if (before === undefined) seen.set(name, at);
    else {
      const message = `column \`${name}\` is listed twice; first in line ${before.line}`;
      issues.report(
        "matrix/contradiction",
        at,
        message,
        "list it once, with one row set for all of its rows",
      );
    }
  }
}
