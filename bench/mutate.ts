import { execFile } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import type { MutationRecord } from "../dist/model/mutation.js";
import { rate, type Row, type StageResult } from "./figures.ts";
import type { Options } from "./options.ts";
import { median } from "./sample.ts";
import { childrenCpu, project } from "./system-run.ts";

/** The smallest, and one whose cells are many: the other two take minutes. */
const systems = ["clawtrol", "helios"] as const;

/**
 * Changes a second of `rowgate mutate`: of its whole run, and of the part in which changes are tried. The processor's time of a change
 * is what a run takes more than one that reuses each result.
 */
export async function benchMutate({ rounds }: Options, folder: string): Promise<StageResult> {
  const rows: Row[] = [];
  const raw: Record<string, unknown> = {};
  for (const system of systems) {
    const records: Measured[] = [];
    for (let round = 0; round < rounds; round++) records.push(await measured(system, folder));
    const perSecond = (of: (record: Measured) => number): number =>
      median(records.map((record) => (1000 * record.mutants) / of(record)));
    const changes = perSecond(({ phases }) => phases.changes);
    rows.push({
      what: `${system}: changes tried a second, beside one; of the whole run`,
      ours: rate(changes, "changes"),
      theirs: rate(
        perSecond(({ milliseconds }) => milliseconds),
        "changes",
      ),
      ratio: changes,
      budget: { bound: "at least", value: 300 },
    });
    const cpu = median(records.map((record) => record.cpu / record.mutants));
    rows.push({
      what: "  milliseconds of processor a change, its evidence included",
      ours: `${cpu.toFixed(1)} ms`,
      theirs: "",
      ratio: undefined,
      budget: undefined,
    });
    raw[system] = records;
  }
  return { rows, notes: [], raw };
}

interface Measured extends Mutated {
  /** Milliseconds of all changes. */
  readonly cpu: number;
}

async function measured(system: string, folder: string): Promise<Measured> {
  const cwd = await mkdtemp(path.join(folder, "mutate-"));
  const began = childrenCpu();
  const first = await mutated(system, cwd);
  const between = childrenCpu();
  const again = await mutated(system, cwd);
  if (again.reused !== first.mutants) throw new Error(`${system}: ${again.reused} results were reused`);
  return { ...first, cpu: between - began - (childrenCpu() - between) };
}

type Mutated = Pick<MutationRecord, "milliseconds" | "phases" | "reused"> & { readonly mutants: number };

async function mutated(system: string, cwd: string): Promise<Mutated> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [path.join(project, "dist/cli.js"), "mutate", path.join(project, `matrices/${system}.yaml`), "--json"],
    { cwd, maxBuffer: 2 ** 30 },
  );
  const { milliseconds, phases, reused, mutants } = JSON.parse(stdout) as MutationRecord;
  return { milliseconds, phases, reused, mutants: mutants.length };
}
