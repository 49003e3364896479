import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { checkPairs, describePair, fuzzContained } from "./contained.ts";
import type { Expression } from "./grammar.ts";
import { wantedOr } from "./seeds.ts";

const { seeds, count, size: contents } = wantedOr([4, 200, 100]);

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(() => server.stop());

test.each(seeds)(
  "no policy of seed %i that a row set is said to contain lets through a row more, whatever the tables hold",
  { timeout: 900_000 },
  async (seed) => {
    const found = await fuzzContained(server, { seed, count, contents });
    const { taken, contained, unsound } = found;
    process.stdout.write(
      `seed ${seed}: ${JSON.stringify({ taken, contained: contained.length, unsound: unsound.length })}\n`,
    );
    expect(unsound.map((one) => describePair(found, one))).toEqual([]);
    // A grammar that Postgres refuses, or an analysis that never says so, would pass otherwise.
    expect(taken).toBeGreaterThan(count / 2);
    expect(contained.length).toBeGreaterThan(count / 10);
  },
);

const one = (text: string, ...parts: readonly Expression[]): Expression => ({ text, parts });
/** The planted fault: that a column is 1 is not asked. */
const altered = (text: string): string => text.replace("x.a = 1", "true");

test("of a condition of the row set that is overlooked, the smallest pair that goes wrong is printed", async () => {
  const member = (where: Expression): Expression =>
    one("$0 in (select x.a from p x where $1)", one("{t}.a"), where);
  const mine = one("x.u = auth.uid()");
  const asked = one("($0 and $1)", mine, one("x.a = 1"));
  const pair = { policy: one("($0) and ($1)", member(mine), one("{t}.f")), rows: member(asked) };
  const columns = ["a", "u"].map((name) => ({ name, notNull: false }));
  const given = { seed: 1, tables: [{ name: "p", columns }], functions: [] };
  const found = await checkPairs(server, given, [pair], { contents: 50, altered });
  expect(found.unsound.map((each) => describePair(found, each).split("\n").slice(-2))).toEqual([
    [
      "  policy: t.a in (select x.a from p x where true)",
      "  row set: t.a in (select x.a from p x where x.a = 1)",
    ],
  ]);
  const sound = await checkPairs(server, given, [pair], { contents: 50 });
  expect(sound.contained).toEqual([]);
});
