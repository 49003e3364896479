import Table from "cli-table3";
import { isMet, type Row } from "./figures.ts";

export function tableOf(rows: readonly Row[]): string {
  const table = new Table({
    head: ["what", "rowgate", "beside it", "ratio", "budget", "met"],
    colAligns: ["left", "right", "right", "right", "right", "left"],
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    const { budget, ratio } = row;
    const met = isMet(row);
    table.push([
      row.what,
      row.ours,
      row.theirs,
      ratio === undefined ? "" : shown(ratio),
      budget === undefined ? "" : `${budget.bound} ${budget.value}`,
      met === undefined ? "" : met ? "yes" : "NO",
    ]);
  }
  return table.toString();
}

function shown(ratio: number): string {
  return ratio < 0.1 ? ratio.toFixed(4) : ratio.toFixed(2);
}
