import type { Cell } from "../model/cell.ts";
import type { Answer, CallObservation } from "../model/observation.ts";
import type { Judgement, Verdict } from "../model/verdict.ts";
import { otherLayer } from "./denial.ts";
import { type Outcome, outcomeEffect, outcomeOf } from "./outcome.ts";

type Said = Pick<Judgement, "verdict" | "because">;

const say = (verdict: Verdict, because: string): Said => ({ verdict, because });

/** A call without declared rows: it succeeded, or it was refused, and by what. */
export function judgeCall(cell: Cell, seen: CallObservation): Judgement {
  const outcome = callOutcome(cell, seen.answer);
  return {
    ...(cell.expectation.kind === "deny" ? denied(cell, seen, outcome) : allowed(seen, outcome)),
    effect: outcomeEffect[outcome.kind],
    deniedBy: outcome.kind === "refused" ? outcome.by : undefined,
  };
}

/** A call that returned no row went through all the same. */
function callOutcome(cell: Cell, answer: Answer): Outcome {
  return answer.code === null ? { kind: "accepted" } : outcomeOf(cell, answer);
}

function denied(cell: Cell, seen: CallObservation, outcome: Outcome): Said {
  const leak = wentThrough(cell, seen, outcome);
  if (leak !== undefined) return leak;
  if (outcome.kind === "broken") return say("error", outcome.why);
  if (outcome.kind !== "refused") return say("inconclusive", "why" in outcome ? outcome.why : outcome.kind);
  return wrongGate(cell, outcome.by) ?? proven(cell, seen, outcome.by);
}

function wentThrough(cell: Cell, { answer, states }: CallObservation, outcome: Outcome): Said | undefined {
  if (outcome.kind === "accepted") {
    const empty =
      answer.rows === 0 ? " (it returned no row: if that is what denies, declare `deny: filter`)" : "";
    return say("leak", `the call went through${empty}`);
  }
  const open = states.find((one) => callOutcome(cell, one.answer).kind === "accepted");
  return open && say("leak", `the call went through when the session's settings are ${open.state}`);
}

function wrongGate({ expectation }: Cell, by: Extract<Outcome, { kind: "refused" }>["by"]): Said | undefined {
  const declared = expectation.kind === "deny" ? expectation.reason : undefined;
  return declared === undefined ? undefined : otherLayer(declared, by);
}

/**
 * Without EXECUTE no call gets in, whatever it is given. What the function's own body refuses it might refuse everybody, for
 * any reason: that shows something only together with a call that it accepts.
 */
function proven(cell: Cell, { positiveControl: beside }: CallObservation, by: string): Said {
  if (by !== "check")
    return say("pass", `role ${cell.role.name} is refused by ${by}, before the function's body`);
  if (beside === undefined) {
    const why = "the function's own body refused it, and the matrix declares no call that is accepted";
    return say("vacuous", `${why}: nothing shows that the refusal depends on who calls`);
  }
  const other = `${beside.persona}'s call${beside.call === undefined ? "" : ` ${beside.call}`}`;
  return beside.answer.code === null
    ? say("pass", `refused by the function's own body, which let ${other} through`)
    : say("vacuous", `the function's own body refused it, and ${other} as well (${beside.answer.code})`);
}

function allowed({ answer }: CallObservation, outcome: Outcome): Said {
  switch (outcome.kind) {
    case "accepted":
      return say("pass", "the call went through, as declared");
    case "refused":
      return say("lockout", `the call was refused by ${outcome.by} (${answer.code})`);
    case "broken":
      return say("error", outcome.why);
    default:
      return say("inconclusive", "why" in outcome ? outcome.why : outcome.kind);
  }
}
