import Table from "cli-table3";

import type { GridRow, Mark } from "./grid.ts";
import type { Paint } from "./paint.ts";
import { clean, columns, cut } from "./text.ts";
import { headOf, verdictWords } from "./wording.ts";

export interface TableOptions {
  readonly width: number;
  readonly paint: Paint;
}

/** Below this many columns a name says little: the operations are then split over several tables. */
const nameColumns = 16;
const gap = 2;
const indent = "  ";

/** Stacked when the operations would leave no room for names. */
export function tables(
  rows: readonly GridRow[],
  used: readonly string[],
  options: TableOptions,
): readonly string[] {
  if (rows.length === 0 || used.length === 0) return [];
  const names = rows.map((row) => clean(row.name));
  const room = options.width - indent.length - neededForNames(names, options.width / 2);
  return split(rows, used, room).flatMap((part) => table(rows, part, options));
}

/** Enough for every name, or to tell cut names apart: two rows that look alike would name the wrong persona. */
function neededForNames(names: readonly string[], most: number): number {
  const longest = Math.max(...names.map(columns));
  for (let width = nameColumns; width < Math.min(longest, most); width += 1) {
    if (new Set(names.map((name) => cut(name, width))).size === names.length) return width;
  }
  return Math.min(longest, Math.floor(most));
}

function split(rows: readonly GridRow[], used: readonly string[], room: number): readonly string[][] {
  const parts: string[][] = [[]];
  let left = room;
  for (const operation of used) {
    const needed = gap + columnWidth(rows, operation);
    if (needed > left && parts.at(-1)?.length !== 0) {
      parts.push([]);
      left = room;
    }
    parts.at(-1)?.push(operation);
    left -= needed;
  }
  return parts;
}

function columnWidth(rows: readonly GridRow[], operation: string): number {
  const words = rows.map((row) => columns(row.marks.get(operation)?.word ?? ""));
  return Math.max(columns(headOf(operation)), ...words);
}

function table(rows: readonly GridRow[], used: readonly string[], options: TableOptions): readonly string[] {
  const taken = used.reduce((sum, operation) => sum + gap + columnWidth(rows, operation), 0);
  const names = Math.max(options.width - indent.length - taken, 2);
  const grid = new Table({
    head: ["", ...used.map((operation) => options.paint("dim", headOf(operation)))],
    chars: noBorders,
    style: { head: [], border: [], "padding-left": 0, "padding-right": gap },
  });
  for (const row of rows) {
    const words = used.map((operation) => painted(row.marks.get(operation), options.paint));
    grid.push([cut(clean(row.name), names), ...words]);
  }
  return grid
    .toString()
    .split("\n")
    .map((line) => `${indent}${line.trimEnd()}`);
}

/** Columns speak for themselves, and a log of CI shows spaces as spaces. */
const noBorders = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "",
};

function painted(mark: Mark | undefined, paint: Paint): string {
  if (mark === undefined) return "";
  if (mark.waived) return paint("warn", mark.word);
  return paint(mark.half ? "dim" : verdictWords[mark.verdict].tone, mark.word);
}
