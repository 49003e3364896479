import {
  decidingIndex,
  isRefusal,
  isStoppedAfterPolicy,
  isThroughOrRefused,
  ruleFor,
} from "../../model/answers.ts";
import { isRaisedByPolicy } from "../../model/raised.ts";
import type { Answer, CandidateAttempt, RowsObservation } from "../../model/observation.ts";
import {
  mayBeSuppressed,
  privilegesOf,
  readColumn,
  type TextRow,
  updatable,
  valuesForAllRows,
} from "../what-to-write.ts";
import { withConstraint } from "./constraint.ts";
import {
  byCount,
  countTellsRows,
  isUnseen,
  mayReturn,
  type ProbeContext,
  reachOf,
  shownColumns,
  shownKey,
} from "./context.ts";
import type { RowFilter } from "./query.ts";
import { differences } from "./reading.ts";
import { type Reply, rowsOf } from "./reply.ts";
import { type Attempt, goThroughRows } from "./row-by-row.ts";
import { updateAttempts, updateValues } from "./values.ts";
import type { BoundCandidate } from "../../model/cell.ts";
import { rowByRowLimit } from "../limits.ts";
import type { ControlRow } from "./snapshot.ts";

/** One of the two statements that change rows where they find them. */
interface Statement {
  readonly event: "update" | "delete";
  /** Columns that distinguish the changed rows; none: only the count is asked for. */
  readonly returning: readonly string[];
  /** The role holds what the statement takes, so that a refusal is about rows. */
  readonly granted: boolean;
  readonly whole: (filter: RowFilter, returning: readonly string[]) => Promise<Reply>;
  /** Columns whose own values `attempts` needs. */
  readonly own: readonly string[];
  readonly attempts: (own: TextRow) => readonly Attempt[];
  readonly completed: (answer: Answer) => Answer;
}

/** UPDATE with a filter that reads a column, and the moves that must be refused. */
export async function probeUpdate(context: ProbeContext): Promise<RowsObservation> {
  const { cell, caller } = context;
  const values = updateValues(cell);
  const key = shownKey(cell);
  const { update, select, schemaUsage } = privilegesOf(cell);
  const written = Object.keys(values);
  const { observation, affected } = await probeStatement(context, {
    event: "update",
    // A row that changes its key cannot be named by it; other columns may be changed by a trigger.
    returning: key.some((name) => written.includes(name)) ? [] : key,
    granted: schemaUsage && select.length > 0 && written.every((name) => update.includes(name)),
    whole: (filter, returning) => caller.update(filter, values, returning),
    own: cell.update?.set === undefined ? updatable(cell) : [],
    attempts: (own) =>
      attemptsOf(context, own).map((attempt) => ({
        send: (filter) => caller.update(filter, attempt),
        completed: (answer) => withConstraint(answer, cell, ["update"], Object.keys(attempt)),
      })),
    completed: (answer) => withConstraint(answer, cell, ["update"], written),
  });
  return { ...observation, forbiddenUpdates: await probeForbiddenUpdates(context, affected) };
}

/** A scratch row keeps its key. What is granted nothing tries all the same: the refusal is the answer. */
function attemptsOf({ cell, own: isOwn }: ProbeContext, own: TextRow): readonly TextRow[] {
  const attempts = updateAttempts(cell, own);
  if (isOwn !== true) return attempts;
  const keeping = attempts.filter((values) => !cell.relation.key.some((name) => name in values));
  return keeping.length > 0 || privilegesOf(cell).update.length > 0 ? keeping : [updateValues(cell)];
}

/** DELETE with a filter that reads a column. */
export async function probeDelete(context: ProbeContext): Promise<RowsObservation> {
  const { cell, caller } = context;
  const held = privilegesOf(cell);
  const completed = (answer: Answer): Answer => withConstraint(answer, cell, ["delete"], []);
  const { observation } = await probeStatement(context, {
    event: "delete",
    returning: shownColumns(cell),
    granted: held.schemaUsage && held.delete && held.select.length > 0,
    whole: (filter, returning) => caller.delete(filter, returning),
    own: [],
    attempts: () => [{ send: (filter) => caller.delete(filter), completed }],
    completed,
  });
  return observation;
}

interface Probed {
  readonly observation: RowsObservation;
  /** Keys of affected rows, as far as they are known. */
  readonly affected: readonly (readonly (string | null)[])[];
}

async function probeStatement(context: ProbeContext, statement: Statement): Promise<Probed> {
  const { cell, snapshot } = context;
  if (!context.wholeWrites) return await goThroughRows(context, statement, undefined);
  const returning = snapshot.complete && snapshot.hasRows && mayReturn(cell) ? statement.returning : [];
  const reply = await statement.whole(readingFilter(context), returning);
  const answer = statement.completed(reply.answer);
  if (answer.code !== null) {
    const atRow = ruleFor(answer)?.stopsAtRow === true || isRaisedByPolicy(cell, answer);
    if (!statement.granted || !atRow) return { observation: reachOf(context, answer), affected: [] };
    return await goThroughRows(context, statement, reachOf(context, answer));
  }
  const counted = byCount(context, answer.rows ?? 0);
  const nothing = counted.affected === 0 && snapshot.total > 0 && mayBeSuppressed(cell, statement.event);
  const mayBeHidden = nothing && !(await isUnseen(context, readingFilter(context)));
  const rows = returning.length === 0 ? [] : rowsOf(reply);
  if (rows.length === counted.affected && returning.length > 0) {
    const found = { affected: counted.affected, ...differences(context, returning, rows) };
    return {
      observation: reachOf(context, answer, { ...found, mayBeHidden }),
      affected: keysOf(context, returning, rows),
    };
  }
  const observation = reachOf(context, answer, { ...counted, mayBeHidden });
  const told =
    countTellsRows(context) && (counted.unexpected + counted.missing === 0 || shownKey(cell).length === 0);
  if (told && (cell.update?.never ?? []).length === 0) return { observation, affected: [] };
  return await goThroughRows(context, statement, observation);
}

/** Reads a column, so that the SELECT policies apply; where none may be read, the refusal is the answer. */
function readingFilter({ cell }: ProbeContext): RowFilter {
  const column = readColumn(cell);
  const nullable = cell.relation.info.columns.find(({ name }) => name === column)?.notNull !== true;
  return { kind: "reads", column, nullable };
}

/** The rows that an answer names, as filters name them. */
function keysOf(
  { cell, snapshot }: ProbeContext,
  columns: readonly string[],
  rows: readonly string[],
): Probed["affected"] {
  const shape = snapshot.shapeOf(columns);
  const read = snapshot.reader(cell.relation.info, columns);
  const named = new Map(
    snapshot.rows(cell.expectation).map((row) => [read(row.shapes[shape] ?? ""), row.key]),
  );
  return rows.flatMap((row) => {
    const key = named.get(read(row));
    return key === undefined || key.length === 0 ? [] : [key];
  });
}

const everyRow: RowFilter = { kind: "none" };

/** PATCH without a filter and without a body in the answer: no column is read, so no SELECT policy applies. */
export async function probeBlindUpdate(context: ProbeContext): Promise<RowsObservation> {
  const { cell, caller } = context;
  const answers: Answer[] = [];
  for (const values of valuesForAllRows(cell)) {
    const { answer } = await caller.update(everyRow, values);
    answers.push(withConstraint(answer, cell, ["update"], Object.keys(values)));
    if (ruleFor(answer)?.triesNextValue !== true) break;
  }
  return observed(context, answers[decidingIndex(answers)] ?? { code: null, rows: 0 }, "update");
}

export async function probeBlindDelete(context: ProbeContext): Promise<RowsObservation> {
  const { answer } = await context.caller.delete(everyRow);
  return observed(context, withConstraint(answer, context.cell, ["delete"], []), "delete");
}

function observed(context: ProbeContext, answer: Answer, event: "update" | "delete"): RowsObservation {
  const { cell, snapshot } = context;
  const { declared, total } = snapshot.control(cell);
  if (answer.code === null) {
    const counted = byCount(context, answer.rows ?? 0);
    const mayBeHidden = counted.affected === 0 && total > 0 && mayBeSuppressed(cell, event);
    const differs = counted.unexpected + counted.missing > 0;
    // Which rows they were cannot be asked without reading them.
    const undetermined = countTellsRows(context) || differs ? 0 : declared;
    return reachOf(context, answer, { ...counted, undetermined, mayBeHidden });
  }
  if (isStoppedAfterPolicy(answer, cell.operation) && total > 0) {
    // Some row passed the policies, and its constraint undid the statement for all: at least one was affected.
    return reachOf(context, answer, { ...byCount(context, 1), missing: 0, undetermined: total - 1 });
  }
  const held = privilegesOf(cell);
  const granted = event === "update" ? held.update.length > 0 : held.delete;
  if (!granted || !held.schemaUsage) return reachOf(context, answer);
  // All or nothing: refused for one row, refused for all. Where some are declared, nothing is known about them.
  const isUnclear = (declared > 0 || !isRefusal(answer)) && !isRaisedByPolicy(cell, answer);
  return reachOf(context, answer, { undetermined: isUnclear ? total : 0 });
}

/** UPDATE `never:` each move on each row that the persona can update, until one is let through. */
async function probeForbiddenUpdates(
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
