import { type Row, seconds, type StageResult } from "./figures.ts";
import type { Options } from "./options.ts";
import { median } from "./sample.ts";
import { runSystem, systems } from "./system-run.ts";

interface Round {
  readonly wall: number;
  /** Milliseconds of processor: rowgate's, and those of the server that it started. */
  readonly cpu: number;
  /** Passes that a policy decides. */
  readonly policyCells: number;
}

/** What the proof for all rows costs: each system's run without the search for escalation, beside the same without the proof. */
export async function benchProof(options: Options, folder: string): Promise<StageResult> {
  const rows: Row[] = [];
  const raw: Record<string, unknown> = {};
  for (const system of systems) {
    const rounds: { readonly proved: Round; readonly probed: Round }[] = [];
    for (let round = 0; round < options.rounds; round++)
      rounds.push({
        proved: await measured(system, "all-rows", folder),
        probed: await measured(system, "rows-at-hand", folder),
      });
    const wall = (of: "proved" | "probed"): number => median(rounds.map((one) => one[of].wall));
    const cells = rounds[0]?.proved.policyCells ?? 0;
    const each = median(rounds.map(({ proved, probed }) => (proved.cpu - probed.cpu) / cells));
    rows.push(
      {
        what: `${system}: the run with the proof, beside the run without it`,
        ours: seconds(wall("proved")),
        theirs: seconds(wall("probed")),
        ratio: median(rounds.map(({ proved, probed }) => proved.wall / probed.wall)),
        budget: { bound: "at most", value: 1.5 },
      },
      {
        what: `  CPU a policy cell (${cells} cells), beside 1 ms`,
        ours: `${each.toFixed(1)} ms`,
        theirs: "1 ms",
        ratio: each,
        budget: { bound: "at most", value: 6 },
      },
    );
    raw[system] = rounds;
  }
  return { rows, notes: [], raw };
}

async function measured(system: string, proof: string, folder: string): Promise<Round> {
  const { wall, cpu, run } = await runSystem(system, ["--proof", proof, "--escalation", "off"], folder);
  const {
    "all-rows": all = 0,
    "keys-that-exist": keys = 0,
    "no-policy": none = 0,
  } = run.counts.byEvidence ?? {};
  return { wall, cpu, policyCells: all + keys + none };
}
