import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { readCells, readRun } from "../../../src/archive/read.ts";
import { RowgateError } from "../../../src/model/errors.ts";
import type { CellRecord } from "../../../src/model/run.ts";
import { cell, channel, record } from "../../fixtures/runs/build.ts";
import { failures } from "../../fixtures/runs/failures.ts";
import { findings, hostile, large, nothing, passing, staging } from "../../fixtures/runs/others.ts";
import { archive, tempFolder } from "./temp.ts";

async function errorOf(reading: Promise<unknown>): Promise<RowgateError> {
  try {
    await reading;
  } catch (error) {
    if (error instanceof RowgateError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

async function allCells(dir: string): Promise<readonly CellRecord[]> {
  const cells: CellRecord[] = [];
  for await (const one of readCells(dir)) cells.push(one);
  return cells;
}

describe("reading an archive back", () => {
  it("reads one whose gateway was not asked about everything", async () => {
    const gatewayChecks = { rollbackHonoured: false, tamperedTokenRefused: false, identityShown: undefined };
    const of = {
      ...passing,
      run: { ...passing.run, gatewayChecks: { ...gatewayChecks, unknownRoleRefused: undefined } },
    };
    const { gatewayChecks: read } = await readRun(await archive(tempFolder(), of));
    expect(read).toEqual({ rollbackHonoured: false, tamperedTokenRefused: false });
  });

  it.each(Object.entries({ failures, findings, hostile, large, nothing, passing, staging }))(
    "%s: gives what was written",
    async (_name, of) => {
      const dir = await archive(tempFolder(), of);
      expect(await readRun(dir)).toEqual(of.run);
      expect(await allCells(dir)).toEqual(of.cells);
    },
  );

  it("can be left before the end", async () => {
    const dir = await archive(tempFolder(), large);
    for await (const one of readCells(dir)) {
      expect(one).toEqual(large.cells[0]);
      break;
    }
  });

  it("keeps letters whole that lie across two chunks of the file", async () => {
    const of = record(Array.from({ length: 400 }, (_, index) => cell({ persona: "学".repeat(100 + index) })));
    expect(await allCells(await archive(tempFolder(), of))).toEqual(of.cells);
  });
});

function withCounts(run: Record<string, unknown>, change: object): unknown {
  const counts = run["counts"] as { byVerdict: object };
  return { ...run, counts: { ...counts, byVerdict: { ...counts.byVerdict, ...change } } };
}

describe("run.json that is not one", () => {
  type Change = (run: Record<string, unknown>) => unknown;
  const changes: readonly [says: string, Change][] = [
    ["counts: ", (run) => ({ ...run, counts: undefined })],
    ["counts.byVerdict.leak: ", (run) => withCounts(run, { leak: -1 })],
    ["counts.byVerdict.leak: ", (run) => withCounts(run, { leak: undefined })],
    ["exitCode: ", (run) => ({ ...run, exitCode: 3 })],
    ["findings.0.kind: ", (run) => ({ ...run, findings: [{ kind: "no-such-finding" }] })],
    ["target.posture: ", (run) => ({ ...run, target: { ...(run["target"] as object), posture: "laptop" } })],
    ["startedAt: ", (run) => ({ ...run, startedAt: "yesterday" })],
    ["archiveVersion: ", (run) => ({ ...run, archiveVersion: undefined })],
    ["the file: ", () => []],
    ["the file: ", () => null],
  ];
  it.each(changes)("names the file and the field: %s", async (says, change) => {
    const dir = await archive(tempFolder(), failures);
    const file = join(dir, "run.json");
    const run = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify(change(run)));
    const error = await errorOf(readRun(dir));
    expect(error.code).toBe("archive/shape");
    expect(error.message).toContain(`${file}:1 is not what rowgate writes: ${says}`);
    expect(error.hint).toContain("sha256sum -c");
  });

  it("says which version wrote it", async () => {
    const dir = await archive(tempFolder(), failures);
    const file = join(dir, "run.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"archiveVersion": 3', '"archiveVersion": 4'));
    expect(await errorOf(readRun(dir))).toMatchObject({
      code: "archive/version",
      message: "The archive has version 4; this rowgate reads versions 1 to 3",
    });
  });

  it("says that it is no JSON, or not there", async () => {
    const dir = await archive(tempFolder(), failures);
    writeFileSync(join(dir, "run.json"), "{");
    expect(await errorOf(readRun(dir))).toMatchObject({ code: "archive/shape" });
    rmSync(join(dir, "run.json"));
    expect(await errorOf(readRun(dir))).toMatchObject({ code: "archive/disk", details: "ENOENT" });
  });
});

/** A cell's line, with a field that is not as it should be. */
function line(change: object): string {
  return JSON.stringify({ ...cell(), ...change });
}

function without(field: string): string {
  return line({ [field]: undefined });
}

function onDirect(change: object): string {
  return line({ channels: { direct: { ...channel("pass"), ...change } } });
}

describe("cells.ndjson that is not one", () => {
  it.each([
    ["{", "JSON"],
    ["", "JSON"],
    ["[]", "a cell is an object"],
    [without("persona"), "persona: expected a string"],
    [without("channels"), "channels: expected an object"],
    [without("expectation"), "expectation: expected an object"],
    [line({ inForce: {} }), "inForce: expected an array"],
    [line({ notOn: [] }), "notOn: expected an object"],
    [line({ waived: "no" }), "waived: expected a boolean"],
    [line({ implied: 0 }), "implied: expected a boolean"],
    [without("at"), "at: expected an object"],
    [line({ operation: "drop" }), "operation: "],
    [line({ verdict: "fine" }), ": verdict: "],
    [line({ verdict: "toString" }), ": verdict: "],
    [onDirect({ verdict: "fine" }), "channels.direct.verdict: "],
    [onDirect({ effect: "magic" }), "channels.direct.effect: "],
    [onDirect({ observation: null }), "channels.direct.observation: "],
    [line({ channels: { direct: 1 } }), "channels.direct: expected an object"],
    [line({ channels: { pigeon: channel("pass") } }), "channels.pigeon: no such channel"],
  ])("%#: names the line", async (text, says) => {
    const dir = await archive(tempFolder(), record([cell(), cell()]));
    const file = join(dir, "cells.ndjson");
    appendFileSync(file, `${text}\n${line({})}\n`);
    const error = await errorOf(allCells(dir));
    expect(error).toMatchObject({ code: "archive/shape", at: { file, line: 3, column: 1 } });
    expect(error.message).toContain(`${file}:3 is not what rowgate writes: `);
    expect(error.message).toContain(says);
  });

  it("names the line that was cut off, even where what is left would parse", async () => {
    const dir = await archive(tempFolder(), record([cell(), cell()]));
    const file = join(dir, "cells.ndjson");
    truncateSync(file, readFileSync(file).length - 1);
    expect(await errorOf(allCells(dir))).toMatchObject({ at: { line: 2 } });
  });

  it("says that it is not there", async () => {
    const dir = await archive(tempFolder(), nothing);
    rmSync(join(dir, "cells.ndjson"));
    expect(await errorOf(allCells(dir))).toMatchObject({ code: "archive/disk", details: "ENOENT" });
  });
});
