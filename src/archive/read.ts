import { join } from "node:path";
import { messageOf, RowgateError } from "../model/errors.ts";
import { archiveVersion, type CellRecord, type RunRecord } from "../model/run.ts";
import { dictionaryFile, highestReference, NotPacked, Unpacker } from "./dictionary.ts";
import { diskError, openPlain, readWhole } from "./disk.ts";
import { createCompleter } from "./usual.ts";
import { isObject } from "../lib/json.ts";
import { z } from "zod";
import { baselineNames, defaultPrivileges } from "../model/baseline.ts";
import { channels } from "../model/cell.ts";
import { effects } from "../model/effect.ts";
import { type FindingKind, findingSeverity } from "../model/finding.ts";
import { operations } from "../model/matrix.ts";
import { postures } from "../model/target.ts";
import { evidences, verdictInfo, verdicts } from "../model/verdict.ts";

/** An older version → the next one. 1: every cell spells out its texts; its lines refer to nothing. 2: it spells out its usual values. Both are lines of today. */
const migrations: Readonly<Record<number, (run: object) => object>> = {
  1: (run) => ({ ...run, archiveVersion: 2 }),
  2: (run) => ({ ...run, archiveVersion: 3 }),
};

/**
 * A run as this rowgate would have recorded it, whichever version wrote it.
 * @throws RowgateError `archive/disk` when there is no `run.json` to read, `archive/version` when a later rowgate wrote it,
 * `archive/shape` naming the field that is not as it should be.
 */
export async function readRun(dir: string): Promise<RunRecord> {
  const file = join(dir, "run.json");
  const value = migrate(parse(await readWhole("Could not read the run", file), file, 1), file);
  const problem = runProblem(value);
  if (problem !== undefined) throw shapeError(file, 1, problem);
  return value as RunRecord;
}

function migrate(value: unknown, file: string): unknown {
  if (typeof value !== "object" || value === null || !("archiveVersion" in value)) return value;
  const version = value.archiveVersion;
  if (typeof version !== "number" || version === archiveVersion) return value;
  const next = Object.hasOwn(migrations, version) ? migrations[version] : undefined;
  if (next !== undefined) return migrate(next(value), file);
  throw new RowgateError({
    code: "archive/version",
    message: `The archive has version ${version}; this rowgate reads versions 1 to ${archiveVersion}`,
    at: { file, line: 1, column: 1 },
    hint: "read it with the rowgate that run.json names",
  });
}

/**
 * The cells in the order in which they were written, one at a time.
 * @throws RowgateError `archive/disk`, or `archive/shape` naming the line that is not a cell.
 */
export async function* readCells(dir: string): AsyncGenerator<CellRecord, void, undefined> {
  const file = join(dir, "cells.ndjson");
  const dictionary = join(dir, dictionaryFile);
  // An archive of version 1 has none, and no cell of it asks for an entry.
  const entries = linesOf(dictionary);
  const unpacker = new Unpacker();
  const complete = createCompleter();
  try {
    for await (const [line, text] of linesOf(file)) {
      const parsed = parse(text, file, line);
      const highest = attempt(file, line, () => highestReference(parsed));
      while (unpacker.end <= highest) {
        const { value: entry, done } = await entries.next();
        if (done === true) throw shapeError(file, line, `${dictionaryFile} has no entry ${highest}`);
        const [at, json] = entry;
        attempt(dictionary, at, () => unpacker.add(json, parse(json, dictionary, at)));
      }
      const value = complete(attempt(file, line, () => unpacker.record(text, parsed)));
      const problem = cellProblem(value);
      if (problem !== undefined) throw shapeError(file, line, problem);
      yield value as CellRecord;
    }
  } finally {
    await entries.return();
  }
}

function attempt<T>(file: string, line: number, step: () => T): T {
  try {
    return step();
  } catch (cause) {
    if (cause instanceof NotPacked) throw shapeError(file, line, cause.message);
    // Deeper than the stack: JSON can be nested without end.
    if (cause instanceof RangeError) throw shapeError(file, line, "it is nested too deeply");
    throw cause;
  }
}

/** Characters. Nothing of ours comes near: what servers say is cut before it is recorded. */
const longestLine = 32 * 1024 * 1024;

/** Splits at \n only: node:readline splits at U+2028 as well, which JSON leaves as it is within a string. */
async function* linesOf(
  file: string,
): AsyncGenerator<readonly [line: number, text: string], void, undefined> {
  const doing = "Could not read the cells";
  let line = 0;
  let rest = "";
  const handle = await openPlain(doing, file);
  const chunks = handle.createReadStream({ encoding: "utf8" });
  try {
    for await (const chunk of chunks) {
      const lines = `${rest}${String(chunk)}`.split("\n");
      rest = lines.pop() ?? "";
      for (const text of lines) yield [(line += 1), text];
      if (rest.length > longestLine) throw shapeError(file, line + 1, "the line is longer than any of ours");
    }
  } catch (cause) {
    throw diskError(doing, file, cause);
  }
  // The writer ends every line, so what has no end was cut off, even where it happens to parse.
  if (rest !== "") throw shapeError(file, line + 1, "the line has no end");
}

function parse(text: string, file: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw shapeError(file, line, messageOf(cause));
  }
}

function shapeError(file: string, line: number, problem: string): RowgateError {
  return new RowgateError({
    code: "archive/shape",
    message: `${file}:${line} is not what rowgate writes: ${problem}`,
    at: { file, line, column: 1 },
    hint: "the archive was changed or cut off: compare it with its SHA256SUMS (`sha256sum -c SHA256SUMS`)",
  });
}

/*
 * What a reader relies on. Unknown fields pass: a later rowgate may add some without raising the version.
 * A finding's kind and a verdict must be known, since every reader looks them up in a table.
 */
const findingKinds = Object.keys(findingSeverity) as [FindingKind, ...FindingKind[]];
const verdict = z.enum(verdicts);
const count = z.int().min(0);
const byVerdict = z.record(verdict, count);
const texts = z.array(z.string());

const target = z.looseObject({
  name: z.string(),
  posture: z.enum(postures),
  database: z.string(),
  serverVersion: z.string(),
  rest: z
    .looseObject({
      url: z.string(),
      gateway: z.looseObject({ kind: z.enum(["builtin", "postgrest", "remote"]), version: z.string() }),
    })
    .optional(),
  containers: z
    .looseObject({
      images: z.array(z.looseObject({ use: z.string(), name: z.string(), id: z.string() })),
      reused: z.boolean(),
    })
    .optional(),
  baseline: z
    .looseObject({
      name: z.enum(baselineNames),
      defaultPrivileges: z.enum(defaultPrivileges).optional(),
      privilegesFrom: z.string().optional(),
      captured: z.looseObject({ target: z.string(), capturedAt: z.string() }).optional(),
      extraSearchPath: texts.optional(),
      standIns: texts,
      skipped: z.array(
        z.looseObject({ file: z.string(), line: count, statement: z.string(), because: z.string() }),
      ),
    })
    .optional(),
});

const gatewayChecks = z.looseObject({
  rollbackHonoured: z.boolean(),
  tamperedTokenRefused: z.boolean().optional(),
  unknownRoleRefused: z.boolean().optional(),
  sameDatabase: z.boolean().optional(),
  identityShown: z.boolean().optional(),
});

const run = z.looseObject({
  archiveVersion: z.literal(archiveVersion),
  id: z.string(),
  chainOrigin: z.string().optional(),
  rowgate: z.string(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  gitCommit: z.string().optional(),
  matrix: z.looseObject({ name: z.string(), file: z.string() }),
  inputs: z.array(z.looseObject({ path: z.string(), sha256: z.string() })),
  target,
  filters: z.looseObject({ only: texts, personas: texts, channels: z.array(z.enum(channels)) }),
  personas: z.array(z.looseObject({ name: z.string(), role: z.string() })),
  relations: texts,
  gatewayChecks: gatewayChecks.optional(),
  fingerprints: z.array(z.looseObject({ relation: z.string() })),
  findings: z.array(z.looseObject({ kind: z.enum(findingKinds) })),
  counts: z.looseObject({
    cells: count,
    byVerdict,
    byChannel: z.record(z.enum(channels), byVerdict),
    byEvidence: z.record(z.enum(evidences), count).optional(),
    anyTables: count.optional(),
    waived: count,
    observed: count.optional(),
    waivedByVerdict: byVerdict,
    waivedErrors: z.record(z.enum(channels), count).optional(),
  }),
  roundTrips: z.looseObject({ direct: count, rest: count }),
  timings: z.looseObject({ start: z.number(), preflight: z.number(), probe: z.number(), total: z.number() }),
  exitCode: z.literal([0, 1, 2]),
  previous: z.looseObject({ id: z.string(), sha256: z.string() }).optional(),
});

/** `undefined` when the value is a run record; else the first field that is not, and why. */
function runProblem(value: unknown): string | undefined {
  const issue = run.safeParse(value).error?.issues[0];
  return issue === undefined ? undefined : `${issue.path.join(".") || "the file"}: ${issue.message}`;
}

/** By hand, since it runs for a million lines: what any reader of a cell relies on. */
function cellProblem(value: unknown): string | undefined {
  if (!isObject(value)) return "a cell is an object";
  const missing = ["id", "matrix", "persona", "schema", "relation"].find(
    (field) => typeof value[field] !== "string",
  );
  if (missing !== undefined) return `${missing}: expected a string`;
  if (!isOneOf(operations, value["operation"])) return "operation: expected one of rowgate's operations";
  if (!isVerdict(value["verdict"])) return "verdict: expected one of rowgate's verdicts";
  if (typeof value["waived"] !== "boolean") return "waived: expected a boolean";
  if (typeof value["implied"] !== "boolean") return "implied: expected a boolean";
  if (!isObject(value["expectation"])) return "expectation: expected an object";
  if (!isObject(value["at"])) return "at: expected an object";
  if (!isObject(value["notOn"])) return "notOn: expected an object";
  if (!Array.isArray(value["inForce"])) return "inForce: expected an array";
  return isObject(value["channels"]) ? channelsProblem(value["channels"]) : "channels: expected an object";
}

function channelsProblem(byChannel: Readonly<Record<string, unknown>>): string | undefined {
  for (const [channel, record] of Object.entries(byChannel)) {
    const at = `channels.${channel}`;
    if (!isOneOf(channels, channel)) return `${at}: no such channel`;
    if (!isObject(record)) return `${at}: expected an object`;
    if (!isVerdict(record["verdict"])) return `${at}.verdict: expected one of rowgate's verdicts`;
    if (!isOneOf(effects, record["effect"])) return `${at}.effect: expected one of rowgate's effects`;
    if (!isObject(record["observation"])) return `${at}.observation: expected an object`;
  }
  return undefined;
}

function isOneOf(known: readonly string[], value: unknown): boolean {
  return typeof value === "string" && known.includes(value);
}

function isVerdict(value: unknown): boolean {
  return typeof value === "string" && Object.hasOwn(verdictInfo, value);
}
