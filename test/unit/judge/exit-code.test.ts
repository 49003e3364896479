import { describe, expect, it } from "vitest";

import { createTally } from "../../../src/judge/counts.ts";
import { exitCode } from "../../../src/judge/exit-code.ts";
import type { Channel } from "../../../src/model/cell.ts";
import type { Finding } from "../../../src/model/finding.ts";
import type { Verdict } from "../../../src/model/verdict.ts";
import { verdicts } from "../../../src/model/verdict.ts";
import { cell, channel } from "../../fixtures/runs/build.ts";

interface Told {
  readonly verdict: Verdict;
  readonly waived?: boolean;
  /** The error that the waiver names. */
  readonly error?: string;
  /** Both channels as the cell, unless given. */
  readonly on?: Partial<Record<Channel, Verdict>>;
}

function codeOf(told: readonly Told[], findings: readonly Finding[] = []): number {
  const tally = createTally();
  for (const { verdict, waived = false, error, on = { direct: verdict, rest: verdict } } of told) {
    const judged = Object.entries(on).map(([name, of]) => [name, channel(of)]);
    const at = { file: "m.yaml", line: 1, column: 1 };
    const waiver = { reason: "known", expires: "2099-01-01", error, at };
    tally.add(cell({ verdict, waived, waiver, channels: Object.fromEntries(judged) as object }));
  }
  return exitCode(tally.counts(), findings);
}

const pass: Told = { verdict: "pass" };
const note: Finding = { kind: "rest-not-probed", reason: "none" };
const failure: Finding = { kind: "immutable-reads-setting", function: "f" };
const error: Finding = { kind: "no-privileged-connection", login: "app" };

const chain: Finding = {
  kind: "escalation",
  personas: ["ana"],
  steps: ["delete from public.blocks"],
  chains: 1,
  gains: [{ what: "select public.docs", rows: 1, examples: ["2"] }],
  reproduce: "begin;",
};

describe("the exit code", () => {
  it.each<[name: string, cells: readonly Told[], findings: readonly Finding[], code: 0 | 1 | 2]>([
    ["everything passed", [pass, pass], [], 0],
    ["skips do not count", [pass, { verdict: "skipped" }], [], 0],
    ["a note does not count", [pass], [note], 0],
    ["a waived failure does not count", [pass, { verdict: "leak", waived: true }], [], 0],
    ["an error that its waiver names", [pass, { verdict: "error", waived: true, error: "42883" }], [], 0],
    ["an error that its waiver does not name", [pass, { verdict: "error", waived: true }], [], 2],
    [
      "an error beside one that its waiver names",
      [{ verdict: "error", waived: true, error: "42883" }, { verdict: "error" }],
      [],
      2,
    ],
    ["no cell", [], [], 2],
    ["nothing but skips", [{ verdict: "skipped" }], [], 2],
    [
      "a skipped cell that one channel proved",
      [{ verdict: "skipped", on: { direct: "pass", rest: "skipped" } }],
      [],
      0,
    ],
    ["cells that no channel answered for", [{ verdict: "pass", on: {} }], [], 2],
    ["a leak", [pass, { verdict: "leak" }], [], 1],
    ["a leak beside an error", [{ verdict: "error" }, { verdict: "leak" }], [], 1],
    ["a leak beside a finding that is an error", [{ verdict: "leak" }], [error], 1],
    ["a leak that is a finding, beside an error", [{ verdict: "error" }], [chain, error], 1],
    ["a lockout beside an error", [{ verdict: "error" }, { verdict: "lockout" }], [], 2],
    ["a finding that is a failure", [pass], [failure], 1],
    ["a finding that is an error", [pass], [failure, error], 2],
    ["no waiver covers an error", [pass, { verdict: "error", waived: true }], [], 2],
    [
      "a waived leak does not hide the error of the other channel",
      [{ verdict: "leak", waived: true, on: { direct: "leak", rest: "error" } }],
      [],
      2,
    ],
    ["a waived leak beside another", [{ verdict: "leak", waived: true }, { verdict: "leak" }], [], 1],
    [
      "a waived leak does not cover a lockout",
      [{ verdict: "leak", waived: true }, { verdict: "lockout" }],
      [],
      1,
    ],
    [
      "every failure waived and nothing else",
      [
        { verdict: "vacuous", waived: true },
        { verdict: "inconclusive", waived: true },
      ],
      [],
      0,
    ],
  ])("%s", (_name, cells, findings, code) => {
    expect(codeOf(cells, findings)).toBe(code);
  });

  const alone: Record<Verdict, 0 | 1 | 2> = {
    pass: 0,
    skipped: 0,
    inconclusive: 1,
    vacuous: 1,
    lockout: 1,
    error: 2,
    diverged: 1,
    leak: 1,
  };
  it.each(verdicts)("one %s beside a pass", (verdict) => {
    expect(codeOf([pass, { verdict }])).toBe(alone[verdict]);
  });
});

describe("the counts", () => {
  it("count each cell once, each channel for itself, and a waived cell in both places", () => {
    const tally = createTally();
    tally.add(cell());
    tally.add(
      cell({ verdict: "leak", waived: true, channels: { direct: channel("leak"), rest: channel("pass") } }),
    );
    tally.add(cell({ verdict: "error", waived: true, channels: { direct: channel("error") } }));
    const counts = tally.counts();
    expect(counts.cells).toBe(3);
    expect(counts.byVerdict).toMatchObject({ pass: 1, leak: 1, error: 1, skipped: 0 });
    expect(counts.byChannel.direct).toMatchObject({ pass: 1, leak: 1, error: 1 });
    expect(counts.byChannel.rest).toMatchObject({ pass: 2, leak: 0, error: 0 });
    expect(counts.waived).toBe(1);
    expect(counts.waivedByVerdict).toMatchObject({ leak: 1, error: 0 });
  });

  it("gives counts that later cells do not change", () => {
    const tally = createTally();
    const before = tally.counts();
    tally.add(cell());
    expect(before.byVerdict.pass).toBe(0);
    expect(tally.counts().byVerdict.pass).toBe(1);
  });
});
