import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import { addLink, checkPrevious, latestArchive } from "../../../src/archive/chain.ts";
import { readRun } from "../../../src/archive/read.ts";
import { sha256 } from "../../../src/archive/verify.ts";
import type { Deviation } from "../../../src/archive/verify.ts";
import { verifyArchive } from "../../../src/archive/verify.ts";
import { openArchive } from "../../../src/archive/write.ts";
import { failures } from "../../fixtures/runs/failures.ts";
import { archive, startedAt, tempFolder } from "./temp.ts";

function edit(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, "utf8")));
}

const tamperings: readonly [name: string, (dir: string) => void, readonly Deviation[]][] = [
  ["nothing", () => undefined, []],
  [
    "one byte of the cells",
    (dir) => edit(join(dir, "cells.ndjson"), (text) => text.replace('"leak"', '"pass"')),
    [{ kind: "changed", file: "cells.ndjson" }],
  ],
  [
    "a line more",
    (dir) => appendFileSync(join(dir, "cells.ndjson"), "{}\n"),
    [{ kind: "changed", file: "cells.ndjson" }],
  ],
  [
    "the exit code",
    (dir) => edit(join(dir, "run.json"), (text) => text.replace('"exitCode": 1', '"exitCode": 0')),
    [{ kind: "changed", file: "run.json" }],
  ],
  ["a file gone", (dir) => rmSync(join(dir, "catalog.json")), [{ kind: "missing", file: "catalog.json" }]],
  [
    "a file and its line gone",
    (dir) => {
      rmSync(join(dir, "catalog.json"));
      edit(join(dir, "SHA256SUMS"), (text) => text.replace(/^.*catalog\.json\n/m, ""));
    },
    [{ kind: "missing", file: "catalog.json" }],
  ],
  [
    "a line gone",
    (dir) => edit(join(dir, "SHA256SUMS"), (text) => text.replace(/^.*run\.json\n/m, "")),
    [{ kind: "extra", file: "run.json" }],
  ],
  ["a file more", (dir) => writeFileSync(join(dir, "notes.txt"), ""), [{ kind: "extra", file: "notes.txt" }]],
  ["a folder more", (dir) => mkdirSync(join(dir, "more")), [{ kind: "extra", file: "more" }]],
  [
    "a link to the same bytes",
    (dir) => {
      const file = join(dir, "run.json");
      const copy = join(dir, "..", "copy.json");
      writeFileSync(copy, readFileSync(file));
      rmSync(file);
      symlinkSync(copy, file);
    },
    [{ kind: "missing", file: "run.json" }],
  ],
  ["no sums", (dir) => rmSync(join(dir, "SHA256SUMS")), [{ kind: "missing", file: "SHA256SUMS" }]],
  [
    "a line that is none",
    (dir) => appendFileSync(join(dir, "SHA256SUMS"), "hello\n"),
    [{ kind: "broken", file: "SHA256SUMS", line: 5 }],
  ],
  [
    "a line that leads out of the archive",
    (dir) => appendFileSync(join(dir, "SHA256SUMS"), `${"0".repeat(64)}  ../../run.json\n`),
    [{ kind: "broken", file: "SHA256SUMS", line: 5 }],
  ],
  [
    "a second sum for a file",
    (dir) => edit(join(dir, "SHA256SUMS"), (text) => `${"0".repeat(64)}  run.json\n${text}`),
    [
      { kind: "broken", file: "SHA256SUMS", line: 5 },
      { kind: "changed", file: "run.json" },
    ],
  ],
];

describe("verifyArchive", () => {
  it.each(tamperings)("sees %s", async (_name, tamper, deviations) => {
    const dir = await archive(tempFolder(), failures);
    tamper(dir);
    expect(await verifyArchive(dir)).toEqual(deviations);
  });

  it("says what it could not read", async () => {
    const dir = join(tempFolder(), "nowhere");
    await expect(verifyArchive(dir)).rejects.toMatchObject({ code: "archive/disk", details: "ENOENT" });
  });
});

function at(id: string): typeof failures {
  return { ...failures, run: { ...failures.run, id } };
}

describe("the chain", () => {
  it("names the newest finished run and the digest of its sums", async () => {
    const root = tempFolder();
    expect(await latestArchive(join(root, "not there"))).toBeUndefined();
    expect(await latestArchive(root)).toBeUndefined();
    await archive(root, at("20261121T020304Z-00000002"));
    const newest = await archive(root, at("20261121T020305Z-00000001"));
    const unfinished = await openArchive(root, "20261121T020306Z-00000003", startedAt);
    mkdirSync(join(root, "20261122"));
    writeFileSync(join(root, "README.md"), "");
    expect(await latestArchive(root)).toEqual({
      id: "20261121T020305Z-00000001",
      sha256: sha256(readFileSync(join(newest, "SHA256SUMS"), "utf8")),
    });
    await unfinished.abandon();
  });

  it("finds a run again that got its id on the day after it was asked for", async () => {
    const root = tempFolder();
    await archive(root, at("20261122T000000Z-00000001"));
    const previous = await latestArchive(root);
    expect(previous?.id).toBe("20261122T000000Z-00000001");
    expect(await checkPrevious(root, { previous })).toBe("unchanged");
  });

  it("tells whether the run before is still what it was", async () => {
    const root = tempFolder();
    expect(await checkPrevious(root, { previous: undefined })).toBe("first");
    const dir = await archive(root, failures);
    const previous = await latestArchive(root);
    expect(await checkPrevious(root, { previous })).toBe("unchanged");
    appendFileSync(join(dir, "SHA256SUMS"), "\n");
    expect(await checkPrevious(root, { previous })).toBe("changed");
    rmSync(dir, { recursive: true });
    expect(await checkPrevious(root, { previous })).toBe("absent");
    expect(await checkPrevious(root, { previous: { id: "../../etc", sha256: "" } })).toBe("absent");
  });

  it("is in the order in which runs were closed, whatever their ids", async () => {
    const root = tempFolder();
    await archive(root, at("20261121T020305Z-00000001"));
    const last = await archive(root, at("20261121T020304Z-00000002"));
    expect((await readRun(last)).previous?.id).toBe("20261121T020305Z-00000001");
    expect((await latestArchive(root))?.id).toBe("20261121T020304Z-00000002");
  });

  it("is one chain when many runs are closed at the same time", async () => {
    const root = tempFolder();
    const ids = Array.from(
      { length: 12 },
      (_, index) => `20261121T020304Z-${String(index).padStart(8, "0")}`,
    );
    const folders = await Promise.all(ids.map((id) => archive(root, at(id))));
    const named = await Promise.all(folders.map(async (folder) => (await readRun(folder)).previous?.id));
    expect(new Set(named).size).toBe(ids.length);
    expect(readdirSync(root).toSorted()).toEqual(["20261121", "chain.txt", "checkpoint"]);
  });

  it("passes over a run that was killed before it got its name", async () => {
    const root = tempFolder();
    await archive(root, at("20261121T020304Z-00000001"));
    const before = await latestArchive(root);
    await addLink(root, { id: "20261121T020305Z-00000002", sha256: "0".repeat(64) });
    expect(await latestArchive(root)).toEqual(before);
  });

  it("remembers the digest that the last run had when it was closed", async () => {
    const root = tempFolder();
    const dir = await archive(root, failures);
    appendFileSync(join(dir, "SHA256SUMS"), "\n");
    const next = await archive(root, at("20261121T020305Z-00000002"));
    expect(await checkPrevious(root, await readRun(next))).toBe("changed");
  });

  it.each(["", "{", "\n\n", `${"0".repeat(64)}  ../../../etc/SHA256SUMS\n`])(
    "does without its note: %s",
    async (text) => {
      const root = tempFolder();
      await archive(root, failures);
      writeFileSync(join(root, "chain.txt"), text);
      expect((await latestArchive(root))?.id).toBe(failures.run.id);
    },
  );

  it("takes the turn of a process that is gone", async () => {
    const root = tempFolder();
    const gone = spawnSync(process.execPath, ["-e", ""]).pid;
    writeFileSync(join(root, ".closing"), JSON.stringify({ pid: gone, host: hostname() }));
    await archive(root, failures);
    expect(readdirSync(root).toSorted()).toEqual(["20261121", "chain.txt", "checkpoint"]);
  });

  it("waits for a process that lives", async () => {
    const root = tempFolder();
    const turn = join(root, ".closing");
    writeFileSync(turn, JSON.stringify({ pid: process.pid, host: hostname() }));
    const closing = archive(root, failures);
    await sleep(300);
    expect(existsSync(join(root, "20261121", failures.run.id))).toBe(false);
    rmSync(turn);
    expect(await verifyArchive(await closing)).toEqual([]);
  });

  it("does not believe a clock alone that somebody has held it for long: it may have been set", async () => {
    const root = tempFolder();
    const turn = join(root, ".closing");
    const note = JSON.stringify({ pid: process.pid, host: "somewhere else" });
    writeFileSync(turn, note);
    const longAgo = new Date(Date.now() - 3_600_000);
    utimesSync(turn, longAgo, longAgo);
    const closing = archive(root, failures);
    await sleep(300);
    expect(readFileSync(turn, "utf8")).toBe(note);
    rmSync(turn);
    expect(await verifyArchive(await closing)).toEqual([]);
  });

  it("takes a turn that somebody has held for more than a minute", async () => {
    const root = tempFolder();
    const turn = join(root, ".closing");
    writeFileSync(turn, JSON.stringify({ pid: process.pid, host: "somewhere else" }));
    const longAgo = new Date(Date.now() - 61_000);
    utimesSync(turn, longAgo, longAgo);
    expect(await verifyArchive(await archive(root, failures))).toEqual([]);
  });
});
