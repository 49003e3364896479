import type { CellRecord } from "../model/run.ts";
import { verdicts } from "../model/verdict.ts";
import { gridWord, isFailing, verdictWords } from "./words.ts";
import { isWaived } from "../model/waived.ts";

/** What a grid shows of a cell. There are a few dozen different ones, however many cells there are. */
export interface Mark {
  readonly word: string;
  readonly verdict: CellRecord["verdict"];
  readonly failing: boolean;
  readonly waived: boolean;
  /** It passed, and the matrix does not list it: denied by default. */
  readonly deniedByDefault: boolean;
  /** One channel proved it, the other was skipped. */
  readonly half: boolean;
  /** How much is declared: every row (or candidate), some, none. */
  readonly extent: "all" | "some" | "none";
}

export const extents: Readonly<Record<CellRecord["expectation"]["kind"], Mark["extent"]>> = {
  allow: "all",
  deny: "none",
  rows: "some",
  within: "some",
  candidates: "some",
};

/** A relation's cells by operation, a function's by call, or those of their columns. */
export const sheets = ["operations", "calls", "columns"] as const;
export type Sheet = (typeof sheets)[number];

export interface GridRow {
  /** Of a persona; in a sheet that lies on its side, of a column. */
  readonly name: string;
  /** By operation, call, column or persona. */
  readonly marks: ReadonlyMap<string, Mark>;
}

/** Keeps every cell of a run in one byte: an array over the personas for each head of each relation's sheets. */
export interface GridStore {
  readonly add: (cell: CellRecord) => void;
  /** `schema.relation` in the order in which the cells came. */
  readonly relations: () => readonly string[];
  /** Operations, calls or columns that occur, in the order in which they came. */
  readonly heads: (relation: string, sheet: Sheet) => readonly string[];
  /** Personas with at least one cell, in the order in which they came. */
  readonly rows: (relation: string, sheet: Sheet) => readonly GridRow[];
  /** Every mark and every operation that occurs: what a legend explains. */
  readonly marks: () => readonly Mark[];
  readonly operations: () => ReadonlySet<string>;
}

type Grid = Map<string, Uint8Array>;

export function createGridStore(): GridStore {
  const personas = new Index<string>();
  const marks = new Index<string>();
  const meanings: Mark[] = [];
  const grids = new Map<string, Record<Sheet, Grid>>();
  const seen = new Set<string>();

  function codeOf(mark: Mark): number {
    const code = marks.of(JSON.stringify(mark));
    meanings[code] ??= mark;
    return code + 1;
  }

  return {
    add: (cell) => {
      const relation = `${cell.schema}.${cell.relation}`;
      const own = grids.get(relation) ?? { operations: new Map(), calls: new Map(), columns: new Map() };
      grids.set(relation, own);
      const [sheet, head] = placeOf(cell);
      const grid = own[sheet];
      const at = personas.of(cell.persona);
      const column = grown(grid.get(head), at);
      grid.set(head, column);
      const mark = markOf(cell);
      // Cells that share a place: the worst is shown.
      if (isWorse(mark, meanings[(column[at] ?? 0) - 1])) column[at] = codeOf(mark);
      seen.add(cell.operation);
    },
    relations: () => [...grids.keys()],
    heads: (relation, sheet) => [...(grids.get(relation)?.[sheet].keys() ?? [])],
    rows: (relation, sheet) =>
      personas.values
        .map((name, index) => ({ name, marks: marksOf(grids.get(relation)?.[sheet], index, meanings) }))
        .filter((row) => row.marks.size > 0),
    marks: () => meanings,
    operations: () => seen,
  };
}

/** A function's column under several calls is one column for each of them. */
function placeOf({ operation, call, column }: CellRecord): readonly [Sheet, string] {
  if (column !== undefined && (operation === "update" || operation === "insert"))
    return ["columns", `${operation} ${column}`];
  if (column !== undefined) return ["columns", call === undefined ? column : `${call}.${column}`];
  return operation === "execute" ? ["calls", call ?? operation] : ["operations", operation];
}

function marksOf(
  grid: Grid | undefined,
  persona: number,
  meanings: readonly Mark[],
): ReadonlyMap<string, Mark> {
  const found = new Map<string, Mark>();
  for (const [head, column] of grid ?? []) {
    const mark = meanings[(column[persona] ?? 0) - 1];
    if (mark !== undefined) found.set(head, mark);
  }
  return found;
}

function markOf(cell: CellRecord): Mark {
  const half =
    cell.verdict === "skipped" && Object.values(cell.channels).some((one) => one.verdict === "pass");
  const failing = isFailing(cell.verdict);
  const passed = cell.verdict === "pass";
  return {
    word: wordOf(cell, half),
    verdict: cell.verdict,
    failing,
    waived: isWaived(cell),
    deniedByDefault: passed && cell.implied && cell.expectation.kind === "deny",
    half,
    extent: extents[cell.expectation.kind],
  };
}

function wordOf(cell: CellRecord, half: boolean): string {
  if (cell.verdict === "pass") return gridWord(cell);
  if (half) return `(${gridWord(cell)})`;
  const word = verdictWords[cell.verdict].grid;
  return isWaived(cell) ? `~${word.toLowerCase()}` : word;
}

function isWorse(mark: Mark, than: Mark | undefined): boolean {
  return than === undefined || verdicts.indexOf(mark.verdict) > verdicts.indexOf(than.verdict);
}

function grown(grid: Uint8Array | undefined, at: number): Uint8Array {
  if (grid !== undefined && at < grid.length) return grid;
  const larger = new Uint8Array(Math.max(16, (at + 1) * 2));
  if (grid !== undefined) larger.set(grid);
  return larger;
}

/** Value → its place in the order of first appearance. */
class Index<T> {
  readonly values: T[] = [];
  readonly #places = new Map<T, number>();

  of(value: T): number {
    const known = this.#places.get(value);
    if (known !== undefined) return known;
    this.#places.set(value, this.values.length);
    return this.values.push(value) - 1;
  }
}
