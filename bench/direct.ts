import path from "node:path";
import type { Target } from "../dist/model/target.js";
import { buildSystem, settle } from "./database.ts";
import { detectPgTap } from "./debian.ts";
import { rate, type Row, seconds, type StageResult } from "./figures.ts";
import { directTarget, forget, writeMatrix } from "./laboratory.ts";
import type { Options } from "./options.ts";
import type { SampleFigures, SampleOrder } from "./orders.ts";
import { type PgTapSuite, runPgTap, writePgTapSuite } from "./pgtap.ts";
import { median, sample } from "./sample.ts";
import { startDebianServer, startEmbeddedServer } from "./server.ts";
import { cellsOf, fourOperations, operationsPerPair, relationsOf, type Shape } from "./shape.ts";
import { type TimedRun, timedChild, timedRun } from "./spawn-child.ts";

interface Round {
  readonly ours: TimedRun;
  readonly fiveStep: SampleFigures;
  readonly oneCandidate: SampleFigures;
  readonly pgTapMs: number | undefined;
}

interface Bench {
  readonly options: Options;
  readonly shape: Shape;
  readonly folder: string;
  readonly target: Target;
  readonly matrixFile: string;
}

/** The direct channel beside one client in five steps, and beside pgTAP: one server, round after round. */
export async function benchDirect(options: Options, folder: string): Promise<StageResult> {
  const detected = detectPgTap();
  const server = detected.found ? await startDebianServer(detected.found) : await startEmbeddedServer();
  try {
    const shape = { personas: options.personas, relations: options.relations };
    const target = directTarget(await buildSystem(server.database, "bench", shape));
    const matrixFile = writeMatrix(folder, "direct", shape);
    const bench: Bench = { options, shape, folder, target, matrixFile };
    const pgProve = detected.found?.pgProve;
    const suite = pgProve === undefined ? undefined : await writeSuite(bench);
    const rounds: Round[] = [];
    for (let round = 0; round < options.rounds; round++) {
      rounds.push({
        ours: await ourRun(bench),
        fiveStep: await byHand(bench, round, Number.MAX_SAFE_INTEGER),
        oneCandidate: await byHand(bench, round, 1),
        pgTapMs:
          pgProve === undefined || suite === undefined ? undefined : await pgTap(bench, pgProve, suite),
      });
    }
    const missing = detected.found === undefined ? [`pgTAP was not measured: ${detected.missing}.`] : [];
    return {
      rows: rowsOf(rounds, suite, shape),
      notes: [`Direct channel and what stands beside it: ${server.label}.`, ...missing],
      raw: { server: server.label, shape, pgTapCells: suite?.cells, rounds },
    };
  } finally {
    await server.stop();
  }
}

async function ourRun({ target, matrixFile, folder }: Bench): Promise<TimedRun> {
  await settle(target.database);
  const logs = path.join(folder, "logs");
  const ran = await timedRun({
    target,
    matrixFile,
    logs,
    only: [fourOperations],
    channels: ["direct"],
    recordTo: undefined,
  });
  forget(ran.archive);
  return ran;
}

async function byHand(bench: Bench, seed: number, candidatesAtMost: number): Promise<SampleFigures> {
  const { target, matrixFile, options, shape } = bench;
  await settle(target.database);
  const wanted = Math.ceil((2 * options.fiveStepCells) / (shape.personas * operationsPerPair));
  const order: SampleOrder = {
    target,
    matrixFile,
    only: fourOperations,
    relations: sample(relationsOf(shape), wanted, seed),
    cells: options.fiveStepCells,
    seed,
    candidatesAtMost,
  };
  const { output } = await timedChild("child-five-step.js", JSON.stringify(order));
  const figures = JSON.parse(output) as SampleFigures;
  if (figures.passed !== figures.cells) {
    throw new Error(`by hand, ${figures.cells - figures.passed} of ${figures.cells} cells did not hold`);
  }
  return figures;
}

async function writeSuite({ target, matrixFile, options, shape, folder }: Bench): Promise<PgTapSuite> {
  const wanted = Math.ceil(options.pgTapCells / (shape.personas * operationsPerPair));
  const relations = sample(relationsOf(shape), wanted, 1);
  return writePgTapSuite(target, matrixFile, fourOperations, relations, path.join(folder, "pgtap"));
}

async function pgTap({ target }: Bench, pgProve: string, suite: PgTapSuite): Promise<number> {
  await settle(target.database);
  return runPgTap(pgProve, suite, target.database);
}

function rowsOf(rounds: readonly Round[], suite: PgTapSuite | undefined, shape: Shape): readonly Row[] {
  const total = cellsOf(shape);
  const ours = rounds.map((round) => perSecond(total, round.ours.wholeMs));
  const compared = (what: string, theirs: readonly number[], atLeast: number | undefined): Row => ({
    what,
    ours: rate(median(ours), "cells"),
    theirs: rate(median(theirs), "cells"),
    ratio: median(ours.map((own, index) => own / (theirs[index] ?? Number.NaN))),
    budget: atLeast === undefined ? undefined : { bound: "at least", value: atLeast },
  });
  const byHandRates = (key: "fiveStep" | "oneCandidate"): readonly number[] =>
    rounds.map((round) => perSecond(round[key].cells, round[key].milliseconds));
  const size = `${total.toLocaleString("en")} direct cells`;
  const whole = seconds(median(rounds.map((round) => round.ours.wholeMs)));
  const taps = rounds.flatMap(({ pgTapMs }) => (pgTapMs === undefined ? [] : [pgTapMs]));
  return [
    compared(`${size} (${whole}) beside one client, five steps`, byHandRates("fiveStep"), 12),
    compared(
      "  the same, by hand with one candidate an INSERT (proves less)",
      byHandRates("oneCandidate"),
      undefined,
    ),
    ...(suite === undefined
      ? []
      : [
          compared(
            `${size} beside pgTAP, pg_prove -j2`,
            taps.map((ms) => perSecond(suite.cells, ms)),
            5,
          ),
        ]),
    perCell("round trips a direct cell", rounds, (round) => round.ours.roundTrips.direct / total, 0.01),
    perCell(
      "  the same, every message of the whole process",
      rounds,
      (round) => round.ours.messages / total,
      undefined,
    ),
  ];
}

function perCell(
  what: string,
  rounds: readonly Round[],
  of: (round: Round) => number,
  atMost: number | undefined,
): Row {
  const ours = median(rounds.map(of));
  const theirs = median(rounds.map(({ fiveStep }) => fiveStep.roundTrips / fiveStep.cells));
  return {
    what,
    ours: ours.toFixed(4),
    theirs: `${theirs.toFixed(2)} by hand`,
    ratio: ours,
    budget: atMost === undefined ? undefined : { bound: "at most", value: atMost },
  };
}

function perSecond(count: number, milliseconds: number): number {
  return (1000 * count) / milliseconds;
}
