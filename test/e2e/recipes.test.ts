import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { prove } from "../support/prove.ts";
import { oneServer } from "./proof/proof.ts";

const text = readFileSync(new URL("../../docs/matrix.md", import.meta.url), "utf8");
const recipe =
  /^### (\d+\. .*)\n[^]*?^```sql\n([^]*?)^```\n+```yaml\n([^]*?)^```\n[^]*?^```sql\n([^]*?)^```$/gm;
const recipes = [...text.matchAll(recipe)].map(([, name = "", sql = "", matrix = "", flaw = ""]) => ({
  name,
  sql,
  matrix,
  flaw,
}));

test("there are ten recipes", () => {
  expect(recipes).toHaveLength(10);
});

const server = oneServer();

test.each(recipes)("$name: passes as it stands, and its flaw fails it", async ({ sql, matrix, flaw }) => {
  const seen = async (all: string): Promise<{ exit: number; failing: readonly string[] }> => {
    const { run, cells } = await prove({
      server: server(),
      sql: all,
      matrix,
      channels: ["direct"],
      proof: "all-rows",
    });
    const failing = [...cells.values()].filter(({ verdict }) => verdict !== "pass");
    return { exit: run.exitCode, failing: failing.map(({ id, verdict }) => `${verdict} ${id}`) };
  };
  expect(await seen(sql)).toEqual({ exit: 0, failing: [] });
  const flawed = await seen(`${sql}\n${flaw}`);
  expect(flawed.exit).toBe(1);
  expect(flawed.failing.some((one) => one.startsWith("leak "))).toBe(true);
});
