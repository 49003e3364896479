import { readFileSync } from "node:fs";
import { connect } from "../dist/probe/sql/session.js";
import { parseMatrix } from "../dist/matrix/parse.js";
import type { Cell } from "../dist/model/cell.js";
import type { Matrix } from "../dist/model/matrix.js";
import type { Target } from "../dist/model/target.js";
import { expandCells } from "../dist/plan/plan.js";
import { filterOf } from "../dist/plan/filters.js";
import { load } from "../dist/run/1-load.js";
import { inspect } from "../dist/run/2-inspect.js";
import { visibleRows } from "../dist/run/4-probe.js";

/**
 * The cells that rowgate plans for a matrix, relation by relation: what the alternatives prove as well. Candidates,
 * predicates and columns are the same, so that nobody proves more or less than the others.
 */
export async function* plannedCells(
  target: Target,
  matrixFile: string,
  only: string,
  relations: readonly string[],
): AsyncGenerator<readonly Cell[]> {
  const matrix: Matrix = parseMatrix(readFileSync(matrixFile, "utf8"), matrixFile, "2000-01-01");
  const client = await connect(target.database, target.limits);
  try {
    const filters = { only: [only], personas: [], channels: ["direct"] } as const;
    const prepared = await inspect(client, await load(client, matrix, undefined), filters);
    const wants = filterOf(filters);
    for (const work of prepared.work.filter(({ spec }) => relations.includes(spec.name))) {
      const visible = await visibleRows(client, prepared, work, matrix.personas);
      yield expandCells(matrix, work.spec, work.relation, prepared.catalog, matrix.personas, {
        channels: ["direct"],
        exposed: [],
        wants,
        visible,
      });
    }
  } finally {
    await client.end();
  }
}
