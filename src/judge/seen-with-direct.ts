import { ruleFor } from "../model/answers.ts";
import type {
  Answer,
  CandidateAttempt,
  InsertObservation,
  Observation,
  RowsObservation,
} from "../model/observation.ts";

/**
 * What HTTP does not show and the direct channel has seen of the same cell: whether a trigger came between the policy and
 * its effect. Only facts of the same answer are taken over; where the channels differ, each keeps to its own.
 */
export function seenWithDirect(seen: Observation, direct: Observation | undefined): Observation {
  if (seen.kind === "rows" && direct?.kind === "rows") return reachWithDirect(seen, direct);
  if (seen.kind === "insert" && direct?.kind === "insert") return insertWithDirect(seen, direct);
  return seen;
}

/**
 * Over HTTP a row that the policy filtered looks like one that a BEFORE trigger suppressed. Where the direct
 * channel, with triggers off, reached no row either, it was not the trigger.
 */
function reachWithDirect(seen: RowsObservation, direct: RowsObservation): RowsObservation {
  const cleared =
    seen.mayBeHidden &&
    !direct.mayBeHidden &&
    direct.answer.code === null &&
    direct.affected === seen.affected;
  return {
    ...seen,
    mayBeHidden: seen.mayBeHidden && !cleared,
    answer: withRoutine(seen.answer, direct.answer),
    forbiddenUpdates: attemptsWithDirect(seen.forbiddenUpdates, direct.forbiddenUpdates),
  };
}

function insertWithDirect(seen: InsertObservation, direct: InsertObservation): InsertObservation {
  return { ...seen, attempts: attemptsWithDirect(seen.attempts, direct.attempts) };
}

function attemptsWithDirect(
  seen: readonly CandidateAttempt[],
  direct: readonly CandidateAttempt[],
): readonly CandidateAttempt[] {
  const known = new Map(direct.map((attempt) => [attempt.candidate.name, attempt]));
  return seen.map((attempt) => attemptWithDirect(attempt, known.get(attempt.candidate.name)));
}

function attemptWithDirect(
  attempt: CandidateAttempt,
  direct: CandidateAttempt | undefined,
): CandidateAttempt {
  if (direct === undefined) return attempt;
  const stored = attempt.unseen === true && direct.answer.code === null;
  // A trigger does the same whatever brings the statement.
  const raised = direct.raised?.includes(attempt.answer.code ?? "") === true;
  const putBack = direct.putBack === true && attempt.answer.code === null;
  return {
    ...attempt,
    answer: withFrame(withRoutine(attempt.answer, direct.answer), direct.answer),
    ...(stored && { unseen: false, rewritten: direct.rewritten }),
    ...(raised && { raised: direct.raised }),
    ...(putBack && { putBack: true }),
  };
}

/** That a function raised it, where the direct connection has shown it for the same error. */
function withFrame(answer: Answer, direct: Answer): Answer {
  const same = answer.http !== undefined && answer.code !== null && answer.code === direct.code;
  if (!same || answer.message !== direct.message || direct.foreignFrame !== true) return answer;
  return { ...answer, foreignFrame: true };
}

/** The server's routine that refused, where the direct connection has shown it for the same refusal. */
function withRoutine(answer: Answer, direct: Answer): Answer {
  const same =
    answer.http !== undefined && ruleFor(answer)?.routineTells === true && answer.code === direct.code;
  if (!same || direct.routine === undefined) return answer;
  const early = direct.beforeRows === true && direct.message === answer.message;
  if (direct.foreignFrame === true)
    return early ? { ...answer, routine: direct.routine, beforeRows: true, foreignFrame: true } : answer;
  return { ...answer, routine: direct.routine, ...(early && { beforeRows: true }) };
}
