import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createPacker, Unpacker } from "../../../src/archive/dictionary.ts";
import { readCells, readRun } from "../../../src/archive/read.ts";
import { archiveVersion, type CellRecord } from "../../../src/model/run.ts";
import { cell, record } from "../../fixtures/runs/build.ts";
import { archive, tempFolder } from "./temp.ts";

/** A real run, as rowgate recorded it before there was a dictionary. */
const older = fileURLToPath(new URL("../../fixtures/runs/sound", import.meta.url));

async function cellsOf(dir: string): Promise<readonly CellRecord[]> {
  const cells: CellRecord[] = [];
  for await (const one of readCells(dir)) cells.push(one);
  return cells;
}

const lines = (file: string): readonly string[] => readFileSync(file, "utf8").trimEnd().split("\n");
const plain = (file: string): readonly unknown[] => lines(file).map((line) => JSON.parse(line) as unknown);
const size = (folder: string, name: string): number => readFileSync(join(folder, name)).length;
const long = (index: number): object => ({ probe: `${index} ${"x".repeat(1_000_000)}`, n: index });

describe("the dictionary", () => {
  it("makes a real run smaller, and gives back every cell as it was", async () => {
    const cells = plain(join(older, "cells.ndjson")) as CellRecord[];
    const dir = await archive(tempFolder(), record(cells));
    expect(await cellsOf(dir)).toEqual(cells);
    expect(lines(join(dir, "cells.ndjson"))).toHaveLength(cells.length);
    const now = size(dir, "cells.ndjson") + size(dir, "dictionary.ndjson");
    // It has 157 cells; a longer run saves more (the four systems: three times).
    expect(size(older, "cells.ndjson") / now).toBeGreaterThan(2);
    // Each value once.
    const entries = lines(join(dir, "dictionary.ndjson"));
    expect(new Set(entries).size).toBe(entries.length);
  });

  it("is read by the line that the documentation shows", async ({ skip }) => {
    const page = readFileSync(new URL("../../../docs/archive.md", import.meta.url), "utf8");
    const command = /^ *(jq -c --slurpfile .*)$/m.exec(page)?.[1] ?? "";
    if (spawnSync("jq", ["--version"]).status !== 0) skip("jq is not installed");
    const cells = plain(join(older, "cells.ndjson")) as CellRecord[];
    const dir = await archive(
      tempFolder(),
      record(cells, { matrix: { name: "helios", file: "helios.yaml" } }),
    );
    const whole = execFileSync("bash", ["-c", command], { cwd: dir, encoding: "utf8", maxBuffer: 1e8 });
    expect(
      whole
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(cells);
  });

  it("forgets old entries on both sides alike, so that memory stays flat", () => {
    const unpacker = new Unpacker();
    const pack = createPacker(
      (json) => json,
      (entry) => unpacker.add(entry, JSON.parse(entry)),
    );
    // 40 MB of texts; each comes back after it was forgotten, and once while it is still known.
    for (const index of Array.from({ length: 40 }, (_, one) => one).flatMap((one) => [one, one, one % 3])) {
      const line = pack(long(index));
      expect(line.length).toBeLessThan(100);
      expect(unpacker.record(line, JSON.parse(line))).toEqual(long(index));
    }
  });

  it("takes no value for one that came shortly before and is only like it", () => {
    const unpacker = new Unpacker();
    const pack = createPacker(
      (json) => json,
      (entry) => unpacker.add(entry, JSON.parse(entry)),
    );
    const values: readonly unknown[] = [
      { a: 1, b: undefined },
      { a: 1, c: 5 },
      { c: 5, a: 1 },
      { a: undefined },
      { b: 1 },
      { a: 1 },
      { a: [1, 2] },
      { a: [1] },
      { a: { 0: 1, 1: 2 } },
      { a: null },
      { a: {} },
      { a: "" },
      { a: 0 },
      { a: false },
      { toString: 1 },
      { constructor: { name: "Object" } },
      [{ a: 1 }, { a: 1, c: 5 }],
      [{ a: 1, c: 5 }, { a: 1 }],
      { 0: { a: 1 }, 1: { a: 1, c: 5 } },
      "a text that is long enough",
      "a text that is long enougH",
    ];
    const pairs = values.flatMap((one) => values.map((other) => [one, other]));
    for (const observation of pairs.flat()) {
      const line = pack({ observation, channels: { direct: { observation } } });
      const back = unpacker.record(line, JSON.parse(line));
      const json = JSON.stringify({ observation, channels: { direct: { observation } } });
      expect(JSON.stringify(back)).toBe(json);
    }
  });

  it("keeps what looks like a reference or a prototype apart from both", () => {
    const unpacker = new Unpacker();
    const pack = createPacker(
      (json) => json,
      (entry) => unpacker.add(entry, JSON.parse(entry)),
    );
    const odd = {
      because: '{"probe#":0}',
      probe: '"because',
      inForce: ["#", "a long text #1"],
      expectation: { kind: "deny" },
    };
    const line = pack(odd);
    expect(unpacker.record(line, JSON.parse(line))).toEqual(odd);
    expect(() => unpacker.record("", JSON.parse('{"__proto__": {"verdict": "pass"}}'))).toThrow("__proto__");
  });
});

describe("an archive of version 1", () => {
  it("is read as one of today", async () => {
    const run = await readRun(older);
    expect(JSON.parse(readFileSync(join(older, "run.json"), "utf8"))).toMatchObject({ archiveVersion: 1 });
    expect(run.archiveVersion).toBe(archiveVersion);
    expect(await cellsOf(older)).toHaveLength(run.counts.cells);
  });
});

/** What a person with bad intentions, or a bad disk, does to an archive; and what is said of it. */
const damages: readonly [name: string, (dir: string) => void, says: RegExp][] = [
  ["a dictionary that is gone", (dir) => rmSync(join(dir, "dictionary.ndjson")), /no such file/],
  [
    "a dictionary that ends early",
    (dir) => writeFileSync(join(dir, "dictionary.ndjson"), ""),
    /cells\.ndjson:1 .* no entry/,
  ],
  [
    "an entry that is no JSON",
    (dir) => writeFileSync(join(dir, "dictionary.ndjson"), "{\n"),
    /dictionary\.ndjson:1 /,
  ],
  [
    "an entry that refers to itself",
    (dir) => writeFileSync(join(dir, "dictionary.ndjson"), '{"at#":0}\n'.repeat(99)),
    /dictionary\.ndjson:1 .*at# is not the number of an entry before/,
  ],
  [
    "entries that refer to each other in a circle",
    (dir) => writeFileSync(join(dir, "dictionary.ndjson"), '{"a#":1}\n{"a#":0}\n'.repeat(50)),
    /dictionary\.ndjson:1 /,
  ],
  [
    "entries that grow without end",
    (dir) => {
      writeFileSync(join(dir, "cells.ndjson"), '{"at#":99}\n');
      writeFileSync(
        join(dir, "dictionary.ndjson"),
        `"${"x".repeat(99)}"\n${Array.from({ length: 99 }, (_, n) => `{"a#":${n},"b#":${n}}\n`).join("")}`,
      );
    },
    /longer than/,
  ],
  [
    "a reference that is no number",
    (dir) => appendFileSync(join(dir, "cells.ndjson"), '{"at#":"0"}\n'),
    /at# is not the number/,
  ],
  [
    "a reference below 0",
    (dir) => appendFileSync(join(dir, "cells.ndjson"), '{"at#":-1}\n'),
    /at# is not the number/,
  ],
  [
    "a reference to what no archive has",
    (dir) => appendFileSync(join(dir, "cells.ndjson"), '{"at#":1e300}\n'),
    /no entry/,
  ],
  [
    "a cell that is nested without end",
    (dir) => writeFileSync(join(dir, "cells.ndjson"), `${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}\n`),
    /too deeply|not what rowgate writes/,
  ],
  [
    "a line without end",
    (dir) => {
      for (let n = 0; n < 40; n += 1) appendFileSync(join(dir, "cells.ndjson"), "x".repeat(1024 * 1024));
    },
    /longer than any of ours|the line has no end/,
  ],
  [
    "a link in the place of the cells",
    (dir) => {
      renameSync(join(dir, "cells.ndjson"), join(dir, "..", "elsewhere"));
      symlinkSync("../elsewhere", join(dir, "cells.ndjson"));
    },
    /symbolic link/,
  ],
  [
    "a folder in the place of the cells",
    (dir) => {
      rmSync(join(dir, "cells.ndjson"));
      mkdirSync(join(dir, "cells.ndjson"));
    },
    /not a regular file/,
  ],
  [
    "a pipe in the place of the dictionary",
    (dir) => {
      rmSync(join(dir, "dictionary.ndjson"));
      execFileSync("mkfifo", [join(dir, "dictionary.ndjson")]);
    },
    /not a regular file/,
  ],
];

describe("a damaged or hostile archive", () => {
  it.each(damages)("%s is refused in a sentence", async (_name, damage, says) => {
    const dir = await archive(tempFolder(), record([cell(), cell({ persona: "belen" })]));
    damage(dir);
    const error = await cellsOf(dir).then(
      () => new Error("nothing was refused"),
      (cause: Error) => cause,
    );
    expect(error).toMatchObject({ name: "RowgateError" });
    expect(error.message).toMatch(says);
  });

  it("a run.json that is a link, or far too large, is refused too", async () => {
    const dir = await archive(tempFolder(), record([cell()]));
    const file = join(dir, "run.json");
    renameSync(file, join(dir, "..", "elsewhere"));
    symlinkSync("../elsewhere", file);
    await expect(readRun(dir)).rejects.toThrow("symbolic link");
    rmSync(file);
    writeFileSync(file, " ".repeat(65 * 1024 * 1024));
    await expect(readRun(dir)).rejects.toThrow("larger than 64 MiB");
  });
});
