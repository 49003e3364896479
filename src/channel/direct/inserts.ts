import type { BoundCandidate, Cell } from "../../model/cell.ts";
import type { CandidateAttempt } from "../../model/observation.ts";
import { answerOf } from "./answer.ts";
import type { Part } from "./protocol.ts";
import { type CellProbe, failedObservation, withRoutine } from "./reach.ts";
import { insertSql, privilegesOf, storedSql } from "./statements.ts";

/** INSERT: each candidate by itself, and with full sight whether it was stored as it was sent. */
export function* probeInsert(cell: Cell): CellProbe {
  const { info, base } = cell.relation;
  const statements = cell.candidates.map(({ values }) => insertSql(info, values));
  const after = cell.candidates.map(({ values }) => (base === info ? storedSql(info, values) : null));
  const [reply] = yield [{ kind: "i", statements, after }];
  if (reply?.kind !== "parts") return failedObservation(reply);
  const attempts: CandidateAttempt[] = [];
  for (const [index, candidate] of cell.candidates.entries()) {
    const attempt = attemptOf(candidate, reply.parts[index]);
    const { answer } = attempt;
    const unexplained =
      answer.code === "42501" && answer.foreignFrame !== true && privilegesOf(cell).insert.length > 0;
    attempts.push(
      unexplained ? { ...attempt, answer: yield* withRoutine(answer, statements[index] ?? "") } : attempt,
    );
  }
  return { kind: "insert", attempts };
}

function attemptOf({ name, origin }: BoundCandidate, part: Part | undefined): CandidateAttempt {
  const rewritten = part?.ah === undefined ? [] : (JSON.parse(part.ah) as string[]);
  return { candidate: { name, origin }, answer: answerOf(part), rewritten };
}
