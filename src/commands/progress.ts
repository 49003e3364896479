import type { RunEvents } from "../run.ts";
import { type Verdict, verdicts } from "../model/verdict.ts";
import { isWaived } from "../model/waived.ts";
import { firstVerdict, isMilestone, progressBar, progressText } from "../report/progress.ts";
import type { TextSink } from "./environment.ts";

export interface ShownProgress extends RunEvents {
  /** Writes something else on the same screen: the bar makes room for it. */
  readonly aside: (write: () => void) => void;
  readonly end: () => void;
}

/** A bar on a terminal, a line now and then in a log; of all runs together. `total`: cells. */
export function showProgress(sink: TextSink, silent: boolean, total: number): ShownProgress {
  if (silent) return { aside: (write) => write(), end: () => {} };
  const byVerdict = Object.fromEntries(verdicts.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
  let done = 0;
  let drawn: number | undefined;
  const draw = (): void => {
    drawn = performance.now();
    sink.write(`\r${progressBar({ done, total, byVerdict }, sink.columns - 1)}`);
  };
  const wipe = (): void => {
    if (drawn !== undefined) sink.write(`\r${" ".repeat(sink.columns - 1)}\r`);
    drawn = undefined;
  };
  const isDue = (): boolean => drawn === undefined || performance.now() - drawn >= 80 || done === total;
  return {
    cell: (record) => {
      done += 1;
      if (!isWaived(record)) byVerdict[record.verdict] += 1;
      if (done === 1) sink.write(`${firstVerdict(record, sink.columns - 1)}\n`);
      if (sink.isTerminal) {
        if (isDue()) draw();
      } else if (isMilestone(done - 1, done, total))
        sink.write(`${progressText({ done, total, byVerdict })}\n`);
    },
    aside: (write) => {
      wipe();
      write();
    },
    end: wipe,
  };
}
