import type { Cell } from "../model/cell.ts";
import { isCode, ruleOf } from "../model/answers.ts";
import type { AssignmentObservation } from "../model/observation.ts";
import type { Judgement, Verdict } from "../model/verdict.ts";

/** A column that must be fixed, or may be chosen: whether a value that the persona sent was stored. */
export function judgeAssignment(cell: Cell, seen: AssignmentObservation): Judgement {
  const [verdict, because] = cell.expectation.kind === "deny" ? fixed(cell, seen) : free(cell, seen);
  const noGrant = seen.privilege === false;
  return {
    verdict,
    because,
    effect: seen.stored.length > 0 ? "allowed" : "refused",
    deniedBy: noGrant ? "grant" : seen.stored.length > 0 ? undefined : "check",
    ...(verdict === "leak" && { fromProof: true as const }),
  };
}

type Said = readonly [Verdict, string];

function fixed({ column = "" }: Cell, seen: AssignmentObservation): Said {
  if (seen.privilege === false) return ["pass", `the role may not ${seen.operation} ${column}`];
  if (seen.stored.length > 0) return ["leak", `${column} is fixed, and took ${quoted(seen.stored)}`];
  if (seen.tried === 0) return ["vacuous", nothing(seen, column)];
  if (seen.putBack || seen.refusals.some(isRefusedOnPurpose))
    return [
      "pass",
      `none of ${seen.tried} attempts stored another value in ${column}, alone or with another column beside it; others were not tried`,
    ];
  return ["inconclusive", constraint(seen, column)];
}

function free({ column = "" }: Cell, seen: AssignmentObservation): Said {
  if (seen.privilege === false) return ["lockout", `the role may not ${seen.operation} ${column}`];
  if (seen.stored.length > 0) return ["pass", `${column} took ${quoted(seen.stored)}`];
  if (seen.tried === 0) return ["vacuous", nothing(seen, column)];
  if (seen.putBack || seen.refusals.some(isRefusedOnPurpose))
    return [
      "lockout",
      `${column} may be chosen, and took none of the values that were tried (${seen.refusals.join(", ") || "put back"})`,
    ];
  return ["inconclusive", constraint(seen, column)];
}

/** A policy, a privilege, or a function that raises: not a type, and not a constraint that another value would meet. */
function isRefusedOnPurpose(code: string): boolean {
  return ruleOf(code, "direct").means === "refused" || isCode(code, "raised");
}

function nothing({ operation, rows }: AssignmentObservation, column: string): string {
  const where =
    operation === "update" ? "row that the persona may update" : "candidate that the persona may insert";
  return rows === 0
    ? `there is no ${where}`
    : `no other value is known for ${column}: seed a row that holds one`;
}

function constraint({ refusals }: AssignmentObservation, column: string): string {
  return `only constraints and types refused the values that were tried for ${column} (${refusals.join(", ")}): seed a row that holds one which they accept`;
}

function quoted(values: readonly string[]): string {
  return values.map((value) => `'${value.length > 60 ? `${value.slice(0, 60)}…` : value}'`).join(", ");
}
