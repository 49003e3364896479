import { grouped } from "../lib/grouped.ts";
import type { Operation } from "../model/matrix.ts";
import { operations } from "../model/matrix.ts";
import type { GridRow, GridStore, Mark } from "./grid.ts";
import type { Paint } from "./paint.ts";
import { tableLines } from "./table.ts";
import { clean, columns, cut, hanging, labelled, plural } from "./text.ts";
import { headOf, operationHeads, verdictWords } from "./words.ts";

export interface GridOptions {
  readonly width: number;
  readonly paint: Paint;
  /** The run is large: rows without a failure are left out of every grid, and grids without one altogether. */
  readonly failuresOnly: boolean;
}

/** A relation with more personas than this shows only those with a failure. */
const manyPersonas = 40;

/** One grid for each relation, personas × operations, and each function, personas × calls; and what their signs mean: the wide form. */
export function gridSections(
  store: GridStore,
  order: readonly string[],
  options: GridOptions,
): readonly (readonly string[])[] {
  const present = new Set(store.relations());
  const relations = [...order.filter((name) => present.delete(name)), ...present];
  const shown = relations
    .map((name) => relationLines(name, store, options))
    .filter((lines) => lines.length > 0);
  const hidden = relations.length - shown.length;
  const left = hidden === 0 ? [] : [`${plural(hidden, "relation")} without a failure left out`];
  return [...shown, left, legend(store, options.width)];
}

function relationLines(name: string, store: GridStore, options: GridOptions): readonly string[] {
  const lines = [
    ...operationLines(store.rows(name, "operations"), options),
    ...callLines(name, store, options),
    ...columnLines(name, store, options),
  ];
  if (lines.length === 0) return [];
  const isFunction = store.heads(name, "operations").length === 0 && store.heads(name, "calls").length > 0;
  const title = isFunction ? `${clean(name)} (function)` : clean(name);
  return [...hanging(title, options.width).map((line) => options.paint("strong", line)), ...lines];
}

/** The personas to show, of those that have cells. */
function shownRows(all: readonly GridRow[], { failuresOnly }: GridOptions): readonly GridRow[] {
  const failing = all.filter((row) => [...row.marks.values()].some((mark) => mark.failing));
  return failuresOnly || all.length > manyPersonas ? failing : all;
}

function operationLines(all: readonly GridRow[], options: GridOptions): readonly string[] {
  const folded = foldable(all);
  const rows = shownRows(all, options);
  if (options.failuresOnly && rows.length === 0) return [];
  const used = operations.filter(
    (operation) => !folded.includes(operation) && rows.some((row) => row.marks.has(operation)),
  );
  return [
    ...tables(rows, used, options),
    ...notes(all, rows, folded).flatMap((note) => labelled("", note, options.width, 2, 0)),
  ];
}

/** Personas × calls. */
function callLines(name: string, store: GridStore, options: GridOptions): readonly string[] {
  const all = store.rows(name, "calls");
  const rows = shownRows(all, options);
  if (rows.length === 0 && options.failuresOnly) return [];
  return [
    ...sheetLines(rows, store.heads(name, "calls"), options),
    ...notes(all, rows, []).flatMap((note) => labelled("", note, options.width, 2, 0)),
  ];
}

/** Personas × columns, below the operations. */
function columnLines(name: string, store: GridStore, options: GridOptions): readonly string[] {
  const rows = shownRows(store.rows(name, "columns"), options);
  if (rows.length === 0) return [];
  const used = store.heads(name, "columns").filter((head) => rows.some((row) => row.marks.has(head)));
  return ["  columns", ...sheetLines(rows, used, options)];
}

/** A table grows downwards: what there is more of, personas or heads, is its rows. */
function sheetLines(
  rows: readonly GridRow[],
  used: readonly string[],
  options: GridOptions,
): readonly string[] {
  const sheet = used.length > rows.length ? onItsSide(rows, used) : { rows, used };
  return tables(sheet.rows, sheet.used, options);
}

function onItsSide(
  rows: readonly GridRow[],
  used: readonly string[],
): { readonly rows: readonly GridRow[]; readonly used: readonly string[] } {
  const turned = used.map((name): GridRow => {
    const marks = rows.flatMap((row): readonly (readonly [string, Mark])[] => {
      const mark = row.marks.get(name);
      return mark === undefined ? [] : [[row.name, mark]];
    });
    return { name, marks: new Map(marks) };
  });
  return { rows: turned, used: rows.map(({ name }) => name) };
}

/** Below this many columns a name says little: the operations are then split over several tables. */
const nameColumns = 16;
const gap = 2;
const indent = 2;

/** Stacked when the operations would leave no room for names. */
function tables(rows: readonly GridRow[], used: readonly string[], options: GridOptions): readonly string[] {
  if (rows.length === 0 || used.length === 0) return [];
  const names = rows.map((row) => clean(row.name));
  const room = options.width - indent - neededForNames(names, options.width / 2);
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

function table(rows: readonly GridRow[], used: readonly string[], options: GridOptions): readonly string[] {
  const taken = used.reduce((sum, operation) => sum + gap + columnWidth(rows, operation), 0);
  const names = Math.max(options.width - indent - taken, 2);
  const lines = rows.map((row) => [
    cut(clean(row.name), names),
    ...used.map((operation) => painted(row.marks.get(operation), options.paint)),
  ]);
  return tableLines(["", ...used.map(headOf)], lines, options.paint, gap);
}

function painted(mark: Mark | undefined, paint: Paint): string {
  if (mark === undefined) return "";
  if (mark.waived) return paint("warn", mark.word);
  return paint(mark.half ? "dim" : verdictWords[mark.verdict].tone, mark.word);
}

/** Operations beyond the four that are not listed and denied to every persona: a line says it as well as a column. */
function foldable(rows: readonly GridRow[]): readonly Operation[] {
  const beyond: readonly Operation[] = ["blind_update", "blind_delete", "upsert", "truncate"];
  return beyond.filter(
    (operation) =>
      rows.some((row) => row.marks.has(operation)) &&
      rows.every((row) => row.marks.get(operation)?.deniedByDefault ?? true),
  );
}

function notes(all: readonly GridRow[], shown: readonly GridRow[], folded: readonly Operation[]): string[] {
  const hidden = all.length - shown.length;
  return [
    ...denials(all, folded),
    ...(hidden === 0 ? [] : [`${plural(hidden, "persona")} without a failure left out`]),
  ];
}

/** `upsert, truncate: denied to all 9 personas, proved` */
function denials(all: readonly GridRow[], folded: readonly Operation[]): readonly string[] {
  const byCount = grouped(folded, (operation) => all.filter((row) => row.marks.has(operation)).length);
  return [...byCount].map(([count, alike]) => {
    const heads = alike.map((operation) => operationHeads[operation]);
    const whom = count === all.length ? `all ${plural(count, "persona")}` : plural(count, "persona");
    return `${heads.join(", ")}: denied to ${count === 1 ? "the one persona" : whom}, proved`;
  });
}

/** Only the signs that occur. */
function legend(store: GridStore, width: number): readonly string[] {
  const has = (test: (mark: Mark) => boolean): boolean => store.marks().some(test);
  const blind = store.operations().has("blind_update") || store.operations().has("blind_delete");
  const signs = [
    has((mark) => mark.verdict === "pass") && "lower case: as declared, and proved",
    has((mark) => mark.failing && !mark.waived) && "UPPER CASE: failed",
    has((mark) => mark.waived) && "~: failed, waived",
    has((mark) => mark.half) && "(…): one channel proved it, the other was skipped",
    has((mark) => mark.verdict === "skipped" && !mark.half) && "–: skipped",
    blind && "update*, delete*: blind, reading no column",
  ].filter((sign) => sign !== false);
  return signs.length === 0 ? [] : hanging(signs.join(" · "), width);
}
