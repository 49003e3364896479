import { ruleFor } from "./answers.ts";
import type { Answer, Failure, Observation } from "./observation.ts";

/** What the server said to each statement that an observation tells of. */
export function answersIn(seen: Observation): readonly Answer[] {
  if (seen.kind === "insert") return seen.attempts.map(({ answer }) => answer);
  if (seen.kind === "statement") return [seen.answer];
  if (seen.kind !== "rows" && seen.kind !== "call") return [];
  const updates = seen.kind === "rows" ? seen.forbiddenUpdates : [];
  return [seen.answer, ...seen.states.map(({ answer }) => answer), ...updates.map(({ answer }) => answer)];
}

/** What was asked and got no answer. */
export function unansweredIn(seen: Observation): readonly Failure[] {
  if (seen.kind === "failed") return [seen.failure];
  return "untestedStates" in seen ? (seen.untestedStates ?? []).map(({ failure }) => failure) : [];
}

/** A limit or a lock ended what was asked: another moment may tell more. */
export function isOfTheMoment(seen: Observation): boolean {
  return unansweredIn(seen).some(({ kind }) => kind === "timeout") || answersIn(seen).some(isMomentary);
}

function isMomentary(answer: Answer): boolean {
  const rule = ruleFor(answer);
  return rule?.momentary === true && rule.lost !== true;
}
