// One client, one connection, one statement at a time: the way without rowgate, in a process of its own.
import { text } from "node:stream/consumers";
import { Client } from "pg";
import type { Cell } from "../dist/model/cell.js";
import { type Hand, proveByHand } from "./five-step.ts";
import type { SampleFigures, SampleOrder } from "./orders.ts";
import { plannedCells } from "./planned.ts";
import { sample } from "./sample.ts";

const order = JSON.parse(await text(process.stdin)) as SampleOrder;
const all: Cell[] = [];
for await (const cells of plannedCells(order.target, order.matrixFile, order.only, order.relations))
  all.push(...cells);
const cells = sample(all, order.cells, order.seed);
const client = new Client({ ...order.target.database, ssl: false });
await client.connect();
const hand: Hand = { client, roundTrips: 0 };
// The server's caches are warm before the clock runs, as they are for a run of any length.
for (const cell of cells.slice(0, 200)) await proveByHand(hand, cell, order.candidatesAtMost);
hand.roundTrips = 0;
let passed = 0;
const started = performance.now();
for (const cell of cells) if (await proveByHand(hand, cell, order.candidatesAtMost)) passed += 1;
const figures: SampleFigures = {
  cells: cells.length,
  passed,
  milliseconds: performance.now() - started,
  roundTrips: hand.roundTrips,
};
await client.end();
process.stdout.write(`${JSON.stringify(figures)}\n`);
