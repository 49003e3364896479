import { type Cell, isAssignment } from "../model/cell.ts";
import { type CellOptions, cellsOf, type Work } from "../plan/plan.ts";
import type { Control } from "../probe/sql/baseline.ts";
import type { DirectChannel } from "../probe/sql/channel.ts";
import type { PreflightedRun } from "../run/2-inspect.ts";
import { visibleRows } from "../run/4-probe.ts";
import type { Covered } from "./cells.ts";
import { seenAs } from "./outcome.ts";
import { inPlaces } from "../lib/limiter.ts";
import { Transcripts } from "./screen.ts";

interface Asking {
  readonly plan: PreflightedRun;
  readonly options: CellOptions;
  /** Of databases that are alike. */
  readonly channels: readonly DirectChannel[];
  readonly privileged: Control;
}

interface Baseline {
  readonly covered: readonly Covered[];
  readonly cells: number;
  readonly transcripts: Transcripts;
}

/** Every cell without any change, once. */
export async function askBaseline({ plan, options, channels, privileged }: Asking): Promise<Baseline> {
  const found = new Map<Work, Covered>();
  const transcripts = new Transcripts();
  let count = 0;
  const { personas } = plan.matrix;
  const works = [...plan.work, ...plan.functions];
  await inPlaces(channels, works, async (work, channel) => {
    const visible: Covered["visible"] =
      "routine" in work
        ? new Map()
        : await privileged.ask("while rows for candidates were read", (client) =>
            visibleRows(client, plan, work, personas),
          );
    const cells = cellsOf(plan, work, personas, options, visible).filter(isAsked);
    const answers = await channel.probe(cells, (cell, requests, replies) => {
      transcripts.add(cell, requests, replies);
    });
    count += cells.length;
    const passed = cells.filter((cell, index) => {
      const seen = answers[index]?.observation;
      return seen !== undefined && seenAs(cell, seen).verdict === "pass";
    });
    found.set(work, { work, visible, passed: new Map(passed.map((cell) => [cell.id, cell])) });
  });
  return { covered: works.flatMap((work) => found.get(work) ?? []), cells: count, transcripts };
}

function isAsked(cell: Cell): boolean {
  return cell.channels.includes("direct") && !isAssignment(cell);
}
