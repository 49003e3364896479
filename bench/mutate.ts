import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { MutationRecord } from "../dist/model/mutation.js";
import { rate, type Row, type StageResult } from "./figures.ts";
import type { Options } from "./options.ts";
import { median } from "./sample.ts";
import { project, systems } from "./system-run.ts";

/** Changes a second of `rowgate mutate`: of its whole run, and of the part in which changes are tried. */
export async function benchMutate({ rounds }: Options): Promise<StageResult> {
  const rows: Row[] = [];
  const raw: Record<string, unknown> = {};
  for (const system of systems) {
    const records: Measured[] = [];
    for (let round = 0; round < rounds; round++) records.push(await mutated(system));
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
    raw[system] = records;
  }
  return { rows, notes: [], raw };
}

type Measured = Pick<MutationRecord, "milliseconds" | "phases"> & { readonly mutants: number };

async function mutated(system: string): Promise<Measured> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["dist/cli.js", "mutate", `matrices/${system}.yaml`, "--json", "--anew"],
    { cwd: project, maxBuffer: 2 ** 30 },
  );
  const { milliseconds, phases, mutants } = JSON.parse(stdout) as MutationRecord;
  return { milliseconds, phases, mutants: mutants.length };
}
