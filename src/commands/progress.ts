import type { RunEvents } from "../run.ts";
import type { CellRecord } from "../model/run.ts";
import { type Verdict, verdicts } from "../model/verdict.ts";
import { firstVerdict, isMilestone, progressBar, progressText } from "../report/progress.ts";
import type { TextSink } from "./environment.ts";

/** A bar on a terminal, a line now and then in a log. */
export function showProgress(sink: TextSink, silent: boolean): RunEvents & { readonly end: () => void } {
  if (silent) return { end: () => {} };
  const byVerdict = Object.fromEntries(verdicts.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
  let done = 0;
  let total = 0;
  let drawn = 0;
  const draw = (): void => sink.write(`\r${progressBar({ done, total, byVerdict }, sink.columns - 1)}`);
  const onTerminal = (): void => {
    const now = performance.now();
    if (now - drawn < 80 && done < total) return;
    drawn = now;
    draw();
  };
  return {
    planned: (cells) => {
      total = cells;
    },
    cell: (record: CellRecord) => {
      done += 1;
      byVerdict[record.verdict] += 1;
      if (done === 1) sink.write(`${firstVerdict(record, sink.columns - 1)}\n`);
      if (sink.isTerminal) onTerminal();
      else if (isMilestone(done - 1, done, total))
        sink.write(`${progressText({ done, total, byVerdict })}\n`);
    },
    end: () => {
      if (sink.isTerminal && done > 0) sink.write(`\r${" ".repeat(sink.columns - 1)}\r`);
    },
  };
}
