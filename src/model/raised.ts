import { raisedOnPurpose } from "./answers.ts";
import { bypassOf, type TriggerInfo } from "./catalog.ts";
import type { Cell } from "./cell.ts";
import type { RelationOperation } from "./matrix.ts";
import type { Answer, Observation } from "./observation.ts";
import { operationInfo } from "./operations.ts";

/** A trigger may raise the same code, before the policy is asked or after it has let the row through. */
export function hasTriggersFor(
  relation: Cell["relation"],
  operation: RelationOperation,
  when?: TriggerInfo["timing"],
): boolean {
  const events: readonly string[] = operationInfo[operation].events;
  return [relation.info, relation.base ?? relation.info].some(({ triggers }) =>
    triggers.some(
      ({ enabled, timing, events: own }) =>
        enabled && (when ?? timing) === timing && own.some((event) => events.includes(event)),
    ),
  );
}

/**
 * SQLSTATEs with which the policies of the cell's relation refuse a row, as the matrix declares; a trigger may raise the same ones, which
 * the proof for all rows tells. Of an INSERT a trigger's count by themselves, and TRUNCATE asks no policy.
 */
export function raisedByPolicies({ relation, operation, call, column, role }: Cell): readonly string[] {
  if (relation.raises === undefined || call !== undefined || column !== undefined) return [];
  if (operation === "execute" || operation === "truncate" || !relation.info.rls) return [];
  if (bypassOf(role, relation.info) !== undefined) return [];
  if (operation === "insert" && hasTriggersFor(relation, operation)) return [];
  return relation.raises.filter((code) => raisedOnPurpose.test(code));
}

/** The answer is such a refusal. What else could have raised it (a CHECK constraint's function) the proof for all rows tells. */
export function isRaisedByPolicy(cell: Cell, { code, foreignFrame, beforeProbe }: Answer): boolean {
  if (code === null || foreignFrame === false || beforeProbe === true) return false;
  return raisedByPolicies(cell).includes(code);
}

/** It is such a code of a forbidden update, and a trigger may as well have raised it: that has to be seen at every row. */
export function mayBeTriggers(cell: Cell, answer: Answer): boolean {
  return isRaisedByPolicy(cell, answer) && hasTriggersFor(cell.relation, cell.operation as RelationOperation);
}

/** Some row was taken for one that a policy refuses by raising. */
export function restsOnRaised(cell: Cell, seen: Observation): boolean {
  if (raisedByPolicies(cell).length === 0) return false;
  const answers =
    seen.kind === "rows"
      ? [
          ...[seen, ...seen.states].map(({ answer }) => answer),
          ...seen.forbiddenUpdates.map(({ answer }) => answer).filter((one) => !mayBeTriggers(cell, one)),
        ]
      : seen.kind === "insert"
        ? seen.attempts.map(({ answer }) => answer)
        : [];
  return (
    (seen.kind === "rows" && seen.refusedByRaise === true) ||
    answers.some((one) => isRaisedByPolicy(cell, one))
  );
}
