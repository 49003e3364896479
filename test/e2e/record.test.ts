import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { checkAll, checkRun } from "../../src/archive/check.ts";
import { readCatalog } from "../../src/archive/read-catalog.ts";
import { readCells, readRun } from "../../src/archive/read.ts";
import { diffExitCode, type DiffSide, diffRuns, type RunDiff } from "../../src/diff/diff.ts";
import type { CellRecord } from "../../src/model/run.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { rowgate } from "../support/cli.ts";
import { prove } from "../support/prove.ts";

/*
 * What is made of archives, on archives of real runs: of each system a flawed variant and then its good state, whole, in one chain.
 * Each run is made once. What the reports say of real runs is in the variants' tests.
 */
const root = path.resolve(import.meta.dirname, "../..");
const systems = [
  ["clawtrol", "task-moved"],
  ["fne-lms", "lockout"],
  ["helios", "catalogue-open"],
  ["ogelbase", "any-organization"],
] as const;

const made: string[] = [];
const logs = mkdtempSync(path.join(tmpdir(), "rowgate record "));
let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server.stop();
  rmSync(logs, { recursive: true, force: true });
});

interface Planted {
  readonly verdict: string;
  readonly persona: string;
  readonly relation: string;
  readonly operation: string;
}

const read = (...parts: readonly string[]): string => readFileSync(path.join(root, ...parts), "utf8");
const folderOf = (id: string): string => path.join(logs, id.slice(0, 8), id);

describe.each(systems)("%s, after %s was undone", (name, variant) => {
  const flaw = read("policies", name, "flawed", `${variant}.sql`);
  const planted = [...flaw.matchAll(/^-- finds: (.*)$/gm)].map(([, text = ""]) => parse(text) as Planted);
  let [flawed, good]: [string, string] = ["", ""];

  beforeAll(async () => {
    const files = readdirSync(path.join(root, "policies", name)).filter((file) => file.endsWith(".sql"));
    const sql = files.toSorted().map((file) => read("policies", name, file));
    const matrix = read("matrices", `${name}.yaml`);
    const only = [...new Set(planted.map(({ relation }) => `*/${relation}/*`))];
    flawed = (await prove({ server, logs, matrix, sql: [...sql, flaw].join("\n"), only })).run.id;
    // Some columns are shown by rows that are put in, as a run does by default.
    good = (await prove({ server, logs, matrix, sql: sql.join("\n"), proof: "all-rows" })).run.id;
    made.push(flawed, good);
  });

  const compare = async (before: string, after: string): Promise<RunDiff> =>
    diffRuns(await side(before), await side(after));
  const idsOf = (verdict: string): readonly string[] =>
    planted
      .filter((one) => one.verdict === verdict)
      .map(({ persona, relation, operation }) => `${persona}/${relation}/${operation}`);

  test("diff: what the flaw gives and takes, and that its repair takes it back", async () => {
    const [broke, repaired] = [await compare(good, flawed), await compare(flawed, good)];
    const leaks = idsOf("leak");
    expect(changed(broke.gained)).toEqual(expect.arrayContaining([...leaks]));
    expect(changed(repaired.lost)).toEqual(expect.arrayContaining([...leaks]));
    expect(changed(broke.lost)).toEqual(expect.arrayContaining([...idsOf("lockout")]));
    expect(broke.gained.filter(({ declared }) => declared !== "not covered")).toEqual([]);
    expect(diffExitCode(broke)).toBe(leaks.length > 0 ? 1 : 0);
    expect(broke.rules.length).toBeGreaterThan(0);
    expect(repaired.rules).toHaveLength(broke.rules.length);
  });

  test("diff: nothing differs from itself", async () => {
    const same = await compare(good, good);
    expect(diffExitCode(same)).toBe(0);
    expect([same.gained, same.lost, same.verdicts, same.unknown, same.rules, same.leaks].flat()).toEqual([]);
    expect(same.compared).toBeGreaterThan(0);
  });

  test("verify: a byte that differs is found in whatever file it is, and nothing else is reported", async () => {
    const dir = folderOf(good);
    const check = async (): Promise<readonly string[]> => (await checkRun(logs, dir, good, [])).problems;
    expect(await check()).toEqual([]);
    const files = readdirSync(dir);
    expect(files).toHaveLength(7);
    for (const file of files) await whereverFlipped(path.join(dir, file), check);
    expect(await check()).toEqual([]);
  });
});

describe("all of them in one chain", () => {
  const check = async (): Promise<readonly string[]> => {
    const { runs, problems } = await checkAll(logs, []);
    return [
      ...problems,
      ...runs.flatMap((one) => [...one.problems, ...(one.chain === "chained" ? [] : [one.chain])]),
    ];
  };

  test("verify: intact, and a byte that differs in the chain or its checkpoint is found", async () => {
    expect((await checkAll(logs, [])).runs).toHaveLength(2 * systems.length);
    expect(await check()).toEqual([]);
    for (const file of ["chain.txt", "checkpoint"]) await whereverFlipped(path.join(logs, file), check);
  });

  test("evidence: the flaws are exceptions, and each is resolved by the run of the good state", async () => {
    const out = path.join(logs, "evidence");
    const period = ["--from", day(1), "--to", day(0), "--every", "72"];
    const shown = await rowgate(["evidence", ...period, "--logs", logs, "--out", out], { cwd: root });
    expect(shown, shown.out).toMatchObject({ code: 0, err: "" });
    expect(shown.out).toContain(`${2 * systems.length} runs; nothing is open`);
    const rows = readFileSync(path.join(out, "exceptions.csv"), "utf8").trim().split("\r\n").slice(1);
    const failing: string[] = [];
    for (const id of made)
      for (const { id: cell, verdict } of await cellsOf(folderOf(id)))
        if (verdict !== "pass") failing.push(cell);
    expect(failing.length).toBeGreaterThan(systems.length);
    for (const cell of failing)
      expect(rows.filter((row) => row.includes(`,${cell},`) && row.endsWith(",passed"))).toHaveLength(1);
  });
});

function changed(changes: RunDiff["gained"]): readonly string[] {
  return changes.map(({ cell }) => cell);
}

/** `2026-11-30` */
function day(before: number): string {
  return new Date(Date.now() - before * 86_400_000).toISOString().slice(0, 10);
}

async function side(id: string): Promise<DiffSide> {
  const dir = folderOf(id);
  const catalog = await readCatalog(dir);
  if (catalog === undefined) throw new Error(`${dir} has no catalogue`);
  return { run: await readRun(dir), catalog, cells: () => readCells(dir) };
}

async function cellsOf(dir: string): Promise<readonly CellRecord[]> {
  const cells: CellRecord[] = [];
  for await (const cell of readCells(dir)) cells.push(cell);
  return cells;
}

/** Flips a bit of the first, of the last and of three bytes between them, one at a time. */
async function whereverFlipped(file: string, problems: () => Promise<readonly string[]>): Promise<void> {
  const bytes = readFileSync(file);
  const places = [0, 0.2, 0.5, 0.8, 1].map((part) => Math.floor(part * (bytes.length - 1)));
  for (const place of places) {
    const altered = Buffer.from(bytes);
    altered[place] = (altered[place] ?? 0) ^ 1;
    writeFileSync(file, altered);
    expect(await problems(), `${file}, byte ${place}`).not.toEqual([]);
  }
  writeFileSync(file, bytes);
}
