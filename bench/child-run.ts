// A process of its own for one run of one matrix: what `rowgate run` does once its target stands.
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { setFlagsFromString } from "node:v8";
import { Client } from "pg";
import { newRunId } from "../dist/archive/id.js";
import { now } from "../dist/lib/clock.js";
import { parseMatrix } from "../dist/matrix/parse.js";
import { dayOf } from "../dist/lib/moment.js";
import { run } from "../dist/run.js";
import { recordRequests } from "./http-record.ts";
import type { RunFigures, RunOrder } from "./orders.ts";

// As cli.ts does.
setFlagsFromString("--heap-growing-percent=75");
const order = JSON.parse(await text(process.stdin)) as RunOrder;
const startedAt = now();
const counted = countMessages();
const http = recordRequests(order.recordTo);
const matrix = parseMatrix(readFileSync(order.matrixFile, "utf8"), order.matrixFile, dayOf(startedAt));
const outcome = await run({
  id: newRunId(new Date(startedAt.wall)),
  startedAt,
  matrix,
  target: order.target,
  inputs: [],
  escalation: "off",
  filters: { only: order.only, personas: [], channels: order.channels },
  logs: order.logs,
  gitCommit: undefined,
  version: "bench",
  startMs: 0,
  environment: {},
});
const { counts, roundTrips, timings } = outcome.run;
const figures: RunFigures = {
  cells: counts.cells,
  passed: counts.byVerdict.pass,
  counts,
  roundTrips,
  messages: counted.messages,
  preflightMs: timings.preflight,
  probeMs: timings.probe,
  peakRss: process.resourceUsage().maxRSS,
  cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1000,
  http: http.finish(),
  archive: outcome.archive,
};
process.stdout.write(`${JSON.stringify(figures)}\n`);

/** Every query of every connection is a message and its answer. */
function countMessages(): { messages: number } {
  const counter = { messages: 0 };
  const { prototype } = Client;
  const query = prototype.query as (...args: unknown[]) => unknown;
  prototype.query = function counting(this: unknown, ...args: unknown[]) {
    counter.messages += 1;
    return query.apply(this, args);
  } as typeof prototype.query;
  return counter;
}
