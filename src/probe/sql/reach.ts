import { decidingIndex, isRefusal, isStoppedAfterPolicy, ruleFor, ruleOf } from "../../model/answers.ts";
import type { RelationKind } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import { operationInfo } from "../../model/operations.ts";
import type {
  Answer,
  Observation,
  RowCounts,
  RowsObservation,
  StateObservation,
} from "../../model/observation.ts";
import { isRaisedByPolicy } from "../../model/raised.ts";
import { answerOf } from "./answer.ts";
import { failedObservation } from "./failed.ts";
import { moveAttempts, moveRequest } from "./forbidden-updates.ts";
import { explained } from "./routine.ts";
import { type Means, firstRequest, raisesOf } from "./first-requests.ts";
import { moreUpdates, rowStatements } from "./updates.ts";
import { measure, reads } from "./measure.ts";
import type { BatchRequest, ControlFacts, Part, Reply, Request } from "./protocol.ts";
import type { SessionState } from "../sessions.ts";
import { untestedStates } from "./states.ts";
import { rowByRowLimit } from "../limits.ts";
import { comparedColumns } from "../what-to-compare.ts";
import { mayBeSuppressed, privilegesOf } from "../what-to-write.ts";
import { comparedKeysLimit, seenKeysSql } from "./compared.ts";
import { changedKeysSql, differencesSql, rowListSql, rowSuffix } from "./privileged.ts";

/** A cell's probe: asks in rounds, gets a reply for each request, and ends with what was observed. */
export type CellProbe = Generator<readonly Request[], Observation, readonly Reply[]>;

type ReachOperation = "select" | "update" | "delete" | "blind_update" | "blind_delete" | "upsert" | "execute";

/** SELECT, UPDATE, DELETE, the blind forms and upsert. */
export function* probeReach(cell: Cell, means: Means, states: readonly SessionState[]): CellProbe {
  const operation = cell.operation as ReachOperation;
  const first = firstRequest[operation](cell, means);
  const moves = (cell.update?.never ?? []).map((move) => moveRequest(cell, first, move.values));
  const others = states.map((state): BatchRequest => ({ ...first, state }));
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
  const ofStates = replies.slice(1 + moves.length * 2);
  const extras: Pick<RowsObservation, "forbiddenUpdates" | "states" | "untestedStates"> = {
    forbiddenUpdates: yield* moveAttempts(cell, replies.slice(1, 1 + moves.length * 2)),
    states: stateObservations(cell, states, ofStates),
    untestedStates: untestedStates(states, ofStates),
  };
  if (reply.kind === "rows")
    return { ...(yield* explained(first, rowsObservation(reply, {}), reply.rows.last)), ...extras };
  const observed = yield* wholeObservation(cell, first, reply.control, reply.parts);
  return observed.kind === "rows" ? { ...observed, ...extras } : observed;
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
  // Without counts: completing it requires each by its name, or it does not compile.
  const uncounted: Omit<RowsObservation, keyof RowCounts> = {
    kind: "rows",
    answer: answerOf(origin),
    baseline: { total: control.total, declared: control.declared },
    unexpectedKeys: [],
    missingKeys: [],
    method: "whole",
    mayBeHidden: false,
    forbiddenUpdates: [],
    states: [],
  };
  if (deciding.code === undefined) {
    const suppressed = isSuppressed(cell, origin, deciding);
    const { differs, counts } = measure(cell, control, suppressed ? origin : deciding);
    // An INSTEAD OF trigger that says it has deleted rows, and has not.
    const idle = counts.affected === 0 && (origin.rows ?? 0) > 0;
    const observed: RowsObservation = { ...uncounted, ...counts, mayBeHidden: suppressed || idle };
    if (!differs || suppressed || idle) return observed;
    return yield* differences(cell, first, observed);
  }
  const base: RowsObservation = {
    ...uncounted,
    affected: 0,
    unexpected: 0,
    missing: control.declared,
    undetermined: 0,
  };
  if (!stoppedAtSomeRow(cell, base.answer))
    return reads(cell) && cell.call === undefined && holdsRead(cell)
      ? yield* explained(first, base, origin)
      : base;
  // A constraint speaks of the value: with another one the same policies may be seen to let each row through.
  const stopped = operationInfo[cell.operation].blind && isStoppedAfterPolicy(base.answer, cell.operation);
  const more = isRefusal(base.answer) || stopped ? otherValuesRequest(cell, first, control) : undefined;
  if (more !== undefined) {
    const [reply] = yield [more];
    if (reply?.kind !== "parts") return failedObservation(reply);
    if (reply.parts.some((one) => isThrough(one) && (!stopped || one.code === undefined)))
      return yield* wholeObservation(cell, more, reply.control, reply.parts);
  }
  if (operationInfo[cell.operation].rowByRow || reads(cell)) {
    const observed = yield* rowByRow(cell, first, base);
    return isStoppedAfterPolicy(base.answer, cell.operation) ? withTheStoppedRow(observed) : observed;
  }
  // A blind statement is all or nothing: some row was affected and refused, and the others are unknown.
  const some = isStoppedAfterPolicy(base.answer, cell.operation) ? 1 : 0;
  const isUnclear = control.declared > 0 || !isRefusal(base.answer);
  const blind: RowsObservation = {
    ...base,
    affected: some,
    unexpected: control.declared === 0 ? some : 0,
    undetermined: isUnclear && !isRaisedByPolicy(cell, base.answer) ? control.total - some : 0,
  };
  return yield* explained(first, blind, origin);
}

/** The constraint spoke of a row that the policies had let through, be it one that the sample left out. */
function withTheStoppedRow(observed: Observation): Observation {
  if (observed.kind !== "rows" || observed.method !== "sample" || observed.affected > 0) return observed;
  return { ...observed, affected: 1, unexpected: observed.baseline.declared === 0 ? 1 : 0 };
}

/** The same over all rows with other values: asked for once, and only where going row by row would leave rows out. */
function otherValuesRequest(
  cell: Cell,
  first: BatchRequest,
  control: ControlFacts,
): BatchRequest | undefined {
  if (operationInfo[cell.operation].rowByRow && control.total <= rowByRowLimit) return undefined;
  const statements = moreUpdates(cell);
  return statements.length === 0 ? undefined : { ...first, statements };
}

/** 0 rows while a trigger or a rule could be the reason, unless the same statement affected none with both off. */
function isSuppressed(cell: Cell, origin: Part, deciding: Part): boolean {
  if (reads(cell) || origin.code !== undefined || origin.rows !== 0) return false;
  if (!operationInfo[cell.operation].events.some((event) => mayBeSuppressed(cell, event))) return false;
  return deciding === origin || deciding.rows !== 0;
}

/** The statement passed the table's privileges and was stopped at a row: by a check, a constraint, a value or a trigger. */
function stoppedAtSomeRow(cell: Cell, answer: Answer): boolean {
  if (isRaisedByPolicy(cell, answer)) return true;
  if (reads(cell)) return false;
  if (isRefusal(answer)) return holdsWrite(cell);
  return ruleFor(answer)?.stopsAtRow === true;
}

function holdsRead(cell: Cell): boolean {
  const held = privilegesOf(cell);
  return held.schemaUsage && held.select.length > 0;
}

/** Without SELECT the filtered form is refused as well; that the role holds the write's own privilege is what counts here. */
function holdsWrite(cell: Cell): boolean {
  const held = privilegesOf(cell);
  return (
    held.schemaUsage &&
    operationInfo[cell.operation].events.every((event) =>
      event === "delete" ? held.delete : held[event].length > 0,
    )
  );
}

/** Asks which rows differ, in the way that the operation allows. */
function* differences(
  cell: Cell,
  first: BatchRequest,
  observed: RowsObservation,
): Generator<readonly Request[], Observation, readonly Reply[]> {
  if (operationInfo[cell.operation].rowByRow) return yield* rowByRow(cell, first, observed);
  const request = differencesRequest(cell, first);
  if (request === undefined) return observed;
  const [reply] = yield [request];
  const found = reply?.kind === "parts" ? reply.parts.at(-1)?.differences : undefined;
  if (found === undefined || found === null) return observed;
  const truncated = observed.affected > comparedKeysLimit;
  // Of a column's values the keys tell all: as many other values are missing ones, and none too many.
  const told = cell.column !== undefined && !truncated && found.unexpected + found.missing > 0;
  return {
    ...observed,
    // Rows that no key tells apart are counted, not named: keys may add to what the counts and hashes showed, never take away.
    unexpected: told ? found.unexpected : Math.max(observed.unexpected, found.unexpected),
    missing: truncated ? observed.missing : told ? found.missing : Math.max(observed.missing, found.missing),
    unexpectedKeys: found.unexpectedKeys ?? [],
    missingKeys: truncated ? [] : (found.missingKeys ?? []),
  };
}

function differencesRequest(cell: Cell, first: BatchRequest): BatchRequest | undefined {
  const { relation } = cell;
  if (reads(cell)) {
    const columns = comparedColumns(cell, privilegesOf(cell).select);
    if (columns.length === 0) return undefined;
    return {
      ...first,
      statements: [seenKeysSql(cell, columns)],
      differences: differencesSql(cell, columns),
    };
  }
  if (!operationInfo[cell.operation].setsValues || relation.base === undefined || relation.key.length === 0)
    return undefined;
  return {
    ...first,
    after: [changedKeysSql(relation.base, relation.key)],
    differences: differencesSql(cell, relation.key),
  };
}

/** Rows of a table have a place (ctid), by which they are known where there is no key. */
function hasPlaces(kind: RelationKind): boolean {
  return kind === "table" || kind === "partitioned" || kind === "materialized";
}

/** A table's row that an UPDATE or DELETE leaves out without an error was filtered by USING, which new values do not matter to. */
function settles(cell: Cell): boolean {
  const isTable = ["table", "partitioned"].includes(cell.relation.info.kind);
  return isTable && !operationInfo[cell.operation].events.some((event) => mayBeSuppressed(cell, event));
}

const untold: Observation = {
  kind: "failed",
  failure: {
    kind: "not-sent",
    message:
      "no key tells the rows of this view apart, so that none could be written by itself: name one (`key:`)",
  },
};

function* rowByRow(
  cell: Cell,
  first: BatchRequest,
  whole: RowsObservation,
): Generator<readonly Request[], Observation, readonly Reply[]> {
  const { relation } = cell;
  if (relation.key.length === 0 && !hasPlaces(relation.baseline.kind)) return untold;
  const [reply] = yield [
    {
      kind: "rows",
      control: first.control,
      statements: rowStatements(cell),
      list: rowListSql(cell, rowSuffix(relation.key)),
      settles: settles(cell) ? true : undefined,
      raises: raisesOf(cell),
    },
  ];
  if (reply?.kind !== "rows") return failedObservation(reply);
  return yield* explained(first, rowsObservation(reply, whole), reply.rows.last);
}

function rowsObservation(
  reply: Extract<Reply, { kind: "rows" }>,
  whole: Partial<RowsObservation>,
): RowsObservation {
  const { rows, control } = reply;
  const all = rows.tried >= control.total;
  // A statement over all rows that went through has counted them all; a sample only names some of them.
  const counted = !all && whole.answer?.code === null;
  return {
    kind: "rows",
    answer: rows.last ? answerOf(rows.last) : (whole.answer ?? { code: null, rows: rows.affected }),
    baseline: { total: control.total, declared: control.declared },
    affected: counted ? (whole.affected ?? rows.affected) : rows.affected,
    unexpected: counted ? Math.max(whole.unexpected ?? 0, rows.unexpected) : rows.unexpected,
    missing: counted ? Math.max(whole.missing ?? 0, rows.missing) : rows.missing,
    undetermined: rows.unknown,
    unexpectedKeys: rows.unexpectedKeys,
    missingKeys: rows.missingKeys,
    method: all ? "row by row" : "sample",
    mayBeHidden: false,
    forbiddenUpdates: [],
    states: [],
    ...(rows.refusedByRaise === true && { refusedByRaise: true }),
  };
}

function stateObservations(
  cell: Cell,
  states: readonly SessionState[],
  replies: readonly Reply[],
): readonly StateObservation[] {
  return states.flatMap((state, index) => {
    const reply = replies[index];
    if (reply?.kind === "rows") {
      const { affected, unexpected, last } = reply.rows;
      const answer = affected > 0 || !last ? { code: null } : answerOf(last);
      return [{ state, answer, affected, unexpected }];
    }
    if (reply?.kind !== "parts") return [];
    const part = decidingParts(reply.parts).origin;
    if (part === undefined) return [];
    if (part.code !== undefined) return [{ state, answer: answerOf(part), affected: 0, unexpected: 0 }];
    const { affected, unexpected } = measure(cell, reply.control, part).counts;
    return [{ state, answer: answerOf(part), affected, unexpected }];
  });
}

/** Of several statements that were tried, the one that tells most. `last` is its repetition without triggers, if there was one. */
function decidingParts(parts: readonly Part[]): {
  readonly origin: Part | undefined;
  readonly last: Part | undefined;
} {
  const index = decidingIndex(parts.map(answerOf));
  const last = parts[index];
  return { origin: last?.mode === "replica" ? parts[index - 1] : last, last };
}

/** The policies let it through, whatever a constraint said afterwards. */
function isThrough({ code }: Part): boolean {
  return code === undefined || ruleOf(code, "direct").afterPolicy === true;
}
