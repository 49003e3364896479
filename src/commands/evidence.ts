import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { chainFile, checkpointFile } from "../archive/chain.ts";
import { checkAll, type RunCheck } from "../archive/check.ts";
import { onDisk, writeWhole } from "../archive/disk.ts";
import { readCells, readRun } from "../archive/read.ts";
import type { PublicKey } from "../archive/sign.ts";
import { formatSums, sha256, sumsFile } from "../archive/verify.ts";
import { readControls, startingControls } from "../evidence/controls.ts";
import {
  type AuditedRun,
  type Evidence,
  evidenceOf,
  factsOf,
  openPoints,
  type Period,
} from "../evidence/evidence.ts";
import { csvOf, pageOf, tablesOf } from "../evidence/tables.ts";
import { now } from "../lib/clock.ts";
import { RowgateError } from "../model/errors.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { publicKeys } from "./keys.ts";

export interface EvidenceOptions {
  readonly from: string;
  readonly to: string;
  readonly every: number;
  readonly seed: string | undefined;
  readonly sample: number;
  readonly controls: string | undefined;
  readonly key: string | undefined;
  readonly logs: string;
  readonly out: string | undefined;
}

/** `rowgate evidence`: 0, nothing is open; 1, there are gaps, open exceptions, altered runs or no run; 2, it could not be written. */
export async function evidenceCommand(
  options: EvidenceOptions,
  { cwd, out }: Environment,
): Promise<ExitCode> {
  const period = periodOf(options);
  const controlsText =
    options.controls === undefined ? startingControls : await readText(options.controls, cwd);
  const controls = readControls(controlsText, options.controls ?? "controls.yaml");
  const logs = path.resolve(cwd, options.logs);
  const { runs, problems } = await audited(logs, await publicKeys(options.key, cwd));
  const sample = { seed: options.seed ?? `${period.from}..${period.to}`, size: options.sample };
  const evidence = evidenceOf(runs, period, sample);
  const tables = tablesOf(evidence, controls);
  const folder = path.resolve(cwd, options.out ?? `evidence-${period.from}-${period.to}`);
  const files: Record<string, string> = {
    "evidence.json": jsonOf(evidence, problems),
    "evidence.html": pageOf(evidence, tables, problems),
    "controls.yaml": controlsText,
    ...Object.fromEntries(tables.map((table) => [`${table.name}.csv`, csvOf(table)])),
  };
  for (const name of [chainFile, checkpointFile]) {
    const text = await readFile(path.join(logs, name), "utf8").catch(() => undefined);
    if (text !== undefined) files[name] = text;
  }
  await writeFolder(folder, files);
  const points = [...openPoints(evidence), ...problems];
  const state = points.length === 0 ? "nothing is open" : points.join("; ");
  out.write(`${path.relative(cwd, folder) || "."}: ${evidence.runs.length} runs; ${state}\n`);
  return points.length === 0 ? 0 : 1;
}

function periodOf({ from, to, every }: EvidenceOptions): Period {
  for (const given of [from, to]) {
    const read = new Date(`${given}T00:00:00Z`);
    if (
      !/^\d{4}-\d{2}-\d{2}$/.test(given) ||
      Number.isNaN(read.getTime()) ||
      read.toISOString().slice(0, 10) !== given
    )
      throw usage(`${given} is not a day.`, "write it as 2026-11-30");
  }
  if (from > to)
    throw usage(`The period ends before it begins: ${from} to ${to}.`, "exchange --from and --to");
  const end = Math.min(Date.parse(`${to}T00:00:00Z`) + 86_400_000, now().wall);
  return { from, to, end: new Date(end).toISOString(), everyHours: every };
}

async function audited(
  logs: string,
  keys: readonly PublicKey[],
): Promise<{ readonly runs: readonly AuditedRun[]; readonly problems: readonly string[] }> {
  const found = await onDisk("Could not read the archives", logs, () => checkAll(logs, keys));
  const runs: AuditedRun[] = [];
  for (const check of found.runs) runs.push(await auditedRun(logs, check));
  const cut = found.cutShort.map((name) => `${name} was cut short: it has no result`);
  return { runs, problems: [...found.problems, ...cut] };
}

async function auditedRun(logs: string, { id, problems, signatures, chain }: RunCheck): Promise<AuditedRun> {
  const folder = path.join(logs, id.slice(0, 8), id);
  const signedBy = [...new Set(signatures.flatMap(({ state, keyId }) => (state === "valid" ? [keyId] : [])))];
  const all = [...problems, ...(chain === "unchained" ? ["it is not in the chain"] : [])];
  // Of an archive that was altered, nothing is repeated.
  if (all.length > 0) return { id, problems: all, signedBy };
  return { id, problems: [], signedBy, facts: await factsOf(await readRun(folder), readCells(folder)) };
}

function jsonOf(evidence: Evidence, problems: readonly string[]): string {
  return `${JSON.stringify({ ...evidence, problems }, plainValue, 2)}\n`;
}

/** Cells that passed are counted: the archive of the run lists them. */
function plainValue(_: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  return value instanceof Set ? value.size : value;
}

async function writeFolder(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  const doing = "Could not write the evidence";
  await onDisk(doing, path.dirname(folder), () => mkdir(path.dirname(folder), { recursive: true }));
  // Never among files of another period: a separate folder, which does not exist yet.
  await mkdir(folder, { mode: 0o700 }).catch((cause: unknown) => {
    throw new RowgateError({
      code: "evidence/folder",
      message: `${doing}: the folder ${folder} exists already, or cannot be made.`,
      hint: "name another one with --out, or remove this one",
      cause,
    });
  });
  for (const [name, text] of Object.entries(files)) await writeWhole(path.join(folder, name), text);
  const sums = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, sha256(text)]));
  await writeWhole(path.join(folder, sumsFile), formatSums(sums));
}

async function readText(file: string, cwd: string): Promise<string> {
  return await readFile(path.resolve(cwd, file), "utf8").catch((cause: unknown) => {
    throw new RowgateError({
      code: "controls/unreadable",
      message: `Could not read the list of controls ${file}.`,
      hint: "check the path; without --controls rowgate writes one to start from",
      cause,
    });
  });
}

function usage(message: string, hint: string): RowgateError {
  return new RowgateError({ code: "usage/period", message, hint });
}
