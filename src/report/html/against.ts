import { type CellChange, CellComparison } from "../../diff/cells.ts";
import { isUndeclared, newLeaks } from "../../diff/diff.ts";
import { ruleChanges } from "../../diff/rules.ts";
import { gainText, reachText } from "../../diff/text.ts";
import { channels } from "../../model/cell.ts";
import type { CellRecord } from "../../model/run.ts";
import { verdicts } from "../../model/verdict.ts";
import type { ArchivedRun } from "../archived-run.ts";
import { who } from "../ending.ts";
import { clean, oneLine } from "../text.ts";
import { isFailing } from "../words.ts";
import type { CellEncoder } from "./cells.ts";
import type { AgainstView, ChangeKindView, Place } from "./data.ts";

/** A kind of change, and which cells are of it: each is of the first that fits. */
interface Kind extends ChangeKindView {
  readonly fits: (change: Change) => boolean;
}
interface Change extends CellChange {
  readonly cell: CellRecord;
  /** A channel came back with something else. */
  readonly others: boolean;
}

const failed = ({ before }: Change): boolean => before !== undefined && isFailing(before);
const kinds: readonly Kind[] = [
  {
    name: "gained access that no change of the matrix declares",
    bad: true,
    fits: ({ gained }) => gained !== undefined && isUndeclared(gained),
  },
  {
    name: "now failing",
    bad: true,
    fits: (one) => one.before !== undefined && !failed(one) && isFailing(one.cell.verdict),
  },
  { name: "new cells", bad: false, fits: ({ before }) => before === undefined },
  { name: "gained access, as declared", bad: false, fits: ({ gained }) => gained !== undefined },
  { name: "lost access", bad: false, fits: ({ lost }) => lost !== undefined },
  { name: "not known any more", bad: true, fits: ({ known }) => known === "before only" },
  { name: "no longer failing", bad: false, fits: (one) => failed(one) && !isFailing(one.cell.verdict) },
  { name: "other verdict", bad: false, fits: ({ before, cell }) => before !== cell.verdict },
  { name: "same verdict, other answers", bad: false, fits: ({ others }) => others },
];

/** Lays another run's cells beside this one's, by their ids; `rowgate diff` compares them in the same way. */
export function createAgainst(cells: CellEncoder): {
  readonly before: (cell: CellRecord) => void;
  readonly now: (cell: CellRecord, place: Place) => void;
  readonly view: (run: ArchivedRun, now: ArchivedRun) => Promise<AgainstView>;
} {
  const comparison = new CellComparison();
  const given = new Map<string, readonly Place[]>();
  const verdict: Place[] = [];
  const answers: Place[][] = channels.map(() => []);
  const kind: Place[] = [];
  const access: Record<number, string> = {};
  const answersOf = (cell: CellRecord): readonly Place[] =>
    channels.map((channel) => {
      const record = cell.channels[channel];
      return record === undefined ? -1 : cells.answer(record, cell.column);
    });
  return {
    before: (cell) => {
      comparison.addEarlier(cell);
      given.set(cell.id, answersOf(cell));
    },
    now: (cell, place) => {
      const change = comparison.compare(cell);
      const earlier = given.get(cell.id) ?? [];
      const others = answersOf(cell).some(
        (now, index) => cells.what(now) !== cells.what(earlier[index] ?? -1),
      );
      verdict[place] = change.before === undefined ? -1 : verdicts.indexOf(change.before);
      answers.forEach((column, index) => (column[place] = earlier[index] ?? -1));
      kind[place] = kinds.findIndex(({ fits }) => fits({ ...change, cell, others }));
      if (kind[place] === -1) return;
      const text = accessText(change);
      if (text !== "") access[place] = oneLine(text);
    },
    view: async ({ run, catalog }, now) => {
      const [was, is] = [await catalog?.(), await now.catalog?.()];
      return {
        title: oneLine(`${run.matrix.name} on ${who(run)}`),
        id: clean(run.id),
        finishedAt: clean(run.finishedAt),
        verdict,
        answers,
        kinds: kinds.map(({ name, bad }) => ({ name, bad })),
        kind,
        access,
        gone: comparison.left.map((one) => ({ name: clean(one.id), verdict: verdicts.indexOf(one.verdict) })),
        leaks: newLeaks(run, now.run).map(oneLine),
        rules: was === undefined || is === undefined ? [] : ruleChanges(was, is).map(oneLine),
      };
    },
  };
}

function accessText({ gained, lost }: CellChange): string {
  const gain = gained === undefined ? [] : [`${reachText(gained)}${gainText(gained)}`];
  return [...gain, ...(lost === undefined ? [] : [reachText(lost)])].join("; ");
}
