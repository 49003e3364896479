import { operations } from "../model/matrix.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import { channelFacts } from "./happened.ts";
import { oneLine } from "./text.ts";
import { causeText, type FailingVerdict, failureOrder, placeName } from "./words.ts";

/** Failing cells of one relation, operation and cause. */
export interface FailureGroup {
  readonly verdict: FailingVerdict;
  /** Cells in it, and the first of them as the matrix orders personas. */
  readonly cells: number;
  readonly shown: readonly CellRecord[];
}

/** Folds failing cells into groups. Memory: a few cells a group, and so many groups. */
export interface Failures {
  readonly add: (cell: CellRecord, verdict: FailingVerdict) => void;
  /** In the order in which a person should look, within it as the matrix has them. */
  readonly groups: () => readonly FailureGroup[];
  /** Cells by verdict beyond the groups that are kept. */
  readonly left: () => ReadonlyMap<FailingVerdict, number>;
}

const mostGroups = 60;

export function createFailures(run: RunRecord, cellsOfAGroup: number): Failures {
  const rank = ranking(run);
  const groups = new Map<string, { verdict: FailingVerdict; cells: number; shown: CellRecord[] }>();
  const left = new Map<FailingVerdict, number>();
  const perVerdict = new Map<FailingVerdict, number>();
  return {
    add: (cell, verdict) => {
      const key = keyOf(cell, verdict);
      const known = groups.get(key);
      if (known !== undefined) {
        known.cells += 1;
        if (known.shown.length < cellsOfAGroup) known.shown.push(cell);
        return;
      }
      const count = perVerdict.get(verdict) ?? 0;
      if (count >= mostGroups) {
        left.set(verdict, (left.get(verdict) ?? 0) + 1);
        return;
      }
      perVerdict.set(verdict, count + 1);
      groups.set(key, { verdict, cells: 1, shown: [cell] });
    },
    groups: () =>
      [...groups.values()]
        .map((group) => ({ ...group, shown: sorted(group.shown, rank) }))
        .toSorted((a, b) => compare(placeOf(a, rank), placeOf(b, rank))),
    left: () => left,
  };
}

type Rank = (cell: CellRecord) => readonly number[];

function placeOf({ verdict, shown: [first] }: FailureGroup, rank: Rank): readonly number[] {
  return [failureOrder.indexOf(verdict), ...(first === undefined ? [] : rank(first))];
}

/** Cells of different columns share a group; of different calls they do not. */
function keyOf(cell: CellRecord, verdict: FailingVerdict): string {
  const place = placeName({ ...cell, column: undefined });
  return JSON.stringify([verdict, place, cell.column === undefined, reasonOf(cell, verdict)]);
}

/** What a person would fix at one place. What names a persona or counts its rows would part what belongs together. */
function reasonOf(cell: CellRecord, verdict: FailingVerdict): string {
  if (cell.cause !== undefined) return causeText(cell.cause).replaceAll(/, [\d,]+ of [\d,]+ rows?/g, "");
  if (verdict === "leak" || verdict === "lockout" || verdict === "diverged")
    return Object.entries(cell.channels)
      .map(([channel, { verdict: own, deniedBy }]) => `${channel} ${own} ${deniedBy ?? ""}`)
      .join("\n");
  return channelFacts(cell)
    .map(({ who, because }) => `${who} ${oneLine(because)}`)
    .join("\n");
}

function ranking(run: RunRecord): Rank {
  const relations = places(run.relations);
  const personas = places(run.personas.map((persona) => persona.name));
  return (cell) => [
    relations(`${cell.schema}.${cell.relation}`),
    operations.indexOf(cell.operation),
    personas(cell.persona),
  ];
}

/** What the run does not name comes last. */
function places(names: readonly string[]): (name: string) => number {
  const known = new Map(names.map((name, index) => [name, index]));
  return (name) => known.get(name) ?? names.length;
}

/** Stable: columns stay in the order in which they came. */
function sorted(cells: readonly CellRecord[], rank: Rank): readonly CellRecord[] {
  return cells.toSorted((a, b) => compare(rank(a), rank(b)));
}

function compare(a: readonly number[], b: readonly number[]): number {
  return a.map((value, index) => value - (b[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
}
