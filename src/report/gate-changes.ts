import type { GateChange, GateRecord, Reached } from "../model/gate.ts";
import { clean } from "./text.ts";

/** The same change, of several personas and operations. */
export interface ChangeGroup extends GateChange {
  readonly personas: readonly string[];
  readonly operations: readonly string[];
  /** Where the matrix says something else. */
  readonly against: string | undefined;
}

/** Changes that differ in their persona alone are one, and then those that differ in their operation. */
export function groupChanges(
  changes: readonly GateChange[],
  { broken }: Pick<GateRecord, "broken">,
): readonly ChangeGroup[] {
  const places = new Map(broken.map(({ cell, at }) => [cell, at]));
  const single = changes.map((one) => ({
    ...one,
    ...(one.privilegeOnly && { before: undefined, after: undefined }),
    personas: [one.persona],
    operations: [operationText(one)],
    against: places.get(one.cell),
  }));
  return merged(merged(single, "personas"), "operations");
}

function merged(groups: readonly ChangeGroup[], by: "personas" | "operations"): readonly ChangeGroup[] {
  const found = new Map<string, ChangeGroup>();
  for (const group of groups) {
    const { relation, before, after, privilegeOnly, declared, statement, filledBy, against } = group;
    const same = by === "personas" ? group.operations : group.personas;
    const { columns } = group;
    const said = [
      declared?.how,
      declared?.changed,
      against === undefined,
      group.lacking !== undefined,
      group.values,
    ];
    const key = JSON.stringify([
      relation,
      before,
      after,
      privilegeOnly,
      columns,
      said,
      statement,
      filledBy,
      same,
    ]);
    const known = found.get(key);
    found.set(
      key,
      known === undefined ? group : { ...known, [by]: [...new Set([...known[by], ...group[by]])] },
    );
  }
  return [...found.values()];
}

function operationText({ operation, column, call }: GateChange): string {
  const named = call === undefined || call === "" ? "" : ` ${call}`;
  return `${operation.replace("_", " ")}${column === undefined ? "" : ` of ${column}`}${named}`;
}

/** `select, update on public.courses`. */
export function changedThing({ operations, relation }: ChangeGroup): string {
  return `${operations.join(", ")} on ${relation}`;
}

export function changedBy({
  before,
  after,
  privilegeOnly,
  operation,
  examples,
  rows,
  lacking,
  values,
  columns = [],
}: ChangeGroup): string {
  if (values === true) return "rows may be changed to what was refused before";
  if (columns.length > 0) return `${columns.length === 1 ? "column" : "columns"} ${columns.join(", ")}`;
  if (privilegeOnly) return "a privilege: it reaches no other of today's rows";
  const [from, to] = [reachedText(before, operation), reachedText(after, operation)];
  if (lacking !== undefined) return `rows that the data does not hold (of those at hand: ${to})`;
  if (from !== to) return `${from} → ${to}`;
  return rows === undefined
    ? `${from}, and ${examples.join(", ")}`
    : `${from}, ${rows} of them others than before`;
}

function reachedText(reached: Reached | undefined, operation: string): string {
  if (reached === undefined) return "nothing";
  if (operation === "execute" || operation === "truncate") return reached.count > 0 ? "allowed" : "refused";
  return `${reached.count} of ${reached.of} ${operation === "insert" ? "candidates" : "rows"}`;
}

export function declaredText({ declared, against }: Pick<ChangeGroup, "declared" | "against">): string {
  if (declared !== undefined) {
    const { how, at, changed } = declared;
    return `${how} at ${clean(at)}${changed === undefined ? "" : changed ? ", changed in the matrix too" : ", which the matrix said before"}`;
  }
  return against === undefined ? "not declared" : `not declared: see ${clean(against)}`;
}
