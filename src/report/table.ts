import Table from "cli-table3";
import type { Paint } from "./paint.ts";
import { columns, cut, wrap } from "./text.ts";

const indent = "  ";

/** Columns speak for themselves, and a log of CI shows spaces as spaces. */
const noBorders = Object.fromEntries(
  ["top", "bottom", "left", "mid", "right", "middle"].flatMap((side) => [
    [side, ""],
    ...["left", "mid", "right"].map((end) => [`${side}-${end}`, ""]),
  ]),
) as Record<string, string>;

/** Lines of a table without borders. The cells are clean, and narrow enough: see {@link fitted}. */
export function tableLines(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint,
  gap = 2,
): readonly string[] {
  const table = new Table({
    head: head.map((text) => paint("dim", text)),
    chars: noBorders,
    style: { head: [], border: [], "padding-left": 0, "padding-right": gap },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split("\n")
    .map((line) => `${indent}${line.trimEnd()}`);
}

/**
 * Cells for {@link tableLines}: the first column cut and the last wrapped so that a line fits; `undefined` where too little
 * is left for them. Columns that are empty in every row are left out.
 */
export function fitted(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
): { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] } | undefined {
  const used = head.map((_, index) => index).filter((index) => rows.some((row) => row[index] !== ""));
  const widest = used.map((index) =>
    Math.max(columns(at(head, index)), ...rows.map((row) => columns(at(row, index)))),
  );
  const first = Math.min(widest[0] ?? 0, Math.max(20, Math.floor(width / 4)));
  const fixed =
    widest.slice(1, -1).reduce((sum, one) => sum + one, first) + 2 * (used.length - 1) + indent.length;
  const last = width - fixed;
  if (last < Math.min(widest.at(-1) ?? 0, 16)) return undefined;
  return {
    head: used.map((index) => at(head, index)),
    rows: rows.map((row) =>
      used.map((index, place) =>
        place === 0
          ? cut(at(row, index), first)
          : place === used.length - 1
            ? wrap(at(row, index), last).join("\n")
            : at(row, index),
      ),
    ),
  };
}

function at(row: readonly string[], index: number): string {
  return row[index] ?? "";
}
