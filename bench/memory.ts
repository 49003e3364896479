import path from "node:path";
import { buildSystem } from "./database.ts";
import { megabytes, seconds, type StageResult } from "./figures.ts";
import { directTarget, forget, writeMatrix } from "./laboratory.ts";
import type { Options } from "./options.ts";
import { type BenchServer, startEmbeddedServer } from "./server.ts";
import { cellsOf, fourOperations, operationsPerPair, type Shape } from "./shape.ts";
import { type TimedRun, timedRun } from "./spawn-child.ts";

const small: Shape = { personas: 50, relations: 50 };

/** Peak memory of a large run beside that of a small one: each a process of its own. */
export async function benchMemory(options: Options, folder: string): Promise<StageResult> {
  const server = await startEmbeddedServer();
  try {
    const large = largeShape(options.memoryCells);
    const few = await runs(server, small, "few", folder, options.rounds);
    const many = await runs(server, large, "many", folder, 1);
    const [ours, theirs] = [peak(many), peak(few)];
    return {
      rows: [
        {
          what: `peak memory, ${cellsOf(large).toLocaleString("en")} cells beside ${cellsOf(small).toLocaleString("en")}`,
          ours: megabytes(ours),
          theirs: megabytes(theirs),
          ratio: ours / theirs,
          budget: { bound: "at most", value: 1.5 },
        },
      ],
      notes: [
        `${cellsOf(large).toLocaleString("en")} cells: ${large.personas} personas x ${large.relations} relations, ${seconds(many[0]?.wholeMs ?? 0)}.`,
      ],
      raw: { small: few, large: many },
    };
  } finally {
    await server.stop();
  }
}

/** Personas and relations both grow, relations more: a table's rows grow with its members. */
function largeShape(cells: number): Shape {
  const pairs = cells / operationsPerPair;
  const personas = Math.max(10, Math.round(Math.sqrt(pairs / 4) / 10) * 10);
  return { personas, relations: Math.max(1, Math.round(pairs / personas)) };
}

async function runs(
  server: BenchServer,
  shape: Shape,
  name: string,
  folder: string,
  times: number,
): Promise<readonly TimedRun[]> {
  const target = directTarget(await buildSystem(server.database, name, shape));
  const matrixFile = writeMatrix(folder, name, shape);
  const logs = path.join(folder, "logs");
  const ran: TimedRun[] = [];
  for (let time = 0; time < times; time++) {
    const order = {
      target,
      matrixFile,
      logs,
      only: [fourOperations],
      channels: ["direct"],
      recordTo: undefined,
    } as const;
    const one = await timedRun(order);
    forget(one.archive);
    ran.push(one);
  }
  return ran;
}

/** The largest of the large, the smallest of the small would be unkind; the median would hide a peak: the mean of peaks. */
function peak(ran: readonly TimedRun[]): number {
  return ran.reduce((sum, { peakRss }) => sum + peakRss, 0) / ran.length;
}
