import { operations } from "../model/matrix.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import type { FailingVerdict } from "./wording.ts";
import { failureOrder } from "./wording.ts";

/** The first few cells of each failing verdict, and how many there were. */
export interface FailureList {
  readonly add: (cell: CellRecord, verdict: FailingVerdict) => void;
  readonly total: () => number;
  /** In the order in which a person should look, within it as the matrix has them. */
  readonly groups: (run: RunRecord) => readonly FailureGroup[];
}

export interface FailureGroup {
  readonly verdict: FailingVerdict;
  readonly shown: readonly CellRecord[];
  readonly left: number;
}

export function createFailureList(shown: number): FailureList {
  const kept = new Map<FailingVerdict, CellRecord[]>();
  const totals = new Map<FailingVerdict, number>();
  return {
    add: (cell, verdict) => {
      totals.set(verdict, (totals.get(verdict) ?? 0) + 1);
      const cells = kept.get(verdict) ?? [];
      if (cells.length < shown) cells.push(cell);
      kept.set(verdict, cells);
    },
    total: () => [...totals.values()].reduce((sum, count) => sum + count, 0),
    groups: (run) =>
      failureOrder
        .filter((verdict) => totals.has(verdict))
        .map((verdict) => {
          const cells = kept.get(verdict) ?? [];
          return { verdict, shown: sorted(cells, run), left: (totals.get(verdict) ?? 0) - cells.length };
        }),
  };
}

function sorted(cells: readonly CellRecord[], run: RunRecord): readonly CellRecord[] {
  const relations = places(run.relations);
  const personas = places(run.personas.map((persona) => persona.name));
  const rank = (cell: CellRecord): readonly number[] => [
    relations(`${cell.schema}.${cell.relation}`),
    personas(cell.persona),
    operations.indexOf(cell.operation),
  ];
  // Stable: columns stay in the order in which they came.
  return cells.toSorted((a, b) => compare(rank(a), rank(b)));
}

/** What the run does not name comes last. */
function places(names: readonly string[]): (name: string) => number {
  const known = new Map(names.map((name, index) => [name, index]));
  return (name) => known.get(name) ?? names.length;
}

function compare(a: readonly number[], b: readonly number[]): number {
  return a.map((value, index) => value - (b[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
}
