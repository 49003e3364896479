import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { countOutcomes, describeSample, fuzz, isProved, shrink } from "./fuzz.ts";

/** ROWGATE_FUZZ="<first seed> <last seed> <policies a seed> <rows of the pool>": wider than in CI. */
const [first = 1, last = 3, count = 30, rows = 800] = (process.env["ROWGATE_FUZZ"] ?? "")
  .split(" ")
  .filter(Boolean)
  .map(Number);
const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index);

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(() => server.stop());

test.each(seeds)(
  "no proof of seed %i is refuted by a row really put in",
  { timeout: 900_000 },
  async (seed) => {
    const outcomes = await fuzz(server, { seed, count, rows });
    const wrong = outcomes.filter(({ answer, differs }) => isProved(answer) && differs === true);
    const smallest = await Promise.all(
      wrong.slice(0, 1).map(({ sample }) => shrink(server, sample, rows, seed)),
    );
    process.stdout.write(`seed ${seed}: ${JSON.stringify(countOutcomes(outcomes))}\n`);
    expect(smallest.map(describeSample)).toEqual([]);
    // Policies that the proof decides: a change that decided none would pass otherwise.
    expect(countOutcomes(outcomes).proved).toBeGreaterThan(0);
  },
);
