import { isCode, ruleFor } from "../model/answers.ts";
import { bypassOf } from "../model/catalog.ts";
import type { Cell, PlannedCall } from "../model/cell.ts";
import type { DenyReason, RelationOperation } from "../model/matrix.ts";
import { denyReasons } from "../model/matrix.ts";
import { holdsPrivileges, operationInfo } from "../model/operations.ts";
import type { Answer } from "../model/observation.ts";

/** Routines of the server that refuse a row for its policy. */
const policyRoutines: ReadonlySet<string> = new Set(["ExecWithCheckOptions"]);

/** Where a 42501 came from: one of the table's own gates, or something `else` that the statement ran into. */
export function refusedBy(cell: Cell, answer: Answer): DenyReason | "else" {
  const { operation, call } = cell;
  if (operation === "execute" || call !== undefined) return callRefusedBy(call, cell.persona.role, answer);
  const held = cell.relation.info.privileges[cell.persona.role];
  if (answer.foreignFrame === true) return "else";
  if (held === undefined || !held.schemaUsage) return "schema";
  if (!holdsPrivileges(held, operation)) return "grant";
  if (cell.column !== undefined && !held.select.includes(cell.column)) return "grant";
  if (!operationInfo[operation].checked) return "else";
  const layer = ruleFor(answer)?.layer;
  // Over HTTP no frame can be seen: a trigger's own statement may have raised it.
  if (layer !== undefined && (answer.http === undefined || !raisesItself(cell.relation, operation)))
    return layer;
  if (answer.routine !== undefined) return policyRoutines.has(answer.routine) ? "check" : "else";
  // Over HTTP the routine cannot be seen; only a relation with policies can refuse a row. Where it could be seen
  // and was not, the refusal could not be repeated, and nothing says what refused.
  if (answer.http === undefined) return "else";
  if (raisesItself(cell.relation, operation)) return "else";
  return cell.relation.info.rls || cell.relation.info.kind === "view" ? "check" : "else";
}

/** A trigger may raise the same code, before the policy is asked or after it has let the row through. */
function raisesItself(relation: Cell["relation"], operation: RelationOperation): boolean {
  const events: readonly string[] = operationInfo[operation].events;
  return [relation.info, relation.base ?? relation.info].some(({ triggers }) =>
    triggers.some((one) => one.enabled && one.events.some((event) => events.includes(event))),
  );
}

/**
 * Without the privilege the body never ran, so a frame of a function is somebody else's (a pre-request function's). With it,
 * the refusal is the body's own, or of something that the body ran into: nothing but the call beside it tells which.
 */
function callRefusedBy(call: PlannedCall | undefined, role: string, answer: Answer): DenyReason | "else" {
  const held = call?.routine.privileges[role];
  if (answer.beforeProbe === true) return "else";
  if (held?.schemaUsage === true && held.execute) return "check";
  if (answer.foreignFrame === true || !isCode(answer.code, "insufficientPrivilege")) return "else";
  return held?.schemaUsage === true ? "execute" : "schema";
}

/** Negative: stopped at an earlier gate than declared; positive: at a later one, so an earlier gate stood open. */
export function compareGates(declared: DenyReason, actual: DenyReason): number {
  return denyReasons.indexOf(actual) - denyReasons.indexOf(declared);
}

/** Why the policies of the cell's relation do not apply to the persona's role. Functions have none. */
export function bypassesPolicies({ call, role, relation }: Cell): string | undefined {
  return call === undefined ? bypassOf(role, relation.info) : undefined;
}
