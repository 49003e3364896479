import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readdirSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { readCells, readRun } from "../../src/archive/read.ts";
import type { CellRecord } from "../../src/model/run.ts";
import { archivedRun } from "../../src/report/archived-run.ts";
import { htmlReport } from "../../src/report/html/report.ts";
import type { Recorded } from "../fixtures/runs/build.ts";
import { failures } from "../fixtures/runs/failures.ts";
import * as others from "../fixtures/runs/others.ts";

const folder = fileURLToPath(new URL("../fixtures/runs/", import.meta.url));

/** Archives of real runs: flawed variants, and a sound system. */
export const realRuns: readonly string[] = readdirSync(folder).filter((name) =>
  existsSync(path.join(folder, name, "run.json")),
);

/** Runs with something of everything that a report can hold. */
export const madeRuns: Readonly<Record<string, Recorded>> = Object.fromEntries(
  Object.entries({ failures, ...others }).flatMap(([name, run]) =>
    typeof run === "function" ? [] : [[name, run]],
  ),
);

export async function recorded(name: string): Promise<Recorded> {
  const made = madeRuns[name];
  if (made !== undefined) return made;
  const cells: CellRecord[] = [];
  for await (const cell of readCells(path.join(folder, name))) cells.push(cell);
  return { run: await readRun(path.join(folder, name)), cells };
}

export interface Reports extends Disposable {
  /** Writes a run's report; its file's path. */
  readonly write: (run: Recorded, against?: Recorded) => Promise<string>;
}

export function reports(): Reports {
  const place = mkdtempSync(path.join(tmpdir(), "rowgate-html-"));
  let files = 0;
  return {
    write: async (run, against) => {
      const file = path.join(place, `${(files += 1)}.html`);
      writeFileSync(file, await htmlText(run, against));
      return file;
    },
    [Symbol.dispose]: () => rmSync(place, { recursive: true, force: true }),
  };
}

export async function htmlText(run: Recorded, against?: Recorded): Promise<string> {
  const options = { against: against === undefined ? undefined : archived(against) };
  let text = "";
  for await (const piece of htmlReport(archived(run), options)) text += piece;
  return text;
}

function archived({ run, cells }: Recorded): ReturnType<typeof archivedRun> {
  return archivedRun(run, "logs/20261121/20261121T020304Z-0a1b2c3d", () => cells);
}
