import type { ReachObservation } from "../../model/observation.ts";
import { compareRows, shownKeys } from "./compare.ts";
import { ProbeFailure } from "./failure.ts";
import type { Reply } from "./reply.ts";
import { rowsOf } from "./reply.ts";
import { compareSample } from "./sample.ts";
import type { Scene } from "./scene.ts";
import { byCount, countTellsRows, reachOf, shownColumns, shownKey } from "./scene.ts";
import { comparedRowsLimit } from "./snapshot.ts";

/** SELECT: the exact count always; the rows themselves where a count does not tell them. */
export async function probeSelect(scene: Scene): Promise<ReachObservation> {
  const { caller, snapshot } = scene;
  const columns = shownColumns(scene.cell);
  const byRows = snapshot.hasRows && snapshot.complete && columns.length > 0;
  if (byRows && !countTellsRows(scene)) return await compareAll(scene, columns);

  const reply = await caller.read({ columns, limit: shownKeys });
  if (reply.answer.code !== null) return reachOf(scene, reply.answer);
  const counted = byCount(scene, reply.answer.rows ?? 0);
  if (!countTellsRows(scene)) return reachOf(scene, reply.answer, await compareSample(scene, counted));
  if (byRows && counted.extra + counted.missing > 0) return await compareAll(scene, columns);
  return reachOf(scene, reply.answer, { ...counted, extraKeys: counted.extra > 0 ? rowsOf(reply) : [] });
}

async function compareAll(scene: Scene, columns: readonly string[]): Promise<ReachObservation> {
  const { reply, rows } = await readRows(scene, columns);
  if (reply.answer.code !== null) return reachOf(scene, reply.answer);
  const counted = byCount(scene, reply.answer.rows ?? 0);
  if (rows.length < counted.reached) {
    // `db-max-rows` cut the answer and there is no key to ask for the rest by, or there are far more rows than declared.
    return reachOf(scene, reply.answer, { ...counted, undetermined: counted.reached - rows.length });
  }
  return reachOf(scene, reply.answer, { reached: rows.length, ...differences(scene, columns, rows) });
}

/** Throws ProbeFailure when the rows lack the columns that were asked for. */
export function differences(
  { cell, snapshot }: Scene,
  columns: readonly string[],
  reached: readonly string[],
): Pick<ReachObservation, "extra" | "missing" | "extraKeys" | "missingKeys"> {
  const read = snapshot.reader(cell.relation.info, columns);
  const found = compareRows(reached, snapshot.rows(cell.expectation), snapshot.shapeOf(columns), read);
  if (found === undefined) {
    throw new ProbeFailure("protocol", "the gateway answered with rows that lack the columns asked for");
  }
  return found;
}

/** Page by page: whatever `limit` says, the gateway's `db-max-rows` may cut an answer. */
async function readRows(
  scene: Scene,
  columns: readonly string[],
): Promise<{ reply: Reply; rows: readonly string[] }> {
  const order = shownKey(scene.cell);
  const limit = comparedRowsLimit + 1;
  const reply = await scene.caller.read({ columns, order, limit });
  if (reply.answer.code !== null) return { reply, rows: [] };
  const rows = rowsOf(reply);
  const wanted = Math.min(reply.answer.rows ?? 0, limit);
  while (rows.length < wanted && order.length > 0) {
    const next = await scene.caller.read({ columns, order, limit, offset: rows.length });
    const more = next.answer.code === null ? rowsOf(next) : [];
    if (more.length === 0) break;
    rows.push(...more);
  }
  return { reply, rows };
}
