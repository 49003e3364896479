import { describe, expect, it } from "vitest";

import type { Verdict } from "../../../src/model/verdict.ts";
import { verdicts } from "../../../src/model/verdict.ts";
import { firstVerdict, isMilestone, progressBar, progressText } from "../../../src/report/progress.ts";
import { columns } from "../../../src/report/text.ts";
import { cell } from "../../fixtures/runs/build.ts";
import { leak } from "../../fixtures/runs/failures.ts";
import { hostile } from "../../fixtures/runs/others.ts";

function counted(some: Partial<Record<Verdict, number>>): Record<Verdict, number> {
  return Object.fromEntries(verdicts.map((verdict) => [verdict, some[verdict] ?? 0])) as Record<
    Verdict,
    number
  >;
}

describe("progress", () => {
  it.each([
    [{ done: 0, total: 612, byVerdict: counted({}) }, "  0% 0/612 cells, 0 leaks"],
    [{ done: 153, total: 612, byVerdict: counted({ pass: 152, leak: 1 }) }, " 25% 153/612 cells, 1 leak"],
    [
      { done: 80_000, total: 80_000, byVerdict: counted({ leak: 2, error: 1, vacuous: 3 }) },
      "100% 80,000/80,000 cells, 2 leaks, 4 other failures",
    ],
    [{ done: 0, total: 0, byVerdict: counted({}) }, "  0% 0/0 cells, 0 leaks"],
    // 999 of 1000 is not done.
    [{ done: 999, total: 1000, byVerdict: counted({}) }, " 99% 999/1,000 cells, 0 leaks"],
  ])("as a line: %j", (progress, text) => {
    expect(progressText(progress)).toBe(text);
  });

  it.each([20, 40, 60, 80, 200])("as a bar it fits %i columns", (width) => {
    const bar = progressBar({ done: 306, total: 612, byVerdict: counted({ leak: 1 }) }, width);
    expect(columns(bar)).toBeLessThanOrEqual(width);
  });

  it("as a bar it is as full as the run is far", () => {
    const bar = progressBar({ done: 306, total: 612, byVerdict: counted({}) }, 80);
    expect(bar).toBe(`[${"#".repeat(15)}${"-".repeat(15)}]  50% 306/612 cells, 0 leaks`);
  });

  it("asks for a line at every tenth, once", () => {
    const lines = Array.from({ length: 612 }, (_, done) => isMilestone(done, done + 1, 612));
    expect(lines.filter(Boolean)).toHaveLength(10);
    expect(lines.at(-1)).toBe(true);
    expect(isMilestone(0, 612, 612)).toBe(true);
    expect(isMilestone(0, 0, 0)).toBe(false);
  });

  it("tells the first verdict on one line, whatever the names", () => {
    expect(firstVerdict(cell(), 80)).toBe("first verdict: pass, ana · public.courses · select");
    expect(firstVerdict(leak, 80)).toBe("first verdict: leak, ana · public.courses · select");
    for (const one of hostile.cells) {
      expect(firstVerdict(one, 80)).not.toMatch(/\p{Cc}/u);
      expect(columns(firstVerdict(one, 80))).toBeLessThanOrEqual(80);
    }
  });
});
