import path from "node:path";
import { expect, test } from "vitest";
import type { MutationRecord } from "../../src/model/mutation.ts";
import { scoreOf } from "../../src/model/mutation.ts";
import { rowgate } from "../support/cli.ts";

const root = path.resolve(import.meta.dirname, "../..");

/** What survives is listed, with its reason, in docs/systems. */
test("each of the four systems notices at least 95 % of the selective changes that are not shown to change nothing", async () => {
  const { code, out, err } = await rowgate(["mutate", "--json", "--anew", "--min-score", "95"], {
    cwd: root,
  });
  expect(err).toBe("");
  const records = JSON.parse(out) as readonly MutationRecord[];
  const scores = records.map(({ matrix, mutants }) => [matrix, scoreOf(mutants).percent ?? 0] as const);
  expect(scores.map(([matrix]) => matrix).toSorted()).toEqual(["clawtrol", "fne-lms", "helios", "ogelbase"]);
  expect(scores.filter(([, percent]) => percent < 95)).toEqual([]);
  expect(code).toBe(0);
}, 400_000);
