import type { SourcePosition } from "../model/errors.ts";
import type { RelationWaiver, Waiver } from "../model/matrix.ts";
import { expectMap, readFields, readLeaf } from "./fields.ts";
import type { Issues } from "../yaml/issues.ts";
import { readRelationName } from "./relation-name.ts";
import { keysOf } from "./shapes.ts";
import type { Entry, Tree } from "../yaml/tree.ts";

/** A waiver needs a reason and a day; one whose day has passed is read all the same, and fails in the run. */
export function readWaiver(
  tree: Tree,
  what: string,
  home: SourcePosition,
  today: string,
  issues: Issues,
): Waiver | undefined {
  const fields = readFields(tree, keysOf.waiver, what, home, issues);
  const reasonNode = fields?.get("reason")?.value;
  const expiresNode = fields?.get("expires")?.value;
  const reason = reasonNode && readLeaf(reasonNode, "text", `\`reason\` of ${what}`, issues);
  const hint = `write the last day on which it holds, as \`${today}\``;
  const expires = expiresNode && readLeaf(expiresNode, "day", `\`expires\` of ${what}`, issues, hint);
  return reason === undefined || expires === undefined ? undefined : { reason, expires, at: tree.at };
}

export function readRelationWaivers(
  entry: Entry | undefined,
  defaultSchema: string,
  today: string,
  issues: Issues,
): readonly RelationWaiver[] {
  const map = entry && expectMap(entry.value, "`waive`", issues);
  return (map?.entries ?? []).flatMap(({ key, keyAt, value }) => {
    const name = readRelationName(key, defaultSchema, keyAt, issues);
    const waiver = readWaiver(value, `the waiver of \`${key}\``, keyAt, today, issues);
    return name === undefined || waiver === undefined ? [] : [{ ...name, ...waiver, at: keyAt }];
  });
}
