import { archivedRun, type ReportOptions } from "../../../src/report/archived-run.ts";
import { type ReportFormat, reporters } from "../../../src/report/reporters.ts";
import type { Recorded } from "../../fixtures/runs/build.ts";

const usual: ReportOptions = { width: 80, colour: false, quiet: false, verbose: false, running: false };

/** What a reporter makes of a recorded run. */
export async function render(
  format: ReportFormat,
  { run, cells }: Recorded,
  options: Partial<ReportOptions> = {},
): Promise<string> {
  const report = await reporters[format]();
  const archive = archivedRun(run, "logs/20261121/20261121T020304Z-0a1b2c3d", () => cells);
  let text = "";
  for await (const piece of report(archive, { ...usual, ...options })) text += piece;
  return text;
}
