import { decidingIndex, isRefusal, isStoppedAfterPolicy, ruleFor } from "../../model/answers.ts";
import type { Answer, RowsObservation } from "../../model/observation.ts";
import { mayBeSuppressed, privilegesOf, valuesForAllRows } from "../what-to-write.ts";
import { withConstraint } from "./constraint.ts";
import type { RowFilter } from "./query.ts";
import type { ProbeContext } from "./context.ts";
import { byCount, countTellsRows, reachOf } from "./context.ts";

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
    // Some row passed the policies, and its constraint undid the statement for all: at least one was reached.
    return reachOf(context, answer, { ...byCount(context, 1), missing: 0, undetermined: total - 1 });
  }
  const held = privilegesOf(cell);
  const granted = event === "update" ? held.update.length > 0 : held.delete;
  if (!granted || !held.schemaUsage) return reachOf(context, answer);
  // All or nothing: refused for one row, refused for all. Where some are declared, nothing is told about them.
  return reachOf(context, answer, { undetermined: declared > 0 || !isRefusal(answer) ? total : 0 });
}
