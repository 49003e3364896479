import {
  appendFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkRun } from "../../../src/archive/check.ts";
import { latestArchive, recover } from "../../../src/archive/chain.ts";
import { readCatalog } from "../../../src/archive/read-catalog.ts";
import { readCells, readRun } from "../../../src/archive/read.ts";
import { RowgateError } from "../../../src/model/errors.ts";
import { failures } from "../../fixtures/runs/failures.ts";
import { archive, tempFolder } from "./temp.ts";

const mutations = 300;
const files = [
  "run.json",
  "cells.ndjson",
  "dictionary.ndjson",
  "catalog.json",
  "SHA256SUMS",
  "svr.dsse.json",
  "test-result.dsse.json",
] as const;

/** mulberry32: the same numbers on every machine. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
type Random = ReturnType<typeof randomOf>;

const oddities: readonly unknown[] = [
  null,
  true,
  -1,
  1e300,
  "",
  "../../../etc/passwd",
  "\u0000\u2028",
  "x".repeat(100_000),
  [],
  {},
  [[[[{}]]]],
  { "at#": 0 },
  { "probe#": 99_999 },
  { length: 5 },
  { toString: 1 },
];

/** A value somewhere within becomes another, or goes away. */
function twisted(value: unknown, random: Random): unknown {
  if (typeof value !== "object" || value === null || random(5) === 0)
    return oddities[random(oddities.length)] ?? null;
  const names = Object.keys(value);
  const name = names[random(names.length)];
  if (name === undefined) return null;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<string, unknown>;
  if (random(6) === 0) delete copy[name];
  else copy[name] = twisted(copy[name], random);
  return copy;
}

/** One line of a file's JSON is twisted; `run.json` is one document. */
function twist(file: string, random: Random): void {
  const text = readFileSync(file, "utf8");
  const lines = file.endsWith(".ndjson") ? text.trimEnd().split("\n") : [text];
  const at = random(lines.length);
  try {
    lines[at] = JSON.stringify(twisted(JSON.parse(lines[at] ?? ""), random)) ?? "";
  } catch {
    lines[at] = "{";
  }
  writeFileSync(file, `${lines.join("\n")}\n`);
}

type Mutation = (file: string, random: Random) => void;
const kinds: Readonly<Record<string, Mutation>> = {
  twist,
  "twist again": twist,
  truncate: (file, random) => {
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, random(bytes.length)));
  },
  "noise in the middle": (file, random) => {
    const bytes = readFileSync(file);
    const at = random(bytes.length);
    for (let n = 0; n < 8; n += 1) bytes[Math.min(at + n, bytes.length - 1)] = random(256);
    writeFileSync(file, bytes);
  },
  "a huge line": (file) => appendFileSync(file, `${"[".repeat(300_000)}\n`),
  "a line twice": (file) =>
    writeFileSync(
      file,
      readFileSync(file, "utf8").replace(/^.*\n/, (line) => line + line),
    ),
  gone: (file) => rmSync(file),
  "a link out of the folder": (file) => {
    renameSync(file, `${file}.aside`);
    symlinkSync("../../../../../../etc/hostname", file);
  },
  "a link to itself": (file) => {
    rmSync(file);
    symlinkSync(file, file);
  },
  "names that lead elsewhere": (file) =>
    appendFileSync(file, `${"a".repeat(64)}  ../../outside\n${"b".repeat(64)}  /etc/passwd\n`),
};

/** Errors in words, or nothing; anything else is a crash of the reader. */
async function saidBy(step: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await step();
  } catch (error) {
    if (!(error instanceof RowgateError)) throw error;
    return error.message;
  }
  return undefined;
}

const namesOutside = (place: string, id: string): readonly string[] =>
  readdirSync(place, { recursive: true, encoding: "utf8" }).filter((name) => !name.includes(id));

function isSame(file: string, before: Buffer): boolean {
  try {
    return readFileSync(file).equals(before);
  } catch {
    return false;
  }
}

it(`${mutations} archives, each altered at random by a seed: refused in words, and nothing beside them is written`, async () => {
  const random = randomOf(20_261_129);
  const root = tempFolder();
  const whole = await archive(root, failures);
  const { id } = failures.run;
  const names = Object.keys(kinds);
  const accepted: string[] = [];
  for (let round = 0; round < mutations; round += 1) {
    const kind = names[round % names.length] ?? "";
    const name = files[random(files.length)] ?? "run.json";
    const place = tempFolder();
    const dir = join(place, id.slice(0, 8), id);
    cpSync(whole, dir, { recursive: true });
    const before = readFileSync(join(dir, name));
    kinds[kind]?.(join(dir, name), random);
    const outside = namesOutside(place, id);
    const said = [
      await saidBy(() => readRun(dir)),
      await saidBy(async () => {
        for await (const cell of readCells(dir)) void cell;
      }),
      await saidBy(() => readCatalog(dir)),
    ];
    let problems: readonly string[] = [];
    said.push(
      await saidBy(async () => {
        ({ problems } = await checkRun(place, dir, id, []));
      }),
    );
    if (problems.length === 0 && said.every((one) => one === undefined) && !isSame(join(dir, name), before))
      accepted.push(`${round}: ${kind} of ${name}`);
    expect(namesOutside(place, id)).toEqual(outside);
    rmSync(place, { recursive: true, force: true });
  }
  expect(accepted).toEqual([]);
}, 120_000);

it("a chain that refers to itself, or to what no archive is, ends", async () => {
  const root = tempFolder();
  await archive(root, failures);
  const line = readFileSync(join(root, "chain.txt"), "utf8");
  const hostile = `${line.repeat(500)}${"0".repeat(64)}  ../../../etc/passwd\n${"é".repeat(10_000)}\n\u0000`;
  writeFileSync(join(root, "chain.txt"), hostile);
  expect((await latestArchive(root))?.id).toBe(failures.run.id);
  await recover(root);
  expect(readFileSync(join(root, "chain.txt"), "utf8")).toBe(hostile);
});
