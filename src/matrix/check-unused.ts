import type { Groups } from "./groups.ts";
import type { Issues } from "../yaml/issues.ts";
import type { Personas } from "./personas.ts";
import type { ExpectEntry, RelationScope } from "./scope.ts";
import type { SourcePosition } from "../model/errors.ts";

/**
 * What nothing uses is a lie: it looks like something that is proved. Names in `meant` are left alone, since a misspelt
 * use of them has been reported.
 */
export function checkUnused(
  drafts: readonly { readonly scope: RelationScope; readonly expect: readonly ExpectEntry[] }[],
  personas: Personas,
  places: ReadonlyMap<string, SourcePosition>,
  groups: Groups,
  meant: ReadonlySet<string>,
  issues: Issues,
): void {
  const named = new Set([...drafts.flatMap(({ expect }) => expect.map(({ who }) => who)), ...meant]);
  const used = spread(named, groups);
  for (const name of personas.keys()) {
    const at = places.get(name);
    if (at === undefined || used.has("*") || used.has(name)) continue;
    issues.report(
      "matrix/unused-persona",
      at,
      `no relation expects anything of persona \`${name}\``,
      "name it, or take it out",
    );
  }
  for (const { name, at } of groups.values()) {
    if (used.has(name)) continue;
    issues.report(
      "matrix/unused-group",
      at,
      `no relation expects anything of group \`${name}\``,
      "name it, or take it out",
    );
  }
  for (const { scope } of drafts) {
    for (const [name, draft] of scope.rowSets) {
      if (draft === undefined || scope.usedRowSets.has(name)) continue;
      const message = `no expectation of \`${scope.relation}\` names the row set \`${name}\``;
      issues.report("matrix/unused-row-set", draft.rowSet.at, message, "name it, or take it out");
    }
  }
}

/** What is named, and what the named groups hold. */
function spread(named: ReadonlySet<string>, groups: Groups): ReadonlySet<string> {
  const used = new Set<string>();
  const open = [...named];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (used.has(name)) continue;
    used.add(name);
    open.push(...(groups.get(name)?.direct ?? []));
  }
  return used;
}
