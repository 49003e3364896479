import type { Cell } from "../../model/cell.ts";
import type {
  Answer,
  CandidateAttempt,
  Observation,
  ReachObservation,
  StateObservation,
} from "../../model/observation.ts";
import { quoteQualified } from "../../model/sql-text.ts";
import { answerOf } from "./answer.ts";
import { type Means, firstRequest, maySwallow, rowStatements } from "./first-requests.ts";
import type { BatchRequest, ControlFacts, Part, Reply, Request, SessionState } from "./protocol.ts";
import * as sql from "./statements.ts";

/** A cell's probe: asks in rounds, gets a reply for each request, and ends with what was observed. */
export type CellProbe = Generator<readonly Request[], Observation, readonly Reply[]>;

/** How far a statement reached, as far as its own answer tells. */
interface Measured {
  readonly reached: number;
  readonly extra: number;
  readonly missing: number;
  /** The rows are not the declared ones: which, is worth asking. */
  readonly differs: boolean;
}

type ReachOperation = "select" | "update" | "delete" | "blind_update" | "blind_delete" | "upsert";

/** SELECT, UPDATE, DELETE, the blind forms and upsert. */
export function* probeReach(cell: Cell, means: Means, states: readonly SessionState[]): CellProbe {
  const operation = cell.operation as ReachOperation;
  const first = firstRequest[operation](cell, means);
  const moves = (cell.update?.never ?? []).map((move) => moveRequest(cell, first, move.values));
  const others = operation === "upsert" ? [] : states.map((state): BatchRequest => ({ ...first, state }));
  const replies = yield [first, ...moves.flat(), ...others];
  const reply = replies[0];
  if (
    reply === undefined ||
    reply.kind === "failed" ||
    reply.kind === "control-error" ||
    reply.kind === "routine"
  ) {
    return failedObservation(reply);
  }
  const extras = {
    moves: yield* moveAttempts(cell, replies.slice(1, 1 + moves.length * 2)),
    states: stateObservations(states, replies.slice(1 + moves.length * 2)),
  };
  if (reply.kind === "rows") return { ...(yield* explained(first, rowsObservation(reply, {}), reply.rows.last)), ...extras };
  const observed = yield* wholeObservation(cell, first, reply.control, reply.parts);
  return observed.kind === "reach" ? { ...observed, ...extras } : observed;
}

export function failedObservation(reply: Reply | undefined): Observation {
  if (reply?.kind === "failed") return { kind: "failed", failure: reply.failure };
  const message =
    reply?.kind === "control-error"
      ? `the control failed with full sight: ${reply.message} (${reply.code})`
      : "the batch came back without this probe's answer";
  return { kind: "failed", failure: { kind: "protocol", message } };
}

function* wholeObservation(
  cell: Cell,
  first: BatchRequest,
  control: ControlFacts,
  parts: readonly Part[],
): Generator<readonly Request[], Observation, readonly Reply[]> {
  const { origin, last } = decidingParts(parts);
  if (origin === undefined) return failedObservation(undefined);
  const deciding = last?.mode === "replica" && last.code === undefined ? last : origin;
  const base: ReachObservation = {
    kind: "reach",
    answer: answerOf(origin),
    control: { total: control.total, declared: control.declared },
    reached: 0,
    extra: 0,
    missing: control.declared,
    undetermined: 0,
    extraKeys: [],
    missingKeys: [],
    method: "whole",
    mayBeHidden: false,
    moves: [],
    states: [],
  };
  if (deciding.code === undefined) {
    const swallowed = isSwallowed(cell, origin, deciding);
    const measured = measure(cell, control, swallowed ? origin : deciding);
    const observed = { ...base, ...facts(measured), mayBeHidden: swallowed };
    if (!measured.differs || swallowed) return observed;
    return yield* differences(cell, first, observed);
  }
  if (!stoppedAtSomeRow(cell, origin)) return base;
  if (cell.operation === "update" || cell.operation === "delete") return yield* rowByRow(cell, first, base);
  // A blind statement is all or nothing: some row was reached and refused, and nothing tells about the others.
  const blind = {
    ...base,
    undetermined: control.declared > 0 || origin.code !== "42501" ? control.total : 0,
  };
  return yield* explained(first, blind, origin);
}

/**
 * Of several statements that were tried, the one that tells most: the one that went through; else one that the policy
 * let pass and a constraint stopped; else the last refusal. `last` is its repetition without triggers, if there was one.
 */
function decidingParts(parts: readonly Part[]): { readonly origin: Part | undefined; readonly last: Part | undefined } {
  const through = parts.findLastIndex((part) => part.code === undefined);
  const stopped = parts.findLastIndex((part) => part.code?.startsWith("23") === true);
  const index = through >= 0 ? through : stopped >= 0 ? stopped : parts.length - 1;
  const last = parts[index];
  return { origin: last?.mode === "replica" ? parts[index - 1] : last, last };
}

/** 0 rows while a trigger or a rule could be the reason, unless the same statement reached none with both off. */
function isSwallowed(cell: Cell, origin: Part, deciding: Part): boolean {
  if (cell.operation === "select" || origin.code !== undefined || origin.n !== 0) return false;
  const event = cell.operation.endsWith("update") ? "update" : "delete";
  if (!maySwallow(cell, event)) return false;
  return deciding === origin || deciding.n !== 0;
}

/** The statement passed the table's privileges and was stopped at a row: by a check, a constraint or a trigger. */
function stoppedAtSomeRow(cell: Cell, { code = "" }: Part): boolean {
  if (cell.operation === "select") return false;
  const held = sql.privilegesOf(cell);
  const granted = cell.operation.endsWith("update") ? held.update.length > 0 : held.delete;
  if (code === "42501") return granted && held.schemaUsage;
  return code.startsWith("23") || code === "P0001" || code === "22000" || code === "P0004";
}

function measure(cell: Cell, control: ControlFacts, part: Part): Measured {
  const reached = part.n ?? 0;
  const { kind } = cell.expectation;
  if (kind === "deny" || kind === "candidates")
    return { reached, extra: reached, missing: 0, differs: reached > 0 };
  if (kind === "allow") {
    const missing = Math.max(0, control.total - reached);
    const extra = Math.max(0, reached - control.total);
    return { reached, extra, missing, differs: missing + extra > 0 };
  }
  const same =
    reached === control.declared && reachedHash(cell, control, part) === (control.declaredHash ?? "0");
  if (same) return { reached, extra: 0, missing: 0, differs: false };
  const extra = Math.max(0, reached - control.declared);
  const missing = Math.max(0, control.declared - reached);
  // The same number of other rows: at least one too many and one too few.
  const swapped = reached > 0 && extra + missing === 0 ? 1 : 0;
  return { reached, extra: extra + swapped, missing: missing + swapped, differs: true };
}

function reachedHash(cell: Cell, control: ControlFacts, part: Part): string | undefined {
  if (cell.operation === "select") return part.h ?? "0";
  if (part.n === 0) return "0";
  if (!cell.operation.endsWith("delete")) return part.ah ?? undefined;
  if (part.ah === undefined || control.totalHash === undefined) return undefined;
  return (BigInt(control.totalHash) - BigInt(part.ah)).toString();
}

function facts({
  reached,
  extra,
  missing,
}: Measured): Pick<ReachObservation, "reached" | "extra" | "missing"> {
  return { reached, extra, missing };
}

/** Asks which rows differ, in the way that the operation allows. */
function* differences(
  cell: Cell,
  first: BatchRequest,
  observed: ReachObservation,
): Generator<readonly Request[], Observation, readonly Reply[]> {
  if (cell.operation === "update" || cell.operation === "delete")
    return yield* rowByRow(cell, first, observed);
  const request = differencesRequest(cell, first);
  if (request === undefined) return observed;
  const [reply] = yield [request];
  const found = reply?.kind === "parts" ? reply.parts.at(-1)?.d : undefined;
  if (found === undefined || found === null) return observed;
  const truncated = observed.reached > sql.comparedKeysLimit;
  return {
    ...observed,
    extra: truncated ? Math.max(observed.extra, found.extra) : found.extra,
    missing: truncated ? observed.missing : found.missing,
    extraKeys: found.extraKeys ?? [],
    missingKeys: truncated ? [] : (found.missingKeys ?? []),
  };
}

function differencesRequest(cell: Cell, first: BatchRequest): BatchRequest | undefined {
  const { relation } = cell;
  if (cell.operation === "select") {
    const columns = sql.comparedColumns(relation, sql.privilegesOf(cell).select);
    if (columns.length === 0) return undefined;
    return {
      ...first,
      statements: [sql.seenKeysSql(cell, columns)],
      differences: sql.differencesSql(cell, columns),
    };
  }
  if (cell.operation !== "blind_update" || relation.base === undefined || relation.key.length === 0)
    return undefined;
  return {
    ...first,
    after: [sql.changedKeysSql(relation.base, relation.key)],
    differences: sql.differencesSql(cell, relation.key),
  };
}

function* rowByRow(
  cell: Cell,
  first: BatchRequest,
  whole: ReachObservation,
): Generator<readonly Request[], Observation, readonly Reply[]> {
  const { relation } = cell;
  const [reply] = yield [
    {
      kind: "e",
      control: first.control,
      statements: rowStatements(cell),
      list: sql.rowListSql(cell, sql.rowSuffix(relation.key)),
    },
  ];
  if (reply?.kind !== "rows") return failedObservation(reply);
  return yield* explained(first, rowsObservation(reply, whole), reply.rows.last);
}

function rowsObservation(
  reply: Extract<Reply, { kind: "rows" }>,
  whole: Partial<ReachObservation>,
): ReachObservation {
  const { rows, control } = reply;
  const all = rows.tried >= control.total;
  // A statement over all rows that went through has counted them all; a sample only names some of them.
  const counted = !all && whole.answer?.code === null;
  return {
    kind: "reach",
    answer: rows.last ? answerOf(rows.last) : (whole.answer ?? { code: null, rows: rows.reached }),
    control: { total: control.total, declared: control.declared },
    reached: counted ? (whole.reached ?? rows.reached) : rows.reached,
    extra: counted ? Math.max(whole.extra ?? 0, rows.extra) : rows.extra,
    missing: counted ? Math.max(whole.missing ?? 0, rows.missing) : rows.missing,
    undetermined: rows.unknown,
    extraKeys: rows.extraKeys,
    missingKeys: rows.missingKeys,
    method: all ? "row by row" : "sample",
    mayBeHidden: false,
    moves: [],
    states: [],
  };
}

/** Names the server's routine behind a 42501 that the role's privileges do not explain. */
function* explained(
  first: BatchRequest,
  observed: ReachObservation,
  part: Part | null | undefined,
): Generator<readonly Request[], ReachObservation, readonly Reply[]> {
  const { answer } = observed;
  const statement = part?.sql ?? first.statements[(part?.v ?? 1) - 1];
  if (answer.code !== "42501" || answer.foreignFrame === true || statement === undefined) return observed;
  return { ...observed, answer: yield* withRoutine(answer, statement) };
}

/** The answer with the routine that raised it, asked for once per relation, statement and message. */
export function* withRoutine(
  answer: Answer,
  statement: string,
): Generator<readonly Request[], Answer, readonly Reply[]> {
  const [reply] = yield [{ kind: "explain", sql: statement, message: answer.message ?? "" }];
  return reply?.kind === "routine" && reply.routine !== undefined
    ? { ...answer, routine: reply.routine }
    : answer;
}

/** A move is tried on declared rows one by one, and blind: a SELECT policy must not be what refuses it. */
function moveRequest(
  cell: Cell,
  first: BatchRequest,
  values: Readonly<Record<string, string | null>>,
): [BatchRequest, BatchRequest] {
  const statement = `update ${quoteQualified(cell.relation.info)} set ${sql.assignments(values)}`;
  return [
    {
      kind: "e",
      control: first.control,
      statements: [statement],
      list: sql.rowListSql(cell, sql.rowSuffix(cell.relation.key), true),
    },
    { kind: "w", statements: [statement] },
  ];
}

function* moveAttempts(
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
  if (rows?.kind !== "rows") return { code: "P0004", message: "the move was not tried" };
  const part = blind?.kind === "parts" ? blind.parts.at(-1) : undefined;
  const blindly = part?.code === undefined ? (part?.n ?? 0) : 0;
  const reached = Math.max(rows.rows.reached, blindly);
  if (reached > 0) return { code: null, rows: reached };
  const { last } = rows.rows;
  const answer = { ...answerOf(last), rows: 0 };
  const refused = answer.code === "42501" && answer.foreignFrame !== true && last?.sql !== undefined;
  return refused ? yield* withRoutine(answer, last.sql) : answer;
}

function stateObservations(
  states: readonly SessionState[],
  replies: readonly Reply[],
): readonly StateObservation[] {
  return states.flatMap((state, index) => {
    const reply = replies[index];
    const part = reply?.kind === "parts" ? reply.parts.find((one) => one.mode === undefined) : undefined;
    return part === undefined
      ? []
      : [{ state, answer: answerOf(part), reached: part.code === undefined ? (part.n ?? 0) : 0 }];
  });
}
