import { type AnswerName, isCode, policyRoutines, ruleFor } from "../model/answers.ts";
import { bypassOf, type Privileges } from "../model/catalog.ts";
import type { Cell, PlannedCall } from "../model/cell.ts";
import { hasTriggersFor, isRaisedByPolicy } from "../model/raised.ts";
import type { DenyReason, RelationOperation } from "../model/matrix.ts";
import { denyReasons } from "../model/matrix.ts";
import { holdsPrivileges, operationInfo } from "../model/operations.ts";
import type { Answer, CandidateAttempt } from "../model/observation.ts";
import type { Judgement } from "../model/verdict.ts";

/** The server's routine that refuses for want of a privilege. */
const privilegeRoutine = "aclcheck_error";
/** The one that refuses under `row_security = off` instead of filtering. */
const securityRoutine = "check_enable_rls";

/** Where a 42501 came from: one of the table's own gates, or something `else` that the statement ran into. */
export function refusedBy(cell: Cell, answer: Answer): DenyReason | "else" {
  const { operation, call } = cell;
  if (operation === "execute" || call !== undefined) return callRefusedBy(call, cell.persona.role, answer);
  const held = cell.relation.info.privileges[cell.persona.role];
  if (isRaisedByPolicy(cell, answer)) return operation === "insert" ? "check" : "filter";
  if (answer.foreignFrame === true) return isClosedByPrivilege(cell, answer) ? "grant" : "else";
  if (held === undefined || !held.schemaUsage) return "schema";
  if (!holdsPrivileges(held, operation) || (operation === "upsert" && !mayConflict(cell, held)))
    return "grant";
  if (cell.column !== undefined && !held.select.includes(cell.column)) return "grant";
  if (isClosedByPrivilege(cell, answer)) return "grant";
  if (!operationInfo[operation].checked) return "else";
  const layer = ruleFor(answer)?.layer;
  // Over HTTP no frame can be seen: a trigger's own statement may have raised it.
  if (layer !== undefined && (answer.http === undefined || !hasTriggersFor(cell.relation, operation)))
    return layer;
  if (answer.routine !== undefined) return policyRoutines.has(answer.routine) ? "check" : "else";
  // Over HTTP the routine cannot be seen; only a relation with policies can refuse a row. Where it could be seen
  // and was not, the refusal could not be repeated, and nothing says what refused.
  if (answer.http === undefined) return "else";
  if (hasTriggersFor(cell.relation, operation)) return "else";
  return cell.relation.info.rls || cell.relation.info.kind === "view" ? "check" : "else";
}

/** An upsert meets a row that is there when its key is sent, and sets columns that were sent. */
function mayConflict({ relation, partial }: Cell, { insert, update }: Privileges): boolean {
  const key = partial?.onConflict ?? relation.key;
  return key.every((name) => insert.includes(name)) && insert.some((name) => update.includes(name));
}

/**
 * The server refuses to start the statement, for want of a privilege on something that the view or a policy reads, or since a function
 * of a policy reads under `row_security = off` what its owner may only see filtered: no row and no value changes that. Of the relation itself the role holds all: else another statement, of other columns, might start.
 */
function isClosedByPrivilege({ relation, persona, operation }: Cell, answer: Answer): boolean {
  const { info, key } = relation;
  const held = info.privileges[persona.role];
  if (held === undefined || answer.beforeRows !== true) return false;
  // A function sets `row_security` for itself; what a session has set, a session may set back.
  const closing = answer.foreignFrame === true ? securityRoutine : privilegeRoutine;
  if (answer.routine !== closing) return false;
  // Without a key, rows are identified by their ctid, which takes a privilege on the whole table.
  if (operation !== "select" && operation !== "insert" && key.length === 0) return false;
  return operationInfo[operation].privileges.every((name) => {
    const granted = held[name];
    return typeof granted === "boolean" ? granted : info.columns.every((one) => granted.includes(one.name));
  });
}

/** What the record says of it. */
export function closedByPrivilege(cell: Cell, answer: Answer): string | undefined {
  return isClosedByPrivilege(cell, answer)
    ? `${answer.foreignFrame === true ? "a function of a policy fails" : "a privilege is missing on something that it reads"}, so the server starts no such statement: ${answer.message ?? answer.code}`
    : undefined;
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

/**
 * A trigger refused the forbidden update at every row, or put every row back. It counts because the same persona's UPDATE of these
 * rows goes through with other values, which the cell itself shows.
 */
export function isRefusedByTrigger(cell: Cell, { raised, putBack }: CandidateAttempt): boolean {
  if (putBack === true) return true;
  return (
    raised !== undefined &&
    raised.length > 0 &&
    raised.every((code) => isGuard(cell, code, ["insufficientPrivilege", "raiseException"]))
  );
}

/** A trigger refused a candidate that must be rejected. */
export function isRejectedByTrigger(cell: Cell, { code, foreignFrame, beforeProbe }: Answer): boolean {
  if (foreignFrame !== true || beforeProbe === true || code === null) return false;
  return isGuard(cell, code, ["insufficientPrivilege"]);
}

/** The code is one by which BEFORE triggers refuse, or one that the matrix says some trigger refuses by. */
function isGuard({ relation, operation }: Cell, code: string, usual: readonly AnswerName[]): boolean {
  const of = operation as RelationOperation;
  if (relation.raises?.includes(code) === true) return hasTriggersFor(relation, of);
  return hasTriggersFor(relation, of, "before") && usual.some((name) => isCode(code, name));
}

/** A deny by another enforcement layer than declared: an earlier one is a lockout, a later one means that an earlier one is open. */
export function otherLayer(
  declared: DenyReason,
  actual: DenyReason,
): Pick<Judgement, "verdict" | "because"> | undefined {
  const order = denyReasons.indexOf(actual) - denyReasons.indexOf(declared);
  if (order === 0) return undefined;
  return order > 0
    ? {
        verdict: "leak",
        because: `denied by ${actual} only: the matrix declares ${declared}, and that layer is open`,
      }
    : { verdict: "lockout", because: `denied by ${actual} already: the matrix declares ${declared}` };
}

/** @param why as {@link bypassesPolicies} says */
export function untestable(why: string): string {
  return `no policy applies (${why}), so this deny cannot be tested`;
}

/** Why the policies of the cell's relation do not apply to the persona's role. Functions have none. */
export function bypassesPolicies({ call, role, relation }: Cell): string | undefined {
  return call === undefined ? bypassOf(role, relation.info) : undefined;
}
