import { operationInfo } from "../model/operations.ts";
import type { Cell } from "../model/cell.ts";
import type { Effect } from "../model/effect.ts";
import type { DenyReason } from "../model/matrix.ts";
import type { Answer } from "../model/observation.ts";
import { refusedBy } from "./denial.ts";
import { isRaisedByPolicy } from "../model/raised.ts";
import { isCode, type Meaning, meaningOf, ruleFor } from "../model/answers.ts";

/** What one answer means for its cell. */
export type Outcome =
  | { readonly kind: "accepted" }
  /** Nothing was refused, and no row was affected. */
  | { readonly kind: "filtered" }
  | { readonly kind: "refused"; readonly by: DenyReason }
  /** The policy let it through, and one of the table's own constraints did not. */
  | { readonly kind: "constraint"; readonly name: string }
  /** The relation does not support statements of this kind, for any role. */
  | { readonly kind: "impossible" }
  /** `refused`: it did not go through for want of a privilege, or because something else than the policy refused it. */
  | { readonly kind: "unreached"; readonly why: string; readonly refused?: true }
  | { readonly kind: "broken"; readonly why: string };

export const outcomeEffect: Record<Outcome["kind"], Effect> = {
  accepted: "allowed",
  filtered: "filtered",
  refused: "refused",
  constraint: "constraint",
  impossible: "refused",
  unreached: "error",
  broken: "error",
};

const read: Record<Meaning, (cell: Cell, answer: Answer, said: string) => Outcome> = {
  refused(cell, answer, said) {
    const by = refusedBy(cell, answer);
    if (by !== "else") return { kind: "refused", by };
    const gates = cell.call === undefined ? "the table's own grants and policies" : "the function";
    return { kind: "unreached", why: `refused by something else than ${gates}: ${said}`, refused: true };
  },
  constraint(cell, answer, said) {
    if (isOwnConstraint(cell, answer)) return { kind: "constraint", name: nameOfConstraint(answer) };
    const where = cell.call === undefined ? "before the policy, or by another table" : "by a constraint";
    return { kind: "unreached", why: `stopped ${where}: ${said}` };
  },
  impossible(cell, _answer, said) {
    return takes(cell) ? { kind: "unreached", why: said } : { kind: "impossible" };
  },
  credentials: (_cell, _answer, said) => ({
    kind: "broken",
    why: `the credentials were not honoured: ${said}`,
  }),
  unreached: (_cell, _answer, said) => ({ kind: "unreached", why: said }),
  broken: (_cell, _answer, said) => ({ kind: "broken", why: said }),
};

export function outcomeOf(cell: Cell, answer: Answer): Outcome {
  const { code } = answer;
  if (code === null) return (answer.rows ?? 1) > 0 ? { kind: "accepted" } : { kind: "filtered" };
  const said = `${code}${answer.message === undefined ? "" : ` ${answer.message}`}`;
  if (isAbsent(cell, code)) return { kind: "impossible" };
  const meaning =
    isDeclaredRefusal(cell, answer) || isRaisedByPolicy(cell, answer)
      ? "refused"
      : meaningOf(code, cell.operation, answer.http === undefined ? "direct" : "rest");
  return read[meaning](cell, answer, said);
}

/** The matrix says with which codes a function's body refuses; a refusal from elsewhere is not one of them. */
function isDeclaredRefusal({ call }: Cell, { code, foreignFrame }: Answer): boolean {
  return call !== undefined && call.raises.includes(code ?? "") && foreignFrame !== false;
}

function nameOfConstraint(answer: Answer): string {
  return answer.constraint?.name || (ruleFor(answer)?.constraint ?? answer.code ?? "");
}

/** The relation has no such column (only its baseline has): no persona is shown it there. */
function isAbsent({ column, relation }: Cell, code: string): boolean {
  return (
    isCode(code, "undefinedColumn") &&
    column !== undefined &&
    !relation.info.columns.some(({ name }) => name === column)
  );
}

/**
 * Class 23 shows that the policy let the row through only when the table's own constraint raised it: partition
 * routing, a domain and a trigger's statement raise the same codes before the policy is asked.
 */
function isOwnConstraint(cell: Cell, answer: Answer): boolean {
  if (cell.call !== undefined || answer.foreignFrame === true || answer.dataType !== undefined) return false;
  const { info, base } = cell.relation;
  const own = [info, base ?? info];
  if (answer.constraint === undefined) return ruleFor(answer)?.withoutName === true;
  if (isOneOf(own, answer.constraint.table)) return true;
  // A foreign key that points here is raised in the name of the table that it protects.
  return isCode(answer.code, "foreignKey") && !operationInfo[cell.operation].events.includes("insert");
}

function isOneOf(relations: readonly { schema: string; name: string }[], table: string | null): boolean {
  return table !== null && relations.some(({ schema, name }) => `${schema}.${name}` === table);
}

function takes({ operation, relation }: Cell): boolean {
  return operationInfo[operation].events.every((event) => relation.info.accepts.includes(event));
}
