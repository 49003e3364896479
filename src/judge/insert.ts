import { isCode } from "../model/answers.ts";
import { type Cell, mustReturn } from "../model/cell.ts";
import type { DenyReason } from "../model/matrix.ts";
import type { CandidateAttempt, InsertObservation } from "../model/observation.ts";
import { isFor } from "../model/operations.ts";
import type { Judgement, Verdict } from "../model/verdict.ts";
import {
  bypassesPolicies,
  closedByPrivilege,
  isRejectedByTrigger,
  otherLayer,
  untestable,
} from "./denial.ts";
import { type Outcome, outcomeEffect, outcomeOf } from "./outcome.ts";

interface Tried extends CandidateAttempt {
  readonly outcome: Outcome;
  /** It names a column that the role may not write, and that refused it: nothing is said of any other row. */
  readonly ungranted: boolean;
}

type Said = Pick<Judgement, "verdict" | "because">;

const say = (verdict: Verdict, because: string): Said => ({ verdict, because });

/** An INSERT that the policy let through, whether or not a constraint stopped it afterwards. */
const passed = ({ outcome }: Tried): boolean => outcome.kind === "accepted" || outcome.kind === "constraint";
const refused = ({ outcome }: Tried): boolean => outcome.kind === "refused" || outcome.kind === "impossible";
/** A row that a constraint stopped did not come back. */
const through = (cell: Cell, one: Tried): boolean =>
  mustReturn(cell, one.candidate) ? one.outcome.kind === "accepted" : passed(one);
/** Refused by a policy or a privilege, or by a trigger as the matrix declares it. */
const rejected = (cell: Cell, one: Tried): boolean => refused(one) || isRejectedByTrigger(cell, one.answer);

/** Refused, by whatever. */
const shutOut = (one: Tried): boolean =>
  refused(one) || (one.outcome.kind === "unreached" && one.outcome.refused === true);

export function judgeInsert(cell: Cell, seen: InsertObservation): Judgement {
  const tried = seen.attempts.map((attempt) => triedOf(cell, attempt));
  const shown = tried.find(passed) ?? tried.find((one) => !refused(one)) ?? tried[0];
  return {
    ...verdictOf(cell, tried),
    effect: shown === undefined ? "error" : outcomeEffect[shown.outcome.kind],
    deniedBy: tried.some(passed) ? undefined : (gateOf(tried) ?? privilegeThatDenies(cell)),
  };
}

function triedOf(cell: Cell, attempt: CandidateAttempt): Tried {
  const ungranted = refusedByColumn(cell, attempt);
  const outcome = ungranted ? ({ kind: "refused", by: "grant" } as const) : outcomeOf(cell, attempt.answer);
  return { ...attempt, outcome, ungranted };
}

/** A privilege on a column is asked for before any trigger, constraint or policy. */
function refusedByColumn(cell: Cell, { candidate, answer }: CandidateAttempt): boolean {
  const { schemaUsage = false, insert = [] } = cell.relation.info.privileges[cell.persona.role] ?? {};
  if (!schemaUsage || insert.length === 0) return false;
  if (!isCode(answer.code, "insufficientPrivilege") || answer.foreignFrame === true) return false;
  const sent = cell.candidates.find(
    ({ name, origin }) => name === candidate.name && origin === candidate.origin,
  );
  return Object.keys(sent?.values ?? {}).some((column) => !insert.includes(column));
}

/** Without the privilege no row gets in, whatever else a candidate runs into: a computed column of a view, a value of another type. */
function privilegeThatDenies({ expectation, relation, persona, role }: Cell): "grant" | undefined {
  const held = relation.info.privileges[persona.role];
  const isWithout = held !== undefined && held.insert.length === 0 && !role.superuser;
  return expectation.kind === "deny" && isWithout ? "grant" : undefined;
}

function verdictOf(cell: Cell, tried: readonly Tried[]): Said {
  const broken = tried.find(({ outcome }) => outcome.kind === "broken");
  const { expectation } = cell;
  if (expectation.kind === "deny") return denied(cell, tried, broken);
  if (expectation.kind === "allow") return allowed(cell, tried, broken);
  if (expectation.kind === "candidates") return chosen(cell, tried, expectation, broken);
  return say("error", "an INSERT cannot be declared by a row set: name candidate rows");
}

function denied(cell: Cell, tried: readonly Tried[], broken: Tried | undefined): Said {
  const open = tried.find(passed);
  if (open !== undefined)
    return say("leak", `the candidate ${open.candidate.name} was let in${afterwards(open)}`);
  if (broken !== undefined) return say("error", why(broken));
  const bypass = bypassesPolicies(cell);
  const gate = gateOf(tried) ?? privilegeThatDenies(cell);
  const impossible = tried.length > 0 && tried.every((one) => refused(one) && takesNone(cell, one));
  if (
    !impossible &&
    bypass !== undefined &&
    ((gate !== "grant" && gate !== "schema") || cell.role.superuser)
  ) {
    return say("error", untestable(bypass));
  }
  const unclear = privilegeThatDenies(cell) === undefined && tried.find((one) => !refused(one));
  if (unclear) return say("inconclusive", `the candidate ${unclear.candidate.name}: ${why(unclear)}`);
  if (tried.length === 0) return say("vacuous", "no candidate row could be sent");
  if (tried.every(({ ungranted }) => ungranted)) {
    return say("vacuous", "every candidate names a column that the role may not write");
  }
  return wrongGate(cell, gate) ?? proven(cell, tried);
}

/** A view that Postgres can insert into by nothing, whatever refused this row first (the type of a column, say). */
function takesNone({ relation: { info } }: Cell, { outcome }: Tried): boolean {
  return outcome.kind === "impossible" || !info.accepts.includes("insert");
}

/** Without privilege or policy no row gets in, whatever its values; else candidates of the persona's own making must have failed. */
function proven(cell: Cell, tried: readonly Tried[]): Said {
  const { info } = cell.relation;
  if (tried.some((one) => takesNone(cell, one))) return say("pass", "the relation takes no INSERT");
  const gate = gateOf(tried) ?? privilegeThatDenies(cell);
  if (gate !== "check") {
    const [early] = tried.flatMap(({ answer }) => closedByPrivilege(cell, answer) ?? []);
    return say("pass", early ?? `refused by ${gate ?? "grant"}`);
  }
  const applies = info.policies.some(
    ({ command, permissive, roles }) =>
      permissive && (command === "insert" || command === "all") && isFor(roles, cell.role),
  );
  if (info.rls && !applies) return say("pass", "no policy lets this role insert");
  if (!tried.some(({ candidate }) => candidate.origin === "built")) {
    return say("vacuous", "no candidate could be built from the persona's own claims and rows");
  }
  return say("pass", `${tried.length} candidate rows refused`);
}

function allowed(cell: Cell, tried: readonly Tried[], broken: Tried | undefined): Said {
  if (broken !== undefined) return say("error", why(broken));
  const shut = tried.find(shutOut);
  if (shut !== undefined)
    return say("lockout", `the candidate ${shut.candidate.name} was ${whyShut(cell, shut)}`);
  const unclear = tried.find((one) => !through(cell, one));
  if (unclear !== undefined)
    return say("inconclusive", `the candidate ${unclear.candidate.name}: ${why(unclear)}`);
  return tried.length === 0
    ? say("vacuous", "no candidate row could be sent")
    : say("pass", `${tried.length} candidate rows let in`);
}

function chosen(
  cell: Cell,
  tried: readonly Tried[],
  { accept, reject }: Extract<Cell["expectation"], { kind: "candidates" }>,
  broken: Tried | undefined,
): Said {
  const named = (names: readonly string[]): Tried[] =>
    tried.filter(({ candidate }) => candidate.origin === "declared" && names.includes(candidate.name));
  const wanted = named(accept);
  const unwanted = named(reject);
  const open = unwanted.find(passed);
  if (open !== undefined)
    return say("leak", `the candidate ${open.candidate.name} was let in${afterwards(open)}`);
  if (broken !== undefined) return say("error", why(broken));
  const shut = wanted.find(shutOut);
  if (shut !== undefined)
    return say("lockout", `the candidate ${shut.candidate.name} was ${whyShut(cell, shut)}`);
  const unclear = [
    ...wanted.filter((one) => !through(cell, one)),
    ...unwanted.filter((one) => !rejected(cell, one)),
  ][0];
  if (unclear !== undefined)
    return say("inconclusive", `the candidate ${unclear.candidate.name}: ${why(unclear)}`);
  const changed = wanted.find(({ rewritten }) => rewritten.length > 0);
  if (changed !== undefined) {
    return say(
      "inconclusive",
      `the candidate ${changed.candidate.name} was stored with other values in ${changed.rewritten.join(", ")}`,
    );
  }
  const unseen = wanted.find((one) => one.unseen === true);
  if (unseen !== undefined) {
    const how = "a trigger or a rule may have stored another row, and this channel cannot see it";
    return say("inconclusive", `the candidate ${unseen.candidate.name} was let in: ${how}`);
  }
  if (wanted.length < accept.length || unwanted.length < reject.length)
    return say("inconclusive", "a declared candidate was not tried");
  if (wanted.length === 0)
    return say("vacuous", `a refused candidate proves nothing without an accepted one: ${remedy(cell)}`);
  return say("pass", `${wanted.length} let in, ${unwanted.length} refused, as declared`);
}

/** Of `check:` alone a row was put in by the proof, where one could be. */
function remedy({ check }: Cell): string {
  return check === undefined
    ? "list one under `accept:`"
    : "no row that `check` allows could be inserted here; name one under `insert:`, and list it under `accept:` beside `check`";
}

function wrongGate(cell: Cell, gate: DenyReason | undefined): Said | undefined {
  const declared = cell.expectation.kind === "deny" ? cell.expectation.reason : undefined;
  if (declared === undefined || gate === undefined) return undefined;
  return otherLayer(declared, gate);
}

function gateOf(tried: readonly Tried[]): DenyReason | undefined {
  for (const { outcome, ungranted } of tried) if (outcome.kind === "refused" && !ungranted) return outcome.by;
  return undefined;
}

function afterwards({ outcome, state }: Tried): string {
  const when = state === undefined ? "" : ` when the session's settings are ${state}`;
  return outcome.kind === "constraint"
    ? `${when} by the policy (the constraint ${outcome.name} stopped it afterwards)`
    : when;
}

function whyShut(cell: Cell, one: Tried): string {
  const back = mustReturn(cell, one.candidate)
    ? ", sent so that the row comes back, which takes a SELECT policy"
    : "";
  return refused(one) ? `refused: ${why(one)}${back}` : why(one);
}

function why({ outcome, answer }: Tried): string {
  if (outcome.kind === "unreached" || outcome.kind === "broken") return outcome.why;
  return outcome.kind === "refused" ? `${outcome.by} (${answer.code})` : (answer.message ?? outcome.kind);
}
