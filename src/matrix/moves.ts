import type { Candidate } from "../model/matrix.ts";
import { checkName, expectMap } from "./fields.ts";
import type { RelationScope } from "./scope.ts";
import type { Entry } from "../yaml/tree.ts";
import type { ColumnValues, ParameterUse } from "./values.ts";
import { readColumnValues } from "./values.ts";

/** UPDATE's `set:`: column → value. */
export function readColumns(
  entry: Entry | undefined,
  what: string,
  { issues }: RelationScope,
): ColumnValues | undefined {
  const map = entry && expectMap(entry.value, what, issues);
  if (map === undefined) return undefined;
  if (map.entries.length === 0) issues.report("matrix/empty", map.at, `${what} writes no column`);
  return readColumnValues(map, issues);
}

export interface Move {
  readonly candidate: Candidate;
  readonly uses: readonly ParameterUse[];
}

/** UPDATE's `never:`: name → column → value. */
export function readNever(entry: Entry | undefined, scope: RelationScope): readonly Move[] {
  const map = entry && expectMap(entry.value, "`never`", scope.issues);
  return (map?.entries ?? []).flatMap((move) => {
    checkName(move, "a move", scope.issues);
    const columns = readColumns(move, `move \`${move.key}\``, scope);
    if (columns === undefined) return [];
    return [{ candidate: { name: move.key, values: columns.values, at: move.value.at }, uses: columns.uses }];
  });
}
