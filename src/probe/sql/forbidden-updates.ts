import type { Cell } from "../../model/cell.ts";
import type { CandidateAttempt } from "../../model/observation.ts";
import { quoteIdent, quoteQualified } from "../../lib/sql-text.ts";
import { codeOf, isRefusal, isThroughOrRefused, ruleFor } from "../../model/answers.ts";
import { readColumn } from "../what-to-write.ts";
import { answerOf } from "./answer.ts";
import { hashOf } from "./compared.ts";
import type { BatchRequest, Part, Reply, Request, RowByRow } from "./protocol.ts";
import { withRoutine } from "./routine.ts";
import { declaredWhere, rowListSql, rowSuffix } from "./privileged.ts";
import { assignments, literal, readingWhere } from "./statements.ts";

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
    { kind: "write", statements: [statement], blind: true },
  ];
}

export function* moveAttempts(
  cell: Cell,
  replies: readonly Reply[],
): Generator<readonly Request[], CandidateAttempt[], readonly Reply[]> {
  const attempts: CandidateAttempt[] = [];
  for (const [index, { name, origin, values }] of (cell.update?.never ?? []).entries()) {
    const told = yield* moveAnswer(replies[index * 2], replies[index * 2 + 1]);
    const putBack = (told.answer.rows ?? 0) > 0 && (yield* isPutBack(cell, values));
    attempts.push({ candidate: { name, origin }, rewritten: [], ...told, ...(putBack && { putBack }) });
  }
  return attempts;
}

type MoveAnswer = Pick<CandidateAttempt, "answer" | "raised">;

function* moveAnswer(
  rows: Reply | undefined,
  blind: Reply | undefined,
): Generator<readonly Request[], MoveAnswer, readonly Reply[]> {
  const part = blind?.kind === "parts" ? blind.parts.at(-1) : undefined;
  if (rows?.kind !== "rows" || part === undefined)
    return { answer: { code: codeOf("assertion"), message: "the move was not tried" } };
  const blindly = part.code === undefined ? (part.rows ?? 0) : 0;
  const reached = Math.max(rows.rows.affected, blindly);
  if (reached > 0) return { answer: { code: null, rows: reached } };
  const whole = answerOf(part);
  const raised = raisedAtEveryRow(rows.rows, part);
  if (raised !== undefined) return { answer: { ...answerOf(rows.rows.last), rows: 0 }, raised };
  if (!isThroughOrRefused(whole)) return { answer: whole };
  const { last } = rows.rows;
  const answer = { ...answerOf(last), rows: 0 };
  // At some row something else than a policy spoke: what refused the others says nothing of it.
  if (rows.rows.unknown > 0 && isRefusal(answer) && answer.foreignFrame !== true)
    return {
      answer: { code: codeOf("assertion"), message: "at some rows the move did not reach the policy" },
    };
  const refused =
    ruleFor(answer)?.routineTells === true && answer.foreignFrame !== true && last?.sql !== undefined;
  return { answer: refused ? yield* withRoutine(answer, last.sql) : answer };
}

/**
 * Codes that functions raised, if they did so at every row by itself. Where a policy refused some of the rows, the blind form tells
 * nothing of those: what was raised at another row stopped it.
 */
function raisedAtEveryRow(
  { raised, raisedRows, tried }: RowByRow,
  blind: Part,
): readonly string[] | undefined {
  if (!raised || tried === 0 || raisedRows < tried) return undefined;
  if (blind.code === undefined) return raised;
  if (blind.foreignFrame === true && blind.stage === "probe") return [...new Set([...raised, blind.code])];
  return isRefusal(answerOf(blind)) ? raised : undefined;
}

/**
 * Whether the move, with a WHERE and without, is accepted and leaves every row as it was, although it sends other values: a trigger
 * has put the old ones back.
 */
function* isPutBack(
  cell: Cell,
  values: Readonly<Record<string, string | null>>,
): Generator<readonly Request[], boolean, readonly Reply[]> {
  const { info, base, baseline, key } = cell.relation;
  const acts = info.triggers.some(({ enabled, events }) => enabled && events.includes("update"));
  if (!acts || base !== info || baseline !== info || key.length === 0) return false;
  const columns = [...new Set([...key, ...Object.keys(values)])];
  const table = quoteQualified(info);
  const same = Object.entries(values).map(([name, value]) => {
    const type = info.columns.find((one) => one.name === name)?.type ?? "text";
    return `${quoteIdent(name)}::text is not distinct from (${literal(value)}::${type})::text`;
  });
  const hash = `coalesce(${hashOf(columns)}, 0)::text`;
  const control = `select count(*), count(*) filter (where ${declaredWhere(cell.expectation)} and ${same.join(" and ")}), concat('0:', ${hash}) from ${table}`;
  const statement = `update ${table} set ${assignments(values)}`;
  const replies = yield [` ${readingWhere(readColumn(cell))}`, ""].map(
    (where): BatchRequest => ({
      kind: "write",
      control,
      statements: [`${statement}${where}`],
      after: [`select count(*), ${hash} from ${table}`],
      blind: where === "" ? true : undefined,
    }),
  );
  const written = replies.flatMap((reply) => {
    const part = reply.kind === "parts" ? reply.parts.at(-1) : undefined;
    if (reply.kind !== "parts" || part === undefined || part.code !== undefined) return ["changed"];
    if (part.rows === 0) return [];
    const stays = reply.control.declared === 0 && part.after === reply.control.totalHash;
    return [stays ? "as it was" : "changed"];
  });
  return written.length > 0 && written.every((one) => one === "as it was");
}
