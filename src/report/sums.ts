import { channels } from "../model/cell.ts";
import type { Counts } from "../model/run.ts";
import type { Verdict } from "../model/verdict.ts";
import { verdicts } from "../model/verdict.ts";

/** The counts of several runs together. */
export function addCounts(all: readonly Counts[]): Counts {
  const byChannel = channels.map(
    (channel) => [channel, addByVerdict(all.map((counts) => counts.byChannel[channel]))] as const,
  );
  return {
    cells: sum(all.map(({ cells }) => cells)),
    byVerdict: addByVerdict(all.map(({ byVerdict }) => byVerdict)),
    byChannel: Object.fromEntries(byChannel) as Counts["byChannel"],
    waived: sum(all.map(({ waived }) => waived)),
    waivedByVerdict: addByVerdict(all.map(({ waivedByVerdict }) => waivedByVerdict)),
  };
}

function addByVerdict(all: readonly Readonly<Record<Verdict, number>>[]): Record<Verdict, number> {
  const added = verdicts.map((verdict) => [verdict, sum(all.map((one) => one[verdict]))] as const);
  return Object.fromEntries(added) as Record<Verdict, number>;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
