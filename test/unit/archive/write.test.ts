import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { describe, expect, it } from "vitest";

import { latestArchive } from "../../../src/archive/chain.ts";
import { diskError } from "../../../src/archive/disk.ts";
import { newRunId } from "../../../src/archive/id.ts";
import { sweepPartials } from "../../../src/archive/partial.ts";
import { readCells, readRun } from "../../../src/archive/read.ts";
import { verifyArchive } from "../../../src/archive/verify.ts";
import { openArchive } from "../../../src/archive/write.ts";
import type { CellRecord } from "../../../src/model/run.ts";
import { cell, record } from "../../fixtures/runs/build.ts";
import { failures, leak } from "../../fixtures/runs/failures.ts";
import { hostile } from "../../fixtures/runs/others.ts";
import { archive, catalog, everyFile, finish, startedAt, tempFolder } from "./temp.ts";

const id = failures.run.id;

async function cellsOf(dir: string): Promise<readonly CellRecord[]> {
  const cells: CellRecord[] = [];
  for await (const one of readCells(dir)) cells.push(one);
  return cells;
}

/** The built module: a process of its own cannot load TypeScript on every Node that rowgate supports. */
const built = new URL("../../../dist/archive/write.js", import.meta.url).href;

/** Writes cells until it is killed or fails; says `chunk` whenever another 64 kB have reached the disk. */
const endlessWriter = `
  const { openArchive } = await import(process.argv[1]);
  const writer = await openArchive(process.argv[2], process.argv[3], new Date("2026-11-21T02:03:04Z"));
  let waits = 0;
  try {
    for (let index = 0; ; index += 1) {
      const wait = writer.cell({ id: "cell " + index, channels: {}, expectation: { kind: "deny" } });
      if (wait === undefined) continue;
      await wait;
      waits += 1;
      if (waits > 1) console.log("chunk");
    }
  } catch (cause) {
    console.log(JSON.stringify({ name: cause.name, code: cause.code, details: cause.details, message: cause.message, hint: cause.hint }));
    await writer.abandon();
  }
`;
const endless = (root: string): string[] => ["--input-type=module", "-e", endlessWriter, built, root, id];

describe("an archive", () => {
  it("holds what was given, in private files, and checks out with sha256sum", async () => {
    const root = tempFolder();
    const dir = await archive(root, failures);
    expect(dir).toBe(join(root, "20261121", id));
    expect(readdirSync(dir).toSorted()).toEqual([
      "SHA256SUMS",
      "catalog.json",
      "cells.ndjson",
      "dictionary.ndjson",
      "run.json",
      "svr.dsse.json",
      "test-result.dsse.json",
    ]);
    expect(await readRun(dir)).toEqual(failures.run);
    expect(await cellsOf(dir)).toEqual(failures.cells);
    expect(JSON.parse(readFileSync(join(dir, "catalog.json"), "utf8"))).toEqual(catalog);
    expect(execFileSync("sha256sum", ["--strict", "-c", "SHA256SUMS"], { cwd: dir, encoding: "utf8" })).toBe(
      "catalog.json: OK\ncells.ndjson: OK\ndictionary.ndjson: OK\nrun.json: OK\n",
    );
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(dir)) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
    // Nothing else is left: no note, no partial folder.
    expect(readdirSync(join(root, "20261121"))).toEqual([id]);
  });

  it("keeps each cell on one line, whatever is in it", async () => {
    const separators = cell({ persona: "a\u2028b\u2029c\nd\r\n" });
    const of = record([...hostile.cells, separators]);
    const dir = await archive(tempFolder(), of);
    expect(await cellsOf(dir)).toEqual(of.cells);
    expect(readFileSync(join(dir, "cells.ndjson"), "utf8").split("\n")).toHaveLength(of.cells.length + 1);
  });

  it("is not there before it is finished, and not at all once abandoned", async () => {
    const root = tempFolder();
    const writer = await openArchive(root, id, startedAt);
    for (const one of failures.cells) await writer.cell(one);
    await writer.catalog(catalog);
    expect(readdirSync(join(root, "20261121")).every((name) => name.startsWith("."))).toBe(true);
    expect(await latestArchive(root)).toBeUndefined();
    await writer.abandon();
    expect(readdirSync(join(root, "20261121"))).toEqual([]);
  });

  it("stays when it is abandoned after it was finished", async () => {
    const root = tempFolder();
    const writer = await openArchive(root, id, startedAt);
    const dir = await finish(writer, failures);
    await writer.abandon();
    expect(await verifyArchive(dir)).toEqual([]);
  });

  it("is refused without its catalogue, and with other cells than it counts", async () => {
    const root = tempFolder();
    const writer = await openArchive(root, id, startedAt);
    for (const one of failures.cells.slice(1)) await writer.cell(one);
    await expect(writer.finish(failures.run)).rejects.toMatchObject({
      code: "archive/incomplete",
      message: `The archive of run ${id} has no catalogue: what was in force is not known`,
    });
    await writer.catalog(catalog);
    await expect(writer.finish(failures.run)).rejects.toMatchObject({
      name: "RowgateError",
      code: "archive/incomplete",
      message: `Run ${id} counts 11 cells, but 10 were written`,
    });
    expect(await latestArchive(root)).toBeUndefined();
    await writer.abandon();
  });

  it("does not touch the run that has its id, finished or not", async () => {
    const root = tempFolder();
    const first = await openArchive(root, id, startedAt);
    await expect(openArchive(root, id, startedAt)).rejects.toMatchObject({ details: "EEXIST" });
    expect(readdirSync(join(root, "20261121")).toSorted()).toEqual([`.${id}.owner`, `.${id}.partial`]);
    const dir = await finish(first, failures);
    const second = await openArchive(root, id, startedAt);
    await expect(finish(second, failures)).rejects.toMatchObject({
      code: "archive/disk",
      details: "ENOTEMPTY",
    });
    await second.abandon();
    expect(await verifyArchive(dir)).toEqual([]);
  });

  it("keeps memory flat over 100,000 cells", async () => {
    const writer = await openArchive(tempFolder(), id, startedAt);
    const bytes = JSON.stringify(leak).length;
    const write = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index += 1) {
        const wait = writer.cell(leak);
        if (wait !== undefined) await wait;
      }
    };
    await write(10_000);
    const before = process.memoryUsage();
    await write(90_000);
    const after = process.memoryUsage();
    const grown = after.external + after.heapUsed - before.external - before.heapUsed;
    // Had it been kept, it would show; what a collector has not collected yet is far less.
    expect(bytes * 90_000).toBeGreaterThan(200e6);
    expect(grown).toBeLessThan(100e6);
    await writer.abandon();
  });
});

describe("a writer that is killed", () => {
  it("leaves nothing that looks whole, and the next sweep keeps it as cut short, and only it", async () => {
    const root = tempFolder();
    const child = spawn(process.execPath, endless(root), { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");

    const day = join(root, "20261121");
    expect(readdirSync(day).toSorted()).toEqual([`.${id}.owner`, `.${id}.partial`]);
    expect(statSync(join(day, `.${id}.partial`, "cells.ndjson")).size).toBeGreaterThan(0);
    expect(await latestArchive(root)).toBeUndefined();

    // Another run is being written by a process that lives: this one.
    const alive = newRunId(startedAt);
    const writer = await openArchive(root, alive, startedAt);
    expect(await sweepPartials(root)).toEqual([join(day, `${id}.cut-short`)]);
    expect(readdirSync(day).toSorted()).toEqual([`.${alive}.owner`, `.${alive}.partial`, `${id}.cut-short`]);
    expect(await verifyArchive(await finish(writer, failures))).toEqual([]);
  });

  it.each([
    ["another host's", { pid: 2 ** 22 + 1, host: "elsewhere.test" }],
    ["a broken note's", "not JSON"],
    ["a group of processes", { pid: -(2 ** 22 + 1), host: hostname() }],
  ])("is not taken for %s", async (_name, owner) => {
    const root = tempFolder();
    const day = join(root, "20261121");
    mkdirSync(join(day, `.${id}.partial`), { recursive: true });
    writeFileSync(join(day, `.${id}.owner`), typeof owner === "string" ? owner : JSON.stringify(owner));
    expect(await sweepPartials(root)).toEqual([]);
    expect(existsSync(join(day, `.${id}.partial`))).toBe(true);
  });

  it("is not looked for outside an archive", async () => {
    const root = tempFolder();
    mkdirSync(join(root, "20261121", ".something.partial"), { recursive: true });
    writeFileSync(
      join(root, "20261121", ".something.owner"),
      JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }),
    );
    expect(await sweepPartials(root)).toEqual([]);
    expect(await sweepPartials(join(root, "not there"))).toEqual([]);
    expect(everyFile(root).size).toBe(1);
  });
});

describe("a disk that says no", () => {
  it("says so in the middle of the cells, with the path and what to do", async () => {
    const root = tempFolder();
    // A limit of the shell's stops a file at 256 kB on every system; a full disk stops it the same way.
    const limited = ["-c", 'ulimit -f 256; exec "$@"', "limited", process.execPath, ...endless(root)];
    const { stdout } = await promisify(execFile)("bash", limited);
    const failure: unknown = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
    expect(failure).toMatchObject({
      name: "RowgateError",
      code: "archive/disk",
      details: "EFBIG",
      message: `Could not write the archive: ${join(root, "20261121", `.${id}.partial`, "cells.ndjson")}: the file is larger than the system allows`,
      hint: expect.stringContaining("ulimit -f") as string,
    });
    expect(readdirSync(join(root, "20261121"))).toEqual([]);
  });

  // Not every system has a device that is always full. The two tests around this one run everywhere.
  it.runIf(existsSync("/dev/full"))("says so when the disk is full, and nothing is named", async () => {
    const root = tempFolder();
    const writer = await openArchive(root, id, startedAt);
    const folder = join(root, "20261121", `.${id}.partial`);
    symlinkSync("/dev/full", join(folder, "catalog.json"));
    await expect(writer.catalog(catalog)).rejects.toMatchObject({
      name: "RowgateError",
      code: "archive/disk",
      details: "ENOSPC",
      message: `Could not write the archive: ${join(folder, "catalog.json")}: the disk is full`,
    });
    await writer.abandon();
    expect(readdirSync(join(root, "20261121"))).toEqual([]);
  });

  it("says so when the last file cannot be written, and nothing is named", async () => {
    const root = tempFolder();
    const writer = await openArchive(root, id, startedAt);
    const sums = join(root, "20261121", `.${id}.partial`, "SHA256SUMS");
    mkdirSync(sums);
    await expect(finish(writer, failures)).rejects.toMatchObject({
      name: "RowgateError",
      code: "archive/disk",
      details: "EISDIR",
      message: `Could not write the archive: ${sums}: it is a folder, not a file`,
    });
    expect(await latestArchive(root)).toBeUndefined();
    await writer.abandon();
    expect(readdirSync(join(root, "20261121"))).toEqual([]);
  });

  it("says so when the root is a file", async () => {
    const root = join(tempFolder(), "logs");
    writeFileSync(root, "");
    await expect(openArchive(root, id, startedAt)).rejects.toMatchObject({
      name: "RowgateError",
      code: "archive/disk",
      message: expect.stringContaining(`${join(root, "20261121")}: a part of the path is a file`) as string,
    });
  });

  it.each([
    "ENOSPC",
    "EDQUOT",
    "EFBIG",
    "EACCES",
    "EPERM",
    "EROFS",
    "ENOTDIR",
    "EIO",
    "EMFILE",
    "ESOMETHING",
  ])("names the path and what to do: %s", (code) => {
    const error = diskError("Could not write", "/a/path", Object.assign(new Error("no"), { code }));
    expect(error.message).toMatch(/^Could not write: \/a\/path: \S/);
    expect(error.details).toBe(code);
    expect(error.hint).toMatch(/\S/);
  });
});

describe("a run's id", () => {
  it("sorts by time, in UTC", () => {
    const at = new Date("2026-11-21T02:03:04.567+02:00");
    expect(newRunId(at, () => Uint8Array.of(0x0a, 0x1b, 0x2c, 0x3d))).toBe("20261121T000304Z-0a1b2c3d");
    const ids = [
      "2026-01-02T00:00:00Z",
      "2026-01-02T00:00:01Z",
      "2026-10-01T00:00:00Z",
      "2027-01-01T00:00:00Z",
    ];
    const made = ids.map((time) => newRunId(new Date(time)));
    expect(made.toSorted()).toEqual(made);
  });
});
