import { channels } from "../../model/cell.ts";
import type { CellRecord, RunRecord } from "../../model/run.ts";
import { verdicts } from "../../model/verdict.ts";
import { who } from "../ending.ts";
import { clean, oneLine } from "../text.ts";
import { cellName } from "../words.ts";
import type { CellEncoder } from "./cells.ts";
import type { AgainstView, Place } from "./data.ts";

interface Before {
  readonly name: string;
  readonly verdict: Place;
  readonly answers: readonly Place[];
}

/** Lays another run's cells beside this one's, by their ids. */
export function createAgainst(cells: CellEncoder): {
  readonly before: (cell: CellRecord) => void;
  readonly now: (cell: CellRecord, place: Place) => void;
  readonly view: (run: RunRecord) => AgainstView;
} {
  const left = new Map<string, Before>();
  const verdict: Place[] = [];
  const answers: Place[][] = channels.map(() => []);
  return {
    before: (cell) => {
      const given = channels.map((channel) => {
        const record = cell.channels[channel];
        return record === undefined ? -1 : cells.answer(record, cell.column);
      });
      left.set(cell.id, { name: cellName(cell), verdict: verdicts.indexOf(cell.verdict), answers: given });
    },
    now: (cell, place) => {
      const before = left.get(cell.id);
      left.delete(cell.id);
      verdict[place] = before?.verdict ?? -1;
      answers.forEach((column, index) => (column[place] = before?.answers[index] ?? -1));
    },
    view: (run) => ({
      title: oneLine(`${run.matrix.name} on ${who(run)}`),
      id: clean(run.id),
      finishedAt: clean(run.finishedAt),
      verdict,
      answers,
      gone: [...left.values()].map((one) => ({ name: one.name, verdict: one.verdict })),
    }),
  };
}
