import { isCode, isRefusal } from "../model/answers.ts";
import { operationInfo } from "../model/operations.ts";
import type { Cell } from "../model/cell.ts";
import type { DenyReason } from "../model/matrix.ts";
import { isRaisedByPolicy, mayBeTriggers } from "../model/raised.ts";
import type { RowsObservation } from "../model/observation.ts";
import type { Judgement, Verdict } from "../model/verdict.ts";
import { bypassesPolicies, closedByPrivilege, isRefusedByTrigger, otherLayer, untestable } from "./denial.ts";
import { type Outcome, outcomeEffect, outcomeOf } from "./outcome.ts";

type Said = Pick<Judgement, "verdict" | "because">;
type Rule = (cell: Cell, seen: RowsObservation, outcome: Outcome) => Said | undefined;

const say = (verdict: Verdict, because: string): Said => ({ verdict, because });

/**
 * The rules of a row-reaching cell, in order: the first that has something to say decides. What was too much comes
 * first (a leak stays one whatever else went wrong), then what is broken, then what is too little, then proof.
 */
const rules: readonly Rule[] = [
  tooMuch,
  openStates,
  forbiddenMoves,
  broken,
  brokenStates,
  bypassed,
  unreached,
  stoppedAfterwards,
  tooLittle,
  unprovenMoves,
  undetermined,
  hidden,
  nothingToProve,
  wrongGate,
];

export function judgeReach(cell: Cell, seen: RowsObservation): Judgement {
  const outcome = outcomeOf(cell, { ...seen.answer, rows: seen.affected });
  const effect = seen.affected > 0 ? "allowed" : outcomeEffect[outcome.kind];
  const deniedBy = deniedByOf(seen, outcome);
  for (const rule of rules) {
    const said = rule(cell, seen, outcome);
    if (said !== undefined) return { ...said, effect, deniedBy };
  }
  return {
    verdict: "pass",
    effect,
    deniedBy,
    because: closedByPrivilege(cell, seen.answer) ?? proof(cell, seen),
  };
}

function deniedByOf(seen: RowsObservation, outcome: Outcome): DenyReason | undefined {
  if (outcome.kind === "refused") return outcome.by;
  return seen.answer.code === null && seen.affected < seen.baseline.total ? "filter" : undefined;
}

function tooMuch(
  cell: Cell,
  { unexpected: extra, baseline: control, affected }: RowsObservation,
): Said | undefined {
  if (extra === 0) return undefined;
  const {
    column,
    relation: { info },
  } = cell;
  if (column === undefined && info.kind === "view" && affected > control.total) {
    const sees = `the persona read ${rows(affected)} of the view, and the privileged connection sees ${rows(control.total)} of it`;
    return say(
      "leak",
      `${sees}: the view filters by who asks, so this baseline proves nothing; name the table that its rows come from, \`control: { from: <table> }\``,
    );
  }
  if (column !== undefined) return say("leak", `${column} shown in ${rows(extra)} where it must be hidden`);
  const verb = verbOf(cell);
  if (control.declared === 0)
    return say("leak", `the persona ${verb} ${rows(extra)}; the matrix allows none`);
  return affected - extra === control.declared
    ? say(
        "leak",
        `${rows(extra)} too many: the matrix allows ${control.declared}, the persona ${verb} ${affected}`,
      )
    : say(
        "leak",
        `the persona ${verb} ${rows(extra)} outside the ${control.declared} that the matrix allows`,
      );
}

function verbOf({ operation }: Cell): string {
  const { reads, events } = operationInfo[operation];
  if (reads) return "read";
  return events.includes("delete") ? "deleted" : "changed";
}

function openStates(
  _cell: Cell,
  { states, baseline: control, affected: reached }: RowsObservation,
): Said | undefined {
  const open = states.find(
    (state) =>
      state.answer.code === null &&
      (state.affected > Math.max(reached, control.declared) || (state.unexpected ?? 0) > 0),
  );
  if (open === undefined) return undefined;
  const many = Math.max(open.unexpected ?? 0, open.affected - Math.max(reached, control.declared));
  return say("leak", `${rows(many)} too many reached when the session's settings are ${open.state}`);
}

/** Behind a gateway every session has claims: an error without any excludes no persona. */
function brokenStates(cell: Cell, { states }: RowsObservation): Said | undefined {
  if (cell.behindGateway) return undefined;
  const failed = states.find(
    ({ answer }) => answer.code !== null && outcomeOf(cell, answer).kind === "broken",
  );
  if (failed === undefined) return undefined;
  const { code, message = "" } = failed.answer;
  return say("error", `when the session's settings are ${failed.state}: ${code} ${message}`);
}

function forbiddenMoves(cell: Cell, seen: RowsObservation): Said | undefined {
  const moved = movesOf(cell, seen).find(({ kind }) => kind === "accepted" || kind === "constraint");
  return moved === undefined ? undefined : say("leak", `the forbidden update ${moved.name} was accepted`);
}

/** A move that was not refused by a policy: it met none, or no row that the persona may update at all. */
function unprovenMoves(cell: Cell, seen: RowsObservation): Said | undefined {
  const moves = movesOf(cell, seen);
  const unclear = moves.find(({ kind }) => kind === "unreached" || kind === "broken");
  if (unclear !== undefined)
    return say("inconclusive", `the forbidden update ${unclear.name} did not reach the policy`);
  const idle = moves.find(({ kind }) => kind === "filtered");
  if (idle === undefined) return undefined;
  return say(
    "vacuous",
    `the forbidden update ${idle.name} could be tried on no row: the persona may update none`,
  );
}

function movesOf(
  cell: Cell,
  { forbiddenUpdates: moves }: RowsObservation,
): readonly { readonly name: string; readonly kind: Outcome["kind"] }[] {
  const granted = cell.relation.info.privileges[cell.persona.role]?.update ?? [];
  return moves.map((attempt) => {
    const { name } = attempt.candidate;
    const { answer } = attempt;
    if (isRefusedByTrigger(cell, attempt)) return { name, kind: "refused" };
    // A move of a column that the role may not write is refused by that column's grant, before any policy.
    const move = cell.update?.never.find((one) => one.name === name);
    const ungranted = Object.keys(move?.values ?? {}).some((column) => !granted.includes(column));
    if (isCode(answer.code, "insufficientPrivilege") && ungranted && answer.foreignFrame !== true)
      return { name, kind: "refused" };
    return { name, kind: mayBeTriggers(cell, answer) ? "unreached" : outcomeOf(cell, answer).kind };
  });
}

function broken(_cell: Cell, _seen: RowsObservation, outcome: Outcome): Said | undefined {
  return outcome.kind === "broken" ? say("error", outcome.why) : undefined;
}

/** A role above the policies was not denied anything by them. A missing grant denies it as it does everybody but a superuser. */
function bypassed(cell: Cell, _seen: RowsObservation, outcome: Outcome): Said | undefined {
  if (cell.expectation.kind !== "deny") return undefined;
  const why = bypassesPolicies(cell);
  if (
    why === undefined ||
    (outcome.kind === "refused" && !cell.role.superuser) ||
    outcome.kind === "impossible"
  )
    return undefined;
  return say("error", untestable(why));
}

function unreached(cell: Cell, seen: RowsObservation, outcome: Outcome): Said | undefined {
  if (outcome.kind !== "unreached") return undefined;
  if (outcome.refused === true && isShutOut(cell, seen)) return say("lockout", outcome.why);
  // Row by row, the last refusal speaks for its row only, unless the refusal applies to every row.
  if (seen.method !== "whole" && !isRefusal(seen.answer)) return undefined;
  return say("inconclusive", outcome.why);
}

/** A constraint stopped the statement once the policies had let a row through. Channels then ask row by row, and count it as reached. */
function stoppedAfterwards(_cell: Cell, seen: RowsObservation, outcome: Outcome): Said | undefined {
  if (outcome.kind !== "constraint" || seen.affected > 0) return undefined;
  const which = "the policies had let a row through, and the probe could not tell which";
  return say("inconclusive", `the constraint ${outcome.name} stopped the statement: ${which}`);
}

/** Rows are declared, and the statement about all of them, or about each one, was refused: by whatever, they are out of reach. */
function isShutOut({ expectation }: Cell, seen: RowsObservation): boolean {
  const { baseline, affected, missing, method } = seen;
  if (expectation.kind === "within" || baseline.declared === 0 || affected > 0) return false;
  if (method === "whole") return missing > 0 && seen.undetermined === 0;
  return seen.undetermined === baseline.total;
}

function tooLittle(cell: Cell, seen: RowsObservation, outcome: Outcome): Said | undefined {
  if (cell.expectation.kind === "within" || seen.missing === 0 || seen.undetermined > 0) return undefined;
  if (seen.mayBeHidden || isRefusedAsAWhole(cell, seen)) return undefined;
  const how = outcome.kind === "refused" ? `, refused by ${outcome.by} (${seen.answer.code})` : "";
  if (cell.column !== undefined) {
    return say(
      "lockout",
      `${seen.missing} of the ${seen.baseline.declared} declared rows do not show their ${cell.column}${how}`,
    );
  }
  return say("lockout", `${rows(seen.missing)} of the declared ${seen.baseline.declared} not reached${how}`);
}

/** A blind statement meets every row, and a policy raises at one: what follows from the filtered form is no more than a bound then. */
function isRefusedAsAWhole(cell: Cell, { method, answer }: RowsObservation): boolean {
  return (
    cell.implied &&
    operationInfo[cell.operation].blind &&
    method === "whole" &&
    isRaisedByPolicy(cell, answer)
  );
}

function undetermined(cell: Cell, seen: RowsObservation, outcome: Outcome): Said | undefined {
  if (seen.undetermined === 0 || outcome.kind === "impossible") return undefined;
  if (closedByPrivilege(cell, seen.answer) !== undefined) return undefined;
  const why = outcome.kind === "unreached" ? `: ${outcome.why}` : "";
  return say("inconclusive", `the probe could not decide about ${rows(seen.undetermined)}${why}`);
}

function hidden({ relation: { info } }: Cell, seen: RowsObservation): Said | undefined {
  const reason =
    info.kind === "view" && info.triggers.length > 0 ? "an INSTEAD OF trigger" : "a BEFORE trigger or a rule";
  return seen.mayBeHidden
    ? say("inconclusive", `no row was affected, and ${reason} may be the reason`)
    : undefined;
}

function nothingToProve(
  cell: Cell,
  { baseline: control }: RowsObservation,
  outcome: Outcome,
): Said | undefined {
  if (outcome.kind === "impossible") return undefined;
  const { expectation, column, among } = cell;
  const holding = column === undefined ? "" : ` with a value in ${column}`;
  const declaring =
    column === undefined ? " of those that the call would return" : " among those that the SELECT declares";
  const where = among === undefined ? holding : `${holding}${declaring}`;
  if (control.total === 0)
    return say("vacuous", `there is no row${where}, so nothing could be denied or allowed`);
  if (expectation.kind !== "rows" && expectation.kind !== "within") return undefined;
  const what = `${control.total} rows${where}`;
  if (control.declared === 0)
    return say("vacuous", `none of the ${what} is in the row set, so being refused proves nothing`);
  if (control.declared === control.total)
    return say("vacuous", `all ${what} are in the row set, so nothing shows that others are denied`);
  return undefined;
}

function wrongGate(cell: Cell, seen: RowsObservation, outcome: Outcome): Said | undefined {
  const { expectation } = cell;
  const actual = deniedByOf(seen, outcome);
  if (expectation.kind !== "deny" || expectation.reason === undefined || actual === undefined)
    return undefined;
  return otherLayer(expectation.reason, actual);
}

function proof(cell: Cell, seen: RowsObservation): string {
  const { baseline: control, affected: reached, answer } = seen;
  if (isRefusedAsAWhole(cell, seen))
    return `${rows(control.total)} there, none reached: a policy raised ${answer.code}`;
  if (cell.column !== undefined)
    return `${rows(control.total)} with a value in ${cell.column}, shown in ${reached}, as declared`;
  if (cell.expectation.kind === "deny") return `${rows(control.total)} there, none reached`;
  return `${reached} of ${rows(control.total)} reached, as declared`;
}

function rows(count: number): string {
  return count === 1 ? "1 row" : `${count} rows`;
}
