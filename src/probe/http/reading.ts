import type { RowsObservation } from "../../model/observation.ts";
import type { Cell } from "../../model/cell.ts";
import { type Differences, type Snapshot, compareRows, comparedRowsLimit } from "./snapshot.ts";
import { shownKeys } from "../limits.ts";
import { ProbeFailure } from "./failure.ts";
import type { Reply } from "./reply.ts";
import { rowsOf } from "./reply.ts";
import { compareSample } from "./sample.ts";
import type { ProbeContext } from "./context.ts";
import { byCount, countTellsRows, reachOf, shownColumns, shownKey } from "./context.ts";

/** SELECT: the exact count always; the rows themselves where a count does not tell them. */
export async function probeSelect(context: ProbeContext): Promise<RowsObservation> {
  const { caller, snapshot } = context;
  const columns = shownColumns(context.cell);
  const byRows = snapshot.hasRows && snapshot.complete && columns.length > 0;
  if (byRows && !countTellsRows(context)) return await compareAll(context, columns);

  const reply = await caller.read({ columns, holding: context.cell.column, limit: shownKeys });
  if (reply.answer.code !== null) return reachOf(context, reply.answer);
  const counted = byCount(context, reply.answer.rows ?? 0);
  if (!countTellsRows(context)) return reachOf(context, reply.answer, await compareSample(context, counted));
  if (byRows && counted.unexpected + counted.missing > 0) return await compareAll(context, columns);
  return reachOf(context, reply.answer, {
    ...counted,
    unexpectedKeys: counted.unexpected > 0 ? rowsOf(reply) : [],
  });
}

async function compareAll(context: ProbeContext, columns: readonly string[]): Promise<RowsObservation> {
  const { reply, rows } = await readRows(context, columns);
  if (reply.answer.code !== null) return reachOf(context, reply.answer);
  const counted = byCount(context, reply.answer.rows ?? 0);
  if (rows.length < counted.affected) {
    // `db-max-rows` cut the answer and there is no key to ask for the rest by, or there are far more rows than declared.
    return reachOf(context, reply.answer, { ...counted, undetermined: counted.affected - rows.length });
  }
  return reachOf(context, reply.answer, { affected: rows.length, ...differences(context, columns, rows) });
}

/** Throws ProbeFailure when the rows lack the columns that were asked for. */
export function differences(
  { cell, snapshot }: ProbeContext,
  columns: readonly string[],
  reached: readonly string[],
): Differences {
  const read = snapshot.reader(cell.relation.info, columns);
  const found = compareRows(reached, snapshot.rows(cell.expectation), snapshot.shapeOf(columns), read);
  if (found === undefined) {
    throw new ProbeFailure("protocol", "the gateway answered with rows that lack the columns asked for");
  }
  return cell.column === undefined ? found : valuesTold(cell, snapshot, found, columns, reached);
}

/**
 * Of a column's values: too many are those of rows that are not declared. What a declared row shows instead of its value
 * (a mask) is a value that is missing, and no other row's.
 */
function valuesTold(
  cell: Cell,
  snapshot: Snapshot,
  found: Differences,
  columns: readonly string[],
  reached: readonly string[],
): Differences {
  const key = columns.filter((name) => name !== cell.column);
  if (found.unexpected === 0 || key.length === 0) return found;
  const read = snapshot.reader(cell.relation.info, key);
  const all = snapshot.shapeOf(columns);
  const declared = new Set(
    snapshot.rows(cell.expectation).flatMap((row) => (row.declared ? [read(row.shapes[all] ?? "")] : [])),
  );
  const extra = reached.filter((row) => !declared.has(read(row)));
  return { ...found, unexpected: extra.length, unexpectedKeys: [...new Set(extra)].slice(0, shownKeys) };
}

/** Page by page: whatever `limit` says, the gateway's `db-max-rows` may cut an answer. */
async function readRows(
  context: ProbeContext,
  columns: readonly string[],
): Promise<{ reply: Reply; rows: readonly string[] }> {
  const order = shownKey(context.cell);
  const limit = comparedRowsLimit + 1;
  const page = { columns, holding: context.cell.column, order, limit };
  const reply = await context.caller.read(page);
  if (reply.answer.code !== null) return { reply, rows: [] };
  const rows = rowsOf(reply);
  const wanted = Math.min(reply.answer.rows ?? 0, limit);
  while (rows.length < wanted && order.length > 0) {
    const next = await context.caller.read({ ...page, offset: rows.length });
    const more = next.answer.code === null ? rowsOf(next) : [];
    if (more.length === 0) break;
    rows.push(...more);
  }
  return { reply, rows };
}
