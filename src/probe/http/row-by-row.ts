import { isRefusal, isStoppedAfterPolicy } from "../../model/answers.ts";
import { isRaisedByPolicy } from "../../model/raised.ts";
import type { Answer, RowsObservation } from "../../model/observation.ts";
import { rowsToTry, shownKeys } from "../limits.ts";
import { mayBeSuppressed, type TextRow } from "../what-to-write.ts";
import type { ControlRow } from "./snapshot.ts";
import type { RowFilter } from "./query.ts";
import type { Reply } from "./reply.ts";
import type { ProbeContext } from "./context.ts";
import { isUnseen, reachOf, shownKey } from "./context.ts";
import { valuesOf } from "./values.ts";

/** One request about one row. */
export interface Attempt {
  readonly send: (filter: RowFilter) => Promise<Reply>;
  readonly completed: (answer: Answer) => Answer;
}

export interface RowStatement {
  readonly event: "select" | "update" | "delete";
  readonly own: readonly string[];
  readonly attempts: (own: TextRow) => readonly Attempt[];
}

interface RowOutcome {
  readonly row: ControlRow;
  readonly fate: "affected" | "unaffected" | "unknown";
  /** The last refusal. */
  readonly refusal: Answer | undefined;
}

/**
 * Every row of a small relation, or a sample of a large one, each in separate requests: one row that a check refuses
 * or a foreign key protects must not hide its siblings. `first` is what one statement over all rows gave, if it was sent.
 */
export async function goThroughRows(
  context: ProbeContext,
  statement: RowStatement,
  first: RowsObservation | undefined,
): Promise<{ observation: RowsObservation; affected: readonly ControlRow["key"][] }> {
  const { cell, snapshot, privileged } = context;
  const named = context.own === true ? cell.relation.key : shownKey(cell);
  const rows = named.length === 0 ? [] : rowsToTry(snapshot.rows(cell.expectation));
  const own = await valuesOf(privileged, cell, rows, statement.own);
  const outcomes: RowOutcome[] = [];
  for (const row of rows) outcomes.push(await tryRow(context, statement, row, own.get(row) ?? {}));
  const affected = outcomes.filter(({ fate }) => fate === "affected").map(({ row }) => row.key);
  return { observation: observed(context, outcomes, first), affected };
}

function observed(
  context: ProbeContext,
  outcomes: readonly RowOutcome[],
  first: RowsObservation | undefined,
): RowsObservation {
  const { cell, snapshot } = context;
  const all = outcomes.length === snapshot.total;
  // A statement that went through has counted all rows; a sample only names some of them.
  const whole = first?.answer.code === null ? first : undefined;
  const affected = outcomes.filter(({ fate }) => fate === "affected");
  const extra = affected.filter(({ row }) => !row.declared);
  const missing = outcomes.filter(({ row, fate }) => fate === "unaffected" && row.declared);
  const unknown = outcomes.filter(({ fate }) => fate === "unknown").length;
  // No row is identified: unless the numbers differ already, nothing is known of which they were.
  const counted = whole !== undefined && whole.unexpected + whole.missing > 0;
  const unnamed = context.own !== true && shownKey(cell).length === 0 && !counted ? snapshot.total : 0;
  const refusal = outcomes.findLast((outcome) => outcome.refusal !== undefined)?.refusal;
  const spoken = whole ?? (outcomes.length === 0 ? first : undefined);
  return reachOf(context, refusal ?? spoken?.answer ?? { code: null, rows: affected.length }, {
    affected: all || whole === undefined ? affected.length : whole.affected,
    unexpected: Math.max(extra.length, all ? 0 : (whole?.unexpected ?? 0)),
    missing: Math.max(missing.length, all ? 0 : (whole?.missing ?? 0)),
    undetermined: unknown + unnamed,
    unexpectedKeys: labels(context, extra),
    missingKeys: labels(context, missing),
    method: all ? "row by row" : "sample",
    mayBeHidden: whole?.mayBeHidden ?? false,
    refusedByRaise: outcomes.some((one) => one.refusal && isRaisedByPolicy(cell, one.refusal)) || undefined,
  });
}

async function tryRow(
  context: ProbeContext,
  statement: RowStatement,
  row: ControlRow,
  own: TextRow,
): Promise<RowOutcome> {
  const filter: RowFilter = { kind: "row", columns: context.cell.relation.key, key: row.key };
  let refusal: Answer | undefined;
  let unsure = false;
  for (const { send, completed } of statement.attempts(own)) {
    const answer = completed((await send(filter)).answer);
    if (answer.code === null) {
      if ((answer.rows ?? 0) > 0) return { row, fate: "affected", refusal };
      // USING has filtered the row: no other value will do. Or a trigger has suppressed it.
      const suppressed = statement.event !== "select" && mayBeSuppressed(context.cell, statement.event);
      const hidden = suppressed && !(await isUnseen(context, filter));
      return { row, fate: unsure || hidden ? "unknown" : "unaffected", refusal };
    }
    refusal = answer;
    if (isStoppedAfterPolicy(answer, statement.event)) return { row, fate: "affected", refusal };
    if (!isRefusal(answer) && !isRaisedByPolicy(context.cell, answer)) unsure = true;
  }
  return { row, fate: unsure || refusal === undefined ? "unknown" : "unaffected", refusal };
}

function labels({ cell, snapshot }: ProbeContext, outcomes: readonly RowOutcome[]): string[] {
  const shape = snapshot.shapeOf(cell.relation.key);
  return outcomes.slice(0, shownKeys).map(({ row }) => row.shapes[shape] ?? "");
}
