import type { Operation } from "../model/matrix.ts";
import { operations } from "../model/matrix.ts";
import type { CellRecord } from "../model/run.ts";
import { verdicts } from "../model/verdict.ts";
import { gridWord, isFailing, isWaived, verdictWords } from "./wording.ts";

/** What a grid shows of a cell. There are a few dozen different ones, however many cells there are. */
export interface Mark {
  readonly word: string;
  readonly verdict: CellRecord["verdict"];
  readonly failing: boolean;
  readonly waived: boolean;
  /** It passed, and nobody had listed it: denied by default. */
  readonly deniedByDefault: boolean;
  /** One channel proved it, the other was skipped. */
  readonly half: boolean;
}

export interface GridRow {
  readonly persona: string;
  readonly marks: ReadonlyMap<Operation, Mark>;
}

/** Keeps every cell of a run in one byte: persona × operation, an array for each relation. */
export interface GridStore {
  readonly add: (cell: CellRecord) => void;
  /** `schema.relation` in the order in which the cells came. */
  readonly relations: () => readonly string[];
  /** Personas with at least one cell, in the order in which they came. */
  readonly rows: (relation: string) => readonly GridRow[];
  /** Every mark and every operation that occurs: what a legend must explain. */
  readonly marks: () => readonly Mark[];
  readonly operations: () => ReadonlySet<Operation>;
}

export function createGridStore(): GridStore {
  const personas = new Index<string>();
  const marks = new Index<string>();
  const meanings: Mark[] = [];
  const grids = new Map<string, Uint8Array>();
  const seen = new Set<Operation>();

  function codeOf(mark: Mark): number {
    const code = marks.of(JSON.stringify(mark));
    meanings[code] ??= mark;
    return code + 1;
  }

  return {
    add: (cell) => {
      const at = personas.of(cell.persona) * operations.length + operations.indexOf(cell.operation);
      const relation = `${cell.schema}.${cell.relation}`;
      const grid = grown(grids.get(relation), at);
      const mark = markOf(cell);
      // Finer cells (a column, a row) share a place: the worst is what a person must see.
      if (isWorse(mark, meanings[(grid[at] ?? 0) - 1])) grid[at] = codeOf(mark);
      grids.set(relation, grid);
      seen.add(cell.operation);
    },
    relations: () => [...grids.keys()],
    rows: (relation) => {
      const grid = grids.get(relation) ?? new Uint8Array();
      return personas.values
        .map((persona, index) => ({ persona, marks: marksOf(grid, index, meanings) }))
        .filter((row) => row.marks.size > 0);
    },
    marks: () => meanings,
    operations: () => seen,
  };
}

function marksOf(grid: Uint8Array, persona: number, meanings: readonly Mark[]): ReadonlyMap<Operation, Mark> {
  const found = new Map<Operation, Mark>();
  for (const [offset, operation] of operations.entries()) {
    const mark = meanings[(grid[persona * operations.length + offset] ?? 0) - 1];
    if (mark !== undefined) found.set(operation, mark);
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
  };
}

function wordOf(cell: CellRecord, half: boolean): string {
  if (cell.verdict === "pass") return gridWord(cell.expectation);
  if (half) return `(${gridWord(cell.expectation)})`;
  const word = verdictWords[cell.verdict].grid;
  return isWaived(cell) ? `~${word.toLowerCase()}` : word;
}

function isWorse(mark: Mark, than: Mark | undefined): boolean {
  return than === undefined || verdicts.indexOf(mark.verdict) > verdicts.indexOf(than.verdict);
}

function grown(grid: Uint8Array | undefined, at: number): Uint8Array {
  if (grid !== undefined && at < grid.length) return grid;
  const larger = new Uint8Array(Math.max(64, (at + 1) * 2));
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
