import type { Cell } from "../../model/cell.ts";
import type { Sight } from "./privileged.ts";
import { snapshotFor } from "./snapshot-for.ts";
import type { Snapshot } from "./snapshot.ts";
import { takeSnapshot } from "./take-snapshot.ts";

/** Full sight's looks for cells of one relation, by the column that they are about; `undefined`: a look failed. */
export type Controls = ReadonlyMap<string | undefined, Snapshot | undefined>;

/** One look for the cells of the relation, and one for each column that has cells of its own. */
export async function lookForAll(sight: Sight, cells: readonly Cell[]): Promise<Controls> {
  const columns = [...new Set(cells.map(({ column }) => column))];
  const looks = await Promise.all(
    columns.map((column) =>
      look(
        sight,
        cells.filter((cell) => cell.column === column),
      ),
    ),
  );
  return new Map(columns.map((column, index) => [column, looks[index]]));
}

/** `undefined` when it failed: then each cell looks for itself, and the faulty one alone fails. */
async function look(sight: Sight, cells: readonly Cell[]): Promise<Snapshot | undefined> {
  const [cell] = cells;
  if (cell === undefined) return undefined;
  return await takeSnapshot(sight, snapshotFor(cells, cell.relation)).catch(() => undefined);
}
