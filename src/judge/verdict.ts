import { isCode, ruleOf } from "../model/answers.ts";
import type { Cell, Channel } from "../model/cell.ts";
import type {
  AssignedThrough,
  AssignmentObservation,
  Failure,
  Observation,
  StatementObservation,
} from "../model/observation.ts";
import type { Judgement, Verdict } from "../model/verdict.ts";
import { bypassesPolicies, otherLayer } from "./denial.ts";
import { judgeCall } from "./call.ts";
import { decidingFact } from "./session-facts.ts";
import { judgeInsert } from "./insert.ts";
import { outcomeEffect, outcomeOf } from "./outcome.ts";
import { judgeReach } from "./reach.ts";

/** How much the run knows about a channel before a cell is judged. */
export interface ChannelTrust {
  readonly channel: Channel;
  /** False: nothing showed that the persona's `sub` arrives, so being denied proves nothing. */
  readonly identityShown: boolean;
}

const failures: Record<Failure["kind"], Verdict> = {
  connection: "error",
  timeout: "inconclusive",
  "not-sent": "inconclusive",
  protocol: "error",
};

type Judge<K extends Observation["kind"]> = (
  cell: Cell,
  seen: Extract<Observation, { kind: K }>,
) => Judgement;

const judges: { readonly [K in Observation["kind"]]: Judge<K> } = {
  rows: judgeReach,
  insert: judgeInsert,
  call: judgeCall,
  assignment: judgeAssignment,
  statement: judgeStatement,
  failed: (_cell, { failure }) => ({
    verdict: failures[failure.kind],
    effect: "error",
    deniedBy: undefined,
    because: failure.message,
  }),
  skipped: (_cell, { reason }) => ({
    verdict: "skipped",
    effect: "error",
    deniedBy: undefined,
    because: reason,
  }),
};

/** (cell, observation) → verdict: total and pure. */
export function judge(cell: Cell, seen: Observation, trust: ChannelTrust): Judgement {
  const judgement = (judges[seen.kind] as Judge<Observation["kind"]>)(cell, seen);
  if (judgement.verdict !== "pass") return judgement;
  // A missing grant refuses before any policy is evaluated, for every role and session.
  if (["schema", "execute", "grant"].includes(judgement.deniedBy ?? "")) return judgement;
  const [unseen] = "untestedStates" in seen ? (seen.untestedStates ?? []) : [];
  if (unseen !== undefined) {
    const { state, failure } = unseen;
    const because = `nothing is known of a session whose settings are ${state}: ${failure.message}`;
    return { ...judgement, verdict: failures[failure.kind], because };
  }
  const because = unproven(cell, trust);
  return because === undefined ? judgement : { ...judgement, verdict: "inconclusive", because };
}

/** What a pass that rests on policies would have to show first. */
function unproven(cell: Cell, trust: ChannelTrust): string | undefined {
  const { persona, expectation } = cell;
  const fact = decidingFact(cell);
  if (fact !== undefined) return fact;
  if (trust.identityShown || persona.claims?.["sub"] === undefined || expectation.kind !== "deny")
    return undefined;
  return "no cell of this channel shows that the persona's `sub` reaches the database: declare a row set that depends on :sub";
}

/** TRUNCATE: no policy is asked, only the privilege. */
function judgeStatement(cell: Cell, { answer }: StatementObservation): Judgement {
  const outcome = outcomeOf(cell, answer);
  const by = outcome.kind === "refused" ? outcome.by : undefined;
  // The privilege was there, and another table's foreign key stopped the command afterwards.
  const stopped = isCode(answer.code, "unsupported");
  const open = outcome.kind === "accepted" || outcome.kind === "filtered" || stopped;
  const base = { effect: open ? ("allowed" as const) : outcomeEffect[outcome.kind], deniedBy: by };
  const wanted = cell.expectation.kind === "allow";
  if (open) {
    return wanted
      ? { ...base, verdict: "pass", because: "TRUNCATE is allowed, as declared" }
      : {
          ...base,
          verdict: "leak",
          because: "TRUNCATE is granted; it is not subject to RLS and empties the table",
        };
  }
  if (outcome.kind === "broken") return { ...base, verdict: "error", because: outcome.why };
  if (outcome.kind !== "refused") {
    return {
      ...base,
      verdict: "inconclusive",
      because: outcome.kind === "unreached" ? outcome.why : outcome.kind,
    };
  }
  if (wanted)
    return { ...base, verdict: "lockout", because: `TRUNCATE is refused by ${outcome.by} (${answer.code})` };
  const superuser = cell.role.superuser ? bypassesPolicies(cell) : undefined;
  if (superuser !== undefined) return { ...base, verdict: "error", because: superuser };
  const declared = cell.expectation.kind === "deny" ? cell.expectation.reason : undefined;
  const other = declared && otherLayer(declared, outcome.by);
  if (other !== undefined) return { ...base, ...other };
  return { ...base, verdict: "pass", because: `refused by ${outcome.by}` };
}

/** A column that must be fixed, or may be chosen: whether a value that the persona sent was stored. */
function judgeAssignment(cell: Cell, seen: AssignmentObservation): Judgement {
  const [verdict, because] = cell.expectation.kind === "deny" ? fixed(cell, seen) : free(cell, seen);
  const noGrant = seen.privilege === false;
  const isStored = seen.stored.length > 0;
  return {
    verdict,
    because,
    effect: isStored ? "allowed" : "refused",
    deniedBy: isStored ? undefined : noGrant ? "grant" : "check",
    ...(verdict === "leak" && { fromProof: true as const }),
  };
}

type Said = readonly [Verdict, string];

function fixed({ column = "" }: Cell, seen: AssignmentObservation): Said {
  const { through } = seen;
  if (through?.value !== undefined)
    return [
      "leak",
      `${column} is fixed, and took ${quoted([through.value])} that was sent for ${through.column} (${through.by})`,
    ];
  if (through !== undefined) return ["inconclusive", decidedBy(through, column)];
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

function decidedBy({ by, column: other }: AssignedThrough, column: string): string {
  const what =
    other === undefined
      ? `${by} may give ${column} what`
      : `${by} gives ${column} another value with another one of ${other}, which`;
  return `${what} depends on columns that the persona may send: a trigger that puts the old value back, or no privilege to write those columns`;
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
