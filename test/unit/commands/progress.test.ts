import { describe, expect, it } from "vitest";
import type { TextSink } from "../../../src/commands/environment.ts";
import { showProgress } from "../../../src/commands/progress.ts";
import { cell } from "../../fixtures/runs/build.ts";

function screen(
  isTerminal: boolean,
): TextSink & { readonly text: () => string; readonly shown: () => string[] } {
  let text = "";
  return {
    isTerminal,
    columns: 60,
    write: (piece) => void (text += piece),
    text: () => text,
    /** What stands on each line once everything is drawn: a carriage return begins the line again. */
    shown: () =>
      text.split("\n").map((line) =>
        line
          .split("\r")
          .reduce((below, above) => above + below.slice(above.length), "")
          .trimEnd(),
      ),
  };
}

describe("progress", () => {
  it("makes room on a terminal for what else is written there, and comes back", () => {
    const sink = screen(true);
    const progress = showProgress(sink, false, 3);
    progress.cell?.(cell({}));
    progress.aside(() => sink.write("a whole report\n"));
    progress.cell?.(cell({}));
    expect(sink.shown().slice(1)).toEqual([
      "a whole report",
      expect.stringMatching(/^\[#+-+\] +66% 2\/3 cells/),
    ]);
    progress.end();
    expect(sink.shown().at(-1)).toBe("");
  });

  it("writes whole lines into a log, a dozen at most", () => {
    const sink = screen(false);
    const progress = showProgress(sink, false, 1000);
    for (let index = 0; index < 1000; index += 1) progress.cell?.(cell({}));
    progress.end();
    expect(sink.text()).not.toContain("\r");
    expect(sink.shown()).toHaveLength(12);
  });

  it("counts no failure that a waiver covers", () => {
    const sink = screen(false);
    const progress = showProgress(sink, false, 2);
    progress.cell?.(cell({ verdict: "inconclusive", waived: true }));
    progress.cell?.(cell({ verdict: "error", waived: true }));
    expect(sink.shown().at(-2)).toBe("100% 2/2 cells, 0 leaks, 1 other failure");
  });

  it("keeps silent when asked to", () => {
    const sink = screen(true);
    const progress = showProgress(sink, true, 1);
    progress.cell?.(cell({}));
    progress.end();
    expect(sink.text()).toBe("");
  });
});
