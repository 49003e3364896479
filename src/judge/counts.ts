import { channels } from "../model/cell.ts";
import type { CellRecord, Counts } from "../model/run.ts";
import type { Verdict } from "../model/verdict.ts";
import { isWaived } from "../model/waived.ts";
import { type Evidence, evidences, verdicts } from "../model/verdict.ts";

export interface Tally {
  readonly add: (record: Pick<CellRecord, "verdict" | "waived" | "waiver" | "channels" | "observed">) => void;
  readonly counts: () => Counts;
}

/** Folds cells into the counts of a run: memory does not grow with them. */
export function createTally(): Tally {
  let cells = 0;
  let waived = 0;
  let observed = 0;
  let anyTables = 0;
  const byVerdict = zeroes();
  const waivedByVerdict = zeroes();
  const waivedErrors = { direct: 0, rest: 0 };
  const byChannel = { direct: zeroes(), rest: zeroes() };
  const byEvidence = Object.fromEntries(evidences.map((one) => [one, 0])) as Record<Evidence, number>;
  return {
    add: (record) => {
      cells += 1;
      if (record.observed === true) observed += 1;
      byVerdict[record.verdict] += 1;
      for (const channel of channels) {
        const judged = record.channels[channel];
        if (judged !== undefined) byChannel[channel][judged.verdict] += 1;
      }
      const evidence = record.verdict === "pass" ? weakestEvidence(record) : undefined;
      if (evidence !== undefined) byEvidence[evidence] += 1;
      const isOfRows = evidence === "all-rows" || evidence === "keys-that-exist";
      if (isOfRows && channels.some((one) => record.channels[one]?.anyTables === true)) anyTables += 1;
      // A waiver accepts a failure; it cannot turn a harness that did not work into one that did.
      if (isWaived(record)) {
        waived += 1;
        waivedByVerdict[record.verdict] += 1;
        if (record.verdict === "error")
          for (const channel of channels)
            if (record.channels[channel]?.verdict === "error") waivedErrors[channel] += 1;
      }
    },
    counts: () =>
      structuredClone({
        cells,
        byVerdict,
        byChannel,
        byEvidence,
        anyTables,
        waived,
        waivedByVerdict,
        ...(waivedByVerdict.error > 0 && { waivedErrors }),
        ...(observed > 0 && { observed }),
      }),
  };
}

/** What a cell that passed rests on: the weaker of its channels. */
export function weakestEvidence({ channels: of }: Pick<CellRecord, "channels">): Evidence | undefined {
  const found = Object.values(of).map(({ evidence = "rows-at-hand" }) => evidences.indexOf(evidence));
  return found.length === 0 ? undefined : evidences[Math.max(...found)];
}

function zeroes(): Record<Verdict, number> {
  return Object.fromEntries(verdicts.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
}
