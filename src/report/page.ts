import { RowgateError } from "../model/errors.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import { createGridStore } from "./grid.ts";
import { gridSections } from "./grid-text.ts";
import { painter } from "./paint.ts";
import { evidenceText } from "./totals.ts";

/** Lines of a Markdown page that enclose a run's grids. */
const begin = "<!-- grid:begin -->";
const end = "<!-- grid:end -->";

/**
 * A run's grids as the terminal prints them, in 80 columns, without colour, and what its passes rest on. Nothing in them (no time, port, id) changes
 * while the verdicts stay.
 */
export async function gridText(
  { relations, counts }: Pick<RunRecord, "relations" | "counts">,
  cells: Iterable<CellRecord> | AsyncIterable<CellRecord>,
): Promise<string> {
  const store = createGridStore();
  for await (const cell of cells) store.add(cell);
  const sections = gridSections(store, relations, {
    width: 80,
    paint: painter(false),
    failuresOnly: false,
  });
  const evidence = counts.byEvidence === undefined ? [] : [evidenceText(counts.byEvidence, counts.anyTables)];
  return [...sections, evidence]
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

/** The page with this grid instead of the one that it holds. @throws RowgateError `page/no-grid` when it has no place for one */
export function withGrid(page: string, grid: string, file: string): string {
  const [before, rest, ...more] = page.split(begin);
  const [, after, ...others] = rest?.split(end) ?? [];
  if (before === undefined || after === undefined || more.length + others.length > 0) {
    throw new RowgateError({
      code: "page/no-grid",
      message: `${file} has no place for its grid`,
      hint: `write the lines ${begin} and ${end} where it belongs, once each`,
    });
  }
  return `${before}${begin}\n\`\`\`\n${grid}\n\`\`\`\n${end}${after}`;
}
