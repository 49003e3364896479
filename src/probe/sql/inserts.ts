import { isStoppedAfterPolicy, ruleFor } from "../../model/answers.ts";
import { type BoundCandidate, type Cell, mustReturn } from "../../model/cell.ts";
import type { Answer, CandidateAttempt } from "../../model/observation.ts";
import { answerOf } from "./answer.ts";
import { countsAsQuery } from "./plans.ts";
import type { BatchRequest, Part, Reply } from "./protocol.ts";
import type { SessionState } from "../sessions.ts";
import { failedObservation } from "./failed.ts";
import type { CellProbe } from "./reach.ts";
import { withRoutine } from "./routine.ts";
import { untestedStates } from "./states.ts";
import { privilegesOf } from "../what-to-write.ts";
import { insertSql, returningSql } from "./statements.ts";
import { templatesOf } from "./templates.ts";

/** INSERT: each candidate by itself, and by the privileged connection whether it was stored as it was sent. */
export function* probeInsert(cell: Cell, states: readonly SessionState[]): CellProbe {
  const { info } = cell.relation;
  const request = insertRequest(cell);
  const [reply, ...others] = yield [request, ...states.map((state): BatchRequest => ({ ...request, state }))];
  if (reply?.kind !== "parts") return failedObservation(reply);
  const attempts: CandidateAttempt[] = [];
  const explained = new Map<string | undefined, Answer>();
  for (const [index, candidate] of cell.candidates.entries()) {
    const attempt = attemptOf(candidate, reply.parts[index]);
    const elsewhere = letInElsewhere(cell, candidate, index, states, others);
    if (elsewhere !== undefined && !isLetIn(attempt.answer)) {
      attempts.push(elsewhere);
      continue;
    }
    const { answer } = attempt;
    const unexplained =
      ruleFor(answer)?.routineTells === true &&
      answer.foreignFrame !== true &&
      privilegesOf(cell).insert.length > 0;
    if (!unexplained) {
      attempts.push(attempt);
      continue;
    }
    // The same message of the same relation has the same routine.
    if (!explained.has(answer.message))
      explained.set(answer.message, yield* withRoutine(answer, insertSql(info, candidate.values)));
    attempts.push({ ...attempt, answer: explained.get(answer.message) ?? answer });
  }
  return { kind: "insert", attempts, untestedStates: untestedStates(states, others) };
}

function insertRequest(cell: Cell): BatchRequest {
  const { candidates, relation } = cell;
  const { info, base } = relation;
  const prepared = countsAsQuery(relation);
  const templates = candidates.map(({ values }) => templatesOf(info, Object.keys(values)));
  return {
    kind: "insert",
    statements: candidates.map((candidate, index) => {
      const returning = mustReturn(cell, candidate) ? cell.returning : undefined;
      if (!prepared) return insertSql(info, candidate.values, returning);
      return `${templates[index]?.insert ?? ""}${returningSql(returning)}`;
    }),
    returning: candidates.map((candidate) => mustReturn(cell, candidate)),
    after: templates.map(({ stored }) => (base === info ? stored : null)),
    values: candidates.map(({ values }) => values),
  };
}

const isLetIn = (answer: Answer): boolean => answer.code === null || isStoppedAfterPolicy(answer, "insert");

/** A candidate that another session state accepts, and that is not declared accepted. */
function letInElsewhere(
  { expectation }: Cell,
  candidate: BoundCandidate,
  index: number,
  states: readonly SessionState[],
  replies: readonly Reply[],
): CandidateAttempt | undefined {
  if (expectation.kind === "allow") return undefined;
  if (expectation.kind === "candidates" && expectation.accept.includes(candidate.name)) return undefined;
  for (const [position, state] of states.entries()) {
    const reply = replies[position];
    const part = reply?.kind === "parts" ? reply.parts[index] : undefined;
    if (part === undefined) continue;
    const attempt = attemptOf(candidate, part);
    const { code, rows = 0 } = attempt.answer;
    if (isLetIn(attempt.answer) && (code !== null || rows > 0)) return { ...attempt, state };
  }
  return undefined;
}

function attemptOf({ name, origin }: BoundCandidate, part: Part | undefined): CandidateAttempt {
  const rewritten = part?.after === undefined ? [] : (JSON.parse(part.after) as string[]);
  return { candidate: { name, origin }, answer: answerOf(part), rewritten };
}
