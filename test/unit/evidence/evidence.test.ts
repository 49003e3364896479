import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { readControls, startingControls } from "../../../src/evidence/controls.ts";
import {
  type AuditedRun,
  type Evidence,
  evidenceOf,
  factsOf,
  openPoints,
  type Period,
} from "../../../src/evidence/evidence.ts";
import { csvOf, pageOf, tablesOf } from "../../../src/evidence/tables.ts";
import type { CellRecord, RunRecord } from "../../../src/model/run.ts";
import { cell, record } from "../../fixtures/runs/build.ts";

const period: Period = {
  from: "2026-11-02",
  to: "2026-11-05",
  end: "2026-11-06T00:00:00.000Z",
  everyHours: 24,
};
const waiver = { reason: "ticket 7", expires: "2026-11-30", at: cell().at };
const leak = cell({ verdict: "leak" });
const pass = cell();
const other = cell({ persona: "bob" });
const waived = cell({ verdict: "leak", waived: true, waiver });

/** A run on that day of November at 00:00. */
async function on(
  date: number,
  cells: readonly CellRecord[],
  facts: Partial<RunRecord> = {},
  problems: readonly string[] = [],
): Promise<AuditedRun> {
  const two = String(date).padStart(2, "0");
  const id = `202611${two}T000000Z-0000000${date}`;
  const { run } = record(cells, { id, startedAt: `2026-11-${two}T00:00:00.000Z`, ...facts });
  return { id, problems, signedBy: [], facts: problems.length > 0 ? undefined : await factsOf(run, cells) };
}

const filtered = { filters: { only: ["ana/*"], personas: [], channels: ["direct", "rest"] as const } };
const daily = (cells: (date: number) => readonly CellRecord[]): Promise<AuditedRun[]> =>
  Promise.all([2, 3, 4, 5].map((date) => on(date, cells(date))));

function summed(runs: readonly AuditedRun[]): Evidence {
  return evidenceOf(runs, period, { seed: "audit 2026", size: 2 });
}

const ends = (evidence: Evidence): readonly string[] =>
  evidence.exceptions.map(
    ({ what, since, ended }) =>
      `${what} ${since.slice(8, 10)}–${ended === undefined ? "open" : `${ended.at.slice(8, 10)} ${ended.how}`}`,
  );
const select = "ana/public.courses/select";

function rank(id: string): string {
  return createHash("sha256").update(`audit 2026:${id}`).digest("hex");
}

describe("evidence of a period", () => {
  it.each([
    ["nothing failed", () => daily(() => [pass]), [], 0],
    [
      "an exception and its repair",
      () => daily((date) => [date === 3 ? leak : pass]),
      [`${select} 03–04 passed`],
      0,
    ],
    [
      "one that was not probed again stays open",
      () => daily((date) => [date === 3 ? leak : other]),
      [`${select} 03–open`],
      0,
    ],
    [
      "one that was waived",
      () => daily((date) => [date < 4 ? leak : waived]),
      [`${select} 02–04 waived until 2026-11-30: ticket 7`],
      0,
    ],
    [
      "a run that could not do its job resolves nothing",
      async () => [
        ...(await daily((date) => [date === 5 ? leak : pass])),
        await on(6, [pass], { exitCode: 2 }),
        await on(7, [pass]),
      ],
      [`${select} 05–07 passed`],
      0,
    ],
    [
      "one from before the period that was open then, and not one that was over",
      async () => [await on(1, [leak, other]), ...(await daily((date) => [date === 2 ? leak : pass]))],
      [`${select} 01–03 passed`],
      0,
    ],
    ["a day without a run", async () => (await daily(() => [pass])).filter((_, index) => index !== 1), [], 1],
    [
      "a filtered run, one that is not believed and one that could not do its job fill no gap",
      async () => [
        await on(2, [pass]),
        await on(3, [pass], filtered),
        await on(4, [pass], {}, ["run.json is altered"]),
        await on(5, [pass], { exitCode: 2 }),
      ],
      [],
      1,
    ],
    [
      "another target is another series",
      async () => [
        ...(await daily(() => [pass])),
        await on(5, [pass], { target: { ...record([]).run.target, name: "staging" } }),
      ],
      [],
      1,
    ],
  ] as const)("%s", async (_, make, exceptions, gaps) => {
    const evidence = summed(await make());
    expect(ends(evidence)).toEqual(exceptions);
    expect(evidence.gaps).toHaveLength(gaps);
  });

  it("counts what is open, and never nothing for a period without runs", async () => {
    expect(openPoints(summed([]))).toEqual(["no run from 2026-11-02 to 2026-11-05"]);
    expect(openPoints(summed(await daily(() => [pass])))).toEqual([]);
    const damaged = await on(3, [pass], {}, ["run.json is altered"]);
    expect(openPoints(summed([await on(2, [leak]), damaged]))).toEqual([
      "1 runs whose archive is not intact",
      "1 gaps in the schedule",
      "1 exceptions that are not resolved",
    ]);
  });

  it("lists a waiver once, with its reason, its expiry and the runs that used it", async () => {
    expect(summed(await daily((date) => [date > 2 ? waived : pass])).waivers).toEqual([
      expect.objectContaining({
        what: select,
        reason: "ticket 7",
        expires: "2026-11-30",
        firstRun: "20261103T000000Z-00000003",
        lastRun: "20261105T000000Z-00000005",
      }),
    ]);
  });

  it("draws the sample that sha256sum draws with the same seed", async () => {
    const runs = await daily(() => [pass]);
    const drawn = runs.map(({ id }) => id).toSorted((one, two) => (rank(one) < rank(two) ? -1 : 1));
    expect(summed(runs).sample.runs).toEqual(drawn.slice(0, 2));
  });

  it("is a page and CSV in which no name is markup or a formula", async () => {
    const hostile = cell({ persona: '=cmd|"<script>', verdict: "leak" });
    const evidence = summed(await daily(() => [hostile]));
    const tables = tablesOf(evidence, readControls(startingControls, "controls.yaml"));
    expect(pageOf(evidence, tables)).not.toContain("<script>");
    const csv = tables.map(csvOf).join("");
    expect(csv).toContain(`"'=cmd|""<script>/public.courses/select"`);
    expect(csv).toContain("SOC 2,CC6.1,");
  });

  it("refuses a list of controls with mistakes, and says where", () => {
    const wrong = startingControls.replace("[runs, gaps, exceptions]", "[runs, gap]");
    expect(() => readControls(wrong, "controls.yaml")).toThrow(
      expect.objectContaining({
        issues: [
          expect.objectContaining({
            at: expect.objectContaining({ file: "controls.yaml", line: 14 }) as unknown,
          }),
        ],
      }),
    );
  });
});
