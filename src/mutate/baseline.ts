import { type Cell, isAssignment } from "../model/cell.ts";
import { type CellOptions, cellsOf, type Work } from "../plan/plan.ts";
import type { Observation } from "../model/observation.ts";
import type { Control } from "../probe/sql/baseline.ts";
import type { DirectChannel } from "../probe/sql/channel.ts";
import type { PreflightedRun } from "../run/2-inspect.ts";
import type { ColumnTries } from "../run/assign-under.ts";
import { visibleRows } from "../run/4-probe.ts";
import type { Covered } from "./cells.ts";
import { seenAs } from "./outcome.ts";
import { inPlaces } from "../lib/limiter.ts";
import { Transcripts } from "./transcripts.ts";

interface Asking {
  readonly plan: PreflightedRun;
  readonly options: CellOptions;
  /** Of databases that are alike. */
  readonly places: readonly { readonly channel: DirectChannel; readonly columns: ColumnTries }[];
  readonly privileged: Control;
}

interface Baseline {
  readonly covered: readonly Covered[];
  readonly cells: number;
  readonly transcripts: Transcripts;
}

/** Every cell without any change, once. */
export async function askBaseline({ plan, options, places, privileged }: Asking): Promise<Baseline> {
  const found = new Map<Work, Covered>();
  const transcripts = new Transcripts();
  let count = 0;
  const { personas } = plan.matrix;
  const works = [...plan.work, ...plan.functions];
  await inPlaces(places, works, async (work, { channel, columns }) => {
    const visible: Covered["visible"] =
      "routine" in work
        ? new Map()
        : await privileged.ask("while rows for candidates were read", (client) =>
            visibleRows(client, plan, work, personas),
          );
    const all = cellsOf(plan, work, personas, options, visible).filter((one) =>
      one.channels.includes("direct"),
    );
    const cells = all.filter((cell) => !isAssignment(cell));
    const answers = await channel.probe(cells, (cell, requests, replies) => {
      transcripts.add(cell, requests, replies);
    });
    const columnCells = all.filter(isAssignment);
    const tried = await columns.observe(columnCells, []);
    count += all.length;
    found.set(work, {
      work,
      visible,
      passed: passing(
        cells,
        answers.map(({ observation }) => observation),
      ),
      columns: passing(columnCells, tried),
    });
  });
  return { covered: works.flatMap((work) => found.get(work) ?? []), cells: count, transcripts };
}

function passing(
  cells: readonly Cell[],
  seen: readonly (Observation | undefined)[],
): ReadonlyMap<string, Cell> {
  const passed = cells.filter((cell, index) => {
    const one = seen[index];
    return one !== undefined && seenAs(cell, one).verdict === "pass";
  });
  return new Map(passed.map((cell) => [cell.id, cell]));
}
