import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliResult, rowgate } from "../support/cli.ts";

const repository = path.resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(path.join(tmpdir(), "rowgate archive "));
const logs = path.join(folder, "logs");

async function run(...more: readonly string[]): Promise<CliResult> {
  const filters = ["--persona", "oscar", "--persona", "anon", "--only", "*/public.activity_feed/*"];
  return rowgate(
    ["run", "matrices/fne-lms.yaml", "--channel", "direct", "--quiet", "--logs", logs, ...filters, ...more],
    { cwd: folder },
  );
}

const ask = async (...args: readonly string[]): Promise<CliResult> =>
  rowgate([...args, "--logs", logs], { cwd: folder });

/** Of the sound run, and of the one after it. */
const runs: string[] = [];

beforeAll(async () => {
  for (const part of ["matrices/fne-lms.yaml", "policies/fne-lms"])
    cpSync(path.join(repository, part), path.join(folder, part), { recursive: true });
  const sound = await run();
  writeFileSync(path.join(folder, "rowgate.yaml"), "chain_origin: example.org/rowgate/lms\ntargets: {}\n");
  const flawed = await run("--overlay", "policies/fne-lms/flawed/broad-activity-policy.sql");
  if (sound.code !== 0 || flawed.code !== 1) throw new Error(sound.err + sound.out + flawed.err);
  const chain = readFileSync(path.join(logs, "chain.txt"), "utf8");
  runs.push(...chain.split("\n").flatMap((line) => line.split("/")[1] ?? []));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("rowgate diff", () => {
  test("a broad policy: who gained what, in which rows, by which policy, and exit code 1", async () => {
    const [before = "", after = ""] = runs;
    const shown = await ask("diff", before, after);
    expect(shown.code, shown.err).toBe(1);
    expect(shown.out).toMatch(
      /▲ oscar may read public\.activity_feed: \d+ of \d+ → \d+ of \d+ \(\d+ unexpected\), for example .*, by the SQL at policies\/fne-lms\/flawed\/broad-activity-policy\.sql:\d+; /,
    );
    expect(shown.out).toMatch(
      /table public\.activity_feed: policy Users can view public activities is new: .*, by the SQL at policies\/fne-lms\/flawed\/broad-activity-policy\.sql:\d+\n/,
    );
    expect(shown.out).toContain("oscar/public.activity_feed/select: pass → leak");
    const json = JSON.parse((await ask("diff", before, after, "--format", "json")).out) as Record<
      string,
      object[]
    >;
    expect(json["gained"]).toContainEqual(
      expect.objectContaining({ persona: "oscar", operation: "select", declared: "not covered" }),
    );
    const markdown = await ask("diff", before, after, "--format", "markdown");
    expect(markdown.out).toContain("### Access gained that no change of the matrix declares");
  });

  test("a committed baseline, and the way back: what was lost, and exit code 0", async () => {
    const [sound = "", flawed = ""] = runs;
    const baseline = path.join(folder, "baseline");
    cpSync(path.join(logs, sound.slice(0, 8), sound), baseline, { recursive: true });
    const same = await ask("diff", baseline, sound);
    expect(same).toMatchObject({ code: 0, err: "" });
    expect(same.out).toContain(
      "0 gained (0 not declared by a change of the matrix), 0 lost, 0 verdicts changed, 0 changes",
    );
    const back = await ask("diff", flawed, baseline);
    expect(back.code).toBe(0);
    expect(back.out).toMatch(/▼ oscar may read public\.activity_feed/);
  });

  test("an altered archive shows nothing: exit code 2", async () => {
    const [sound = ""] = runs;
    const altered = path.join(folder, "altered");
    cpSync(path.join(logs, sound.slice(0, 8), sound), altered, { recursive: true });
    appendFileSync(path.join(altered, "cells.ndjson"), "\n");
    const shown = await ask("diff", altered, sound);
    expect(shown).toMatchObject({ code: 2, out: "" });
    expect(shown.err).toContain("cells.ndjson");
  });
});

describe("rowgate verify", () => {
  const damaged = (name: string, damage: (dir: string) => void): string => {
    const copy = path.join(folder, name);
    cpSync(logs, copy, { recursive: true });
    damage(copy);
    return copy;
  };
  const runOf = (dir: string): string => path.join(dir, (runs[0] ?? "").slice(0, 8), runs[0] ?? "");

  test("intact runs and their chain: exit code 0", async () => {
    const shown = await ask("verify");
    expect(shown).toMatchObject({ code: 0, err: "" });
    expect(shown.out).toContain(`${runs[0]}  intact, chained, not signed`);
    expect(shown.out).toContain("2 runs, 2 intact");
    expect(readFileSync(path.join(logs, "checkpoint"), "utf8")).toMatch(/^example\.org\/rowgate\/lms\n2\n/);
    expect((await ask("verify", runs[1] ?? "")).code).toBe(0);
  });

  test.each([
    [
      "a byte of a cell",
      (dir: string) => {
        const file = path.join(runOf(dir), "cells.ndjson");
        const bytes = readFileSync(file);
        bytes[100] = (bytes[100] ?? 0) ^ 1;
        writeFileSync(file, bytes);
      },
      "cells.ndjson is altered",
    ],
    ["a run that is gone", (dir: string) => rmSync(runOf(dir), { recursive: true }), "is missing"],
    [
      "a byte of the checkpoint's origin",
      (dir: string) => {
        const file = path.join(dir, "checkpoint");
        writeFileSync(file, readFileSync(file, "utf8").replace(/^./, "x"));
      },
      "checkpoint is altered",
    ],
  ] as const)("%s: exit code 1, which says what", async (name, damage, says) => {
    const shown = await ask("verify", damaged(name, damage));
    expect(shown.code).toBe(1);
    expect(shown.out).toContain(says);
  });

  test("no run, and no key: exit code 2, since nothing was checked", async () => {
    const empty = damaged("empty", (dir) => {
      for (const name of readdirSync(dir)) rmSync(path.join(dir, name), { recursive: true });
    });
    for (const args of [
      ["verify", empty],
      ["verify", "--key", path.join(folder, "none.pub")],
    ]) {
      const shown = await ask(...args);
      expect(shown).toMatchObject({ code: 2, out: "" });
      expect(shown.err).not.toContain("    at ");
    }
  });
});

describe("rowgate evidence", () => {
  const today = new Date().toISOString().slice(0, 10);
  const period = ["--from", today, "--to", today];

  test("one folder with what the runs of a period show; what is open makes the exit code 1", async () => {
    const made = await ask("evidence", ...period, "--out", "evidence", "--seed", "2026");
    expect(made.err).toBe("");
    expect(made.code).toBe(1);
    expect(made.out).toMatch(/^evidence: 2 runs; .*\d+ exceptions that are not resolved/);
    const out = path.join(folder, "evidence");
    const listed = execFileSync("sha256sum", ["-c", "SHA256SUMS"], { cwd: out, encoding: "utf8" });
    expect(listed.split("\n").filter((line) => line !== "")).toHaveLength(readdirSync(out).length - 1);
    const read = (name: string): string => readFileSync(path.join(out, name), "utf8");
    expect(read("exceptions.csv")).toContain("oscar/public.activity_feed/select,leak,");
    expect(read("runs.csv")).toContain(`${runs[1]},`);
    expect(read("checkpoint")).toBe(readFileSync(path.join(logs, "checkpoint"), "utf8"));
    expect(JSON.parse(read("evidence.json"))).toMatchObject({ sample: { seed: "2026" }, problems: [] });
    expect(read("evidence.html")).toContain("oscar/public.activity_feed/select");
  });

  test.each([
    ["no day", ["--from", "2026-02-30", "--to", today], "2026-02-30 is not a day"],
    ["a period backwards", ["--from", "2026-03-02", "--to", "2026-03-01"], "ends before it begins"],
    ["a folder that is there", [...period, "--out", "logs"], "exists already"],
    ["no list of controls", [...period, "--controls", "none.yaml"], "none.yaml"],
  ])("%s: exit code 2", async (_, args, says) => {
    const made = await ask("evidence", ...args);
    expect(made).toMatchObject({ code: 2, out: "" });
    expect(made.err).toContain(says);
  });
});
