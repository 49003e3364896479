import { type Row, seconds, type StageResult } from "./figures.ts";
import type { Options } from "./options.ts";
import { median } from "./sample.ts";
import { runSystem, type SystemRun, systems } from "./system-run.ts";

interface Round {
  readonly searched: SystemRun;
  readonly without: SystemRun;
}

/** What the search for escalation costs: each system's default run, beside the run without it; and the search of everything. */
export async function benchEscalate(options: Options, folder: string): Promise<StageResult> {
  const rows: Row[] = [];
  const raw: Record<string, unknown> = {};
  const all: Round[][] = [];
  for (const system of systems) {
    const rounds: Round[] = [];
    for (let round = 0; round < options.rounds; round++)
      rounds.push({
        searched: await runSystem(system, [], folder),
        without: await runSystem(system, ["--escalation", "off"], folder),
      });
    const full = await runSystem(system, ["--escalation", "full"], folder);
    const none = median(rounds.map(({ without }) => without.cpu));
    all.push(rounds);
    rows.push(...systemRows(system, rounds, full, none));
    raw[system] = { rounds: rounds.map(figuresOf), full: [full.cpu - none, chainsOf(full)] };
  }
  const total = (round: number, of: keyof Round): number =>
    all.reduce((sum, rounds) => sum + (rounds[round]?.[of].wall ?? 0), 0);
  const totals = Array.from({ length: options.rounds }, (_, round) => round);
  rows.unshift({
    what: "the four systems, one after the other: with the search, beside without",
    ours: seconds(median(totals.map((round) => total(round, "searched")))),
    theirs: seconds(median(totals.map((round) => total(round, "without")))),
    ratio: median(totals.map((round) => total(round, "searched") / total(round, "without"))),
    budget: { bound: "at most", value: 1.6 },
  });
  return { rows, notes: [], raw };
}

function systemRows(
  system: string,
  rounds: readonly Round[],
  full: SystemRun,
  without: number,
): readonly Row[] {
  const tried = median(rounds.map(({ searched }) => chainsOf(searched).tried));
  const { possible, tried: everything } = chainsOf(full);
  const cpu = full.cpu - without;
  return [
    {
      what: `  ${system}: chains that the default run tried, of all`,
      ours: tried.toLocaleString("en"),
      theirs: possible.toLocaleString("en"),
      ratio: tried / possible,
      budget: undefined,
    },
    {
      what: `  --escalation full, CPU (${Math.round((everything * 1000) / cpu)} chains a second of it), beside 120 s`,
      ours: seconds(cpu),
      theirs: "120 s",
      ratio: cpu / 120_000,
      budget: { bound: "at most", value: 1 },
    },
  ];
}

function chainsOf({ run: { escalation } }: SystemRun): { readonly tried: number; readonly possible: number } {
  if (escalation === undefined || escalation.because !== undefined) return { tried: 0, possible: 0 };
  const { tried, possible, twoStep } = escalation;
  return { tried: tried + twoStep.tried, possible: possible + twoStep.possible };
}

function figuresOf({ searched, without }: Round): unknown {
  return {
    wall: [searched.wall, without.wall],
    cpu: [searched.cpu, without.cpu],
    chains: chainsOf(searched),
  };
}
