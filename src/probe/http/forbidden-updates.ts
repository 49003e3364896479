import type { BoundCandidate } from "../../model/cell.ts";
import type { Answer, CandidateAttempt } from "../../model/observation.ts";
import { rowByRowLimit } from "../limits.ts";
import { isRefusal, isStoppedAfterPolicy, isThroughOrRefused } from "../../model/answers.ts";
import { withConstraint } from "./constraint.ts";
import type { RowFilter } from "./query.ts";
import type { ProbeContext } from "./context.ts";
import type { ControlRow } from "./snapshot.ts";

/** UPDATE `never:` each move on each row that the persona can update, until one is let through. */
export async function probeForbiddenUpdates(
  context: ProbeContext,
  affected: readonly ControlRow["key"][],
): Promise<readonly CandidateAttempt[]> {
  const attempts: CandidateAttempt[] = [];
  for (const move of context.cell.update?.never ?? []) {
    const answer = await tryForbiddenUpdate(context, move, affected.slice(0, rowByRowLimit));
    attempts.push({ candidate: { name: move.name, origin: move.origin }, answer, rewritten: [] });
  }
  return attempts;
}

async function tryForbiddenUpdate(
  context: ProbeContext,
  move: BoundCandidate,
  affected: readonly ControlRow["key"][],
): Promise<Answer> {
  const { cell, caller } = context;
  const send = async (filter: RowFilter): Promise<Answer> => {
    const { answer } = await caller.update(filter, move.values);
    return withConstraint(answer, cell, ["update"], Object.keys(move.values));
  };
  // Without a row that can be updated at all, nothing was refused.
  let worst: Answer = { code: null, rows: 0 };
  for (const key of affected) {
    const answer = await send({ kind: "row", columns: cell.relation.key, key });
    if (gotThrough(answer)) return answer;
    if (rank(answer) > rank(worst)) worst = answer;
  }
  if (!isRefusal(worst) || !context.wholeWrites) return worst;
  // A filter makes the SELECT policies apply, and they refuse a row that the persona would no longer see: without it, only the
  // UPDATE policies speak. (safeupdate refuses that form; then the filtered one is all that there is.)
  const blind = await send({ kind: "none" });
  return gotThrough(blind) || !isThroughOrRefused(blind) ? blind : worst;
}

function gotThrough(answer: Answer): boolean {
  if (answer.code === null) return (answer.rows ?? 0) > 0;
  return isStoppedAfterPolicy(answer, "update");
}

/** What tells least against the move is what counts: a refusal is worth no more than the row that gave none. */
function rank(answer: Answer): number {
  if (answer.code === null) return 0;
  return isRefusal(answer) ? 1 : 2;
}
