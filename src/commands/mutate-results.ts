import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import type { MutantResult } from "../model/mutation.ts";
import type { Reuse } from "../mutate/reuse.ts";
import { packageVersion } from "./systems.ts";

/** Of several states of a matrix and its database; the oldest go first. */
const resultsAtMost = 20_000;

/** What earlier runs of `rowgate mutate` found of a matrix, beside its archives; a file that cannot be read counts as none. */
export async function readReuse(matrix: string, cwd: string): Promise<Reuse> {
  const file = path.resolve(cwd, "logs", "mutation", `${matrix.replaceAll(/[^\w.-]/g, "_")}.json`);
  return {
    known: new Map(await readResults(file)),
    version: await packageVersion(),
    keep: async (results) => {
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(`${file}.new`, JSON.stringify([...results].slice(-resultsAtMost)));
      await rename(`${file}.new`, file);
    },
  };
}

type Entries = readonly (readonly [key: string, result: MutantResult])[];

async function readResults(file: string): Promise<Entries> {
  try {
    const read: unknown = JSON.parse(await readFile(file, "utf8"));
    return Array.isArray(read) ? (read as Entries) : [];
  } catch {
    return [];
  }
}
