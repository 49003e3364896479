import { describe, expect, it } from "vitest";

import type { CellRecord } from "../../../src/model/run.ts";
import { archivedRun } from "../../../src/report/archived-run.ts";
import { jsonReport } from "../../../src/report/json.ts";
import { failures } from "../../fixtures/runs/failures.ts";
import { hostile, nothing, staging } from "../../fixtures/runs/others.ts";
import { render } from "./render.ts";

/** As it is once JSON has dropped what is undefined. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe("the JSON report", () => {
  it.each([
    ["failures", failures],
    ["staging", staging],
    ["hostile", hostile],
    ["nothing", nothing],
  ])("%s: one document, the run and what failed", async (_name, { run, cells }) => {
    const failing = cells.filter((cell) => cell.verdict !== "pass" && cell.verdict !== "skipped");
    const text = await render("json", { run, cells });
    expect(JSON.parse(text)).toEqual(plain({ run, cells: failing }));
    expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  });

  it("holds every cell when asked", async () => {
    const text = await render("json", failures, { verbose: true });
    expect(JSON.parse(text)).toEqual(plain(failures));
  });

  it("takes no cell before the last piece has been taken", async () => {
    let taken = 0;
    async function* endless(): AsyncGenerator<CellRecord> {
      for (const cell of failures.cells) {
        taken += 1;
        yield await Promise.resolve(cell);
      }
    }
    const pieces = jsonReport(archivedRun(failures.run, "a", endless), { verbose: true });
    await pieces.next();
    expect(taken).toBe(0);
    await pieces.next();
    expect(taken).toBe(1);
  });
});
