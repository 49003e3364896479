// A bare load generator: recorded requests through an undici pool, in a process of its own.
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { type Dispatcher, Pool } from "undici";
import type { RecordedRequest } from "./http-record.ts";
import type { HttpFigures, LoadOrder } from "./orders.ts";

const order = JSON.parse(await text(process.stdin)) as LoadOrder;
const requests = JSON.parse(readFileSync(order.recording, "utf8")) as readonly RecordedRequest[];
const pool = new Pool(new URL(order.url).origin, { connections: order.concurrency, pipelining: 1 });
const queue = requests.values();
const started = performance.now();
await Promise.all(
  Array.from({ length: order.concurrency }, async () => {
    for (const { method, path, headers } of queue) {
      const answer = await pool.request({
        method: method as Dispatcher.HttpMethod,
        path,
        headers: [...headers],
      });
      await answer.body.arrayBuffer();
    }
  }),
);
const figures: HttpFigures = { requests: requests.length, milliseconds: performance.now() - started };
await pool.close();
process.stdout.write(`${JSON.stringify(figures)}\n`);
