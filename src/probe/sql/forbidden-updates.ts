import type { Cell } from "../../model/cell.ts";
import type { Answer, CandidateAttempt } from "../../model/observation.ts";
import { quoteQualified } from "../../lib/sql-text.ts";
import { codeOf, isThroughOrRefused, ruleFor } from "../../model/answers.ts";
import { answerOf } from "./answer.ts";
import type { BatchRequest, Reply, Request } from "./protocol.ts";
import { withRoutine } from "./routine.ts";
import { rowListSql, rowSuffix } from "./privileged.ts";
import { assignments } from "./statements.ts";

/** A move is tried on declared rows one by one, and blind: a SELECT policy must not be what refuses it. */
export function moveRequest(
  cell: Cell,
  first: BatchRequest,
  values: Readonly<Record<string, string | null>>,
): [BatchRequest, BatchRequest] {
  const statement = `update ${quoteQualified(cell.relation.info)} set ${assignments(values)}`;
  return [
    {
      kind: "rows",
      control: first.control,
      statements: [statement],
      list: rowListSql(cell, rowSuffix(cell.relation.key), true),
    },
    { kind: "write", statements: [statement] },
  ];
}

export function* moveAttempts(
  cell: Cell,
  replies: readonly Reply[],
): Generator<readonly Request[], CandidateAttempt[], readonly Reply[]> {
  const attempts: CandidateAttempt[] = [];
  for (const [index, { name, origin }] of (cell.update?.never ?? []).entries()) {
    const answer = yield* moveAnswer(replies[index * 2], replies[index * 2 + 1]);
    attempts.push({ candidate: { name, origin }, answer, rewritten: [] });
  }
  return attempts;
}

function* moveAnswer(
  rows: Reply | undefined,
  blind: Reply | undefined,
): Generator<readonly Request[], Answer, readonly Reply[]> {
  const part = blind?.kind === "parts" ? blind.parts.at(-1) : undefined;
  if (rows?.kind !== "rows" || part === undefined)
    return { code: codeOf("assertion"), message: "the move was not tried" };
  const blindly = part.code === undefined ? (part.rows ?? 0) : 0;
  const reached = Math.max(rows.rows.affected, blindly);
  if (reached > 0) return { code: null, rows: reached };
  const whole = answerOf(part);
  if (!isThroughOrRefused(whole)) return whole;
  const { last } = rows.rows;
  const answer = { ...answerOf(last), rows: 0 };
  const refused =
    ruleFor(answer)?.routineTells === true && answer.foreignFrame !== true && last?.sql !== undefined;
  return refused ? yield* withRoutine(answer, last.sql) : answer;
}
