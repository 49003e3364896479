import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { countOutcomes, fuzz, isUnsound, proveAndCheck } from "./fuzz.ts";
import { type Expression, random, sqlOf } from "./grammar.ts";
import { describeSample, policyText, type Sample, sampleOf } from "./sample.ts";
import { shrink } from "./shrink.ts";
import { wantedOr } from "./seeds.ts";

const { seeds, count, size: rows } = wantedOr([3, 30, 800]);

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
    const wrong = outcomes.filter(isUnsound);
    const smallest = await Promise.all(
      wrong.slice(0, 1).map(({ sample }) => shrink(server, sample, { rows, seed })),
    );
    process.stdout.write(`seed ${seed}: ${JSON.stringify(countOutcomes(outcomes))}\n`);
    expect(smallest.map(describeSample)).toEqual([]);
    expect(outcomes).toHaveLength(count);
    // Policies that the proof decides: a change that decided none would pass otherwise.
    expect(countOutcomes(outcomes).proved).toBeGreaterThan(0);
  },
);

const one = (text: string, ...parts: readonly Expression[]): Expression => ({ text, parts });

test("of a policy that is wrongly proved, the smallest part that goes wrong is printed", async () => {
  const told = one(
    "($0) or ($1)",
    one("owns(a)"),
    one("($0) and ($1)", one("k like 'f%'"), one("ts < now()")),
  );
  const sample: Sample = {
    ...sampleOf(random(2), "f0"),
    operation: "insert",
    permissive: [told, one("a = b")],
    restrictive: [one("b is not null")],
    declared: undefined,
    seen: one("true"),
    kind: "partitioned",
    ungranted: [],
    to: "fuzz_group",
    self: false,
  };
  // The planted fault: whatever a pattern decides is "proved".
  const planted = {
    rows: 400,
    seed: 1,
    altered: (of: Sample, answer: Parameters<typeof countOutcomes>[0][number]["answer"]) =>
      / like /.test(policyText(of) ?? "")
        ? ({ kind: "all-rows", by: "relaxation", restsOn: { claims: [], time: [], relations: [] } } as const)
        : answer,
  };
  expect((await proveAndCheck(server, [sample], planted)).map(isUnsound)).toEqual([true]);
  const smallest = await shrink(server, sample, planted);
  expect(smallest.permissive.map((of) => sqlOf(of, "t"))).toEqual(["k like 'f%'"]);
  expect(describeSample(smallest)).toBe(
    `insert on a table as ${sample.persona.name}\n  permissive: k like 'f%'\n  declared: deny`,
  );
});
