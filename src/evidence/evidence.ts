import { grouped } from "../lib/grouped.ts";
import { createHash } from "node:crypto";
import { failsRun, isLeak } from "../model/finding.ts";
import type { Waiver } from "../model/matrix.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import { verdictInfo } from "../model/verdict.ts";

/** A run as an auditor needs it: what its archive says, in short. */
export interface AuditedRun {
  readonly id: string;
  /** Why the archive is not believed: then nothing that it says counts. */
  readonly problems: readonly string[];
  readonly signedBy: readonly string[];
  readonly facts?: RunFacts | undefined;
}

export interface RunFacts {
  readonly startedAt: string;
  readonly matrix: string;
  readonly target: string;
  readonly gitCommit: string | undefined;
  readonly exitCode: RunRecord["exitCode"];
  readonly cells: number;
  readonly filtered: boolean;
  readonly passed: ReadonlySet<string>;
  /** Cells and kinds of findings that failed, waived ones left out. */
  readonly failed: ReadonlyMap<string, string>;
  readonly waived: ReadonlyMap<string, Pick<Waiver, "reason" | "expires">>;
}

/** Findings are of the run, and are named by their kind. */
export async function factsOf(
  run: RunRecord,
  cells: AsyncIterable<CellRecord> | Iterable<CellRecord>,
): Promise<RunFacts> {
  const passed = new Set<string>();
  const failed = new Map<string, string>();
  const waived = new Map<string, Pick<Waiver, "reason" | "expires">>();
  for await (const { id, verdict, waived: isWaived, waiver } of cells) {
    if (isWaived && waiver !== undefined) waived.set(id, waiver);
    else if (verdict === "pass") passed.add(id);
    else if (verdictInfo[verdict].counts !== "skip") failed.set(id, verdict);
  }
  for (const finding of run.findings)
    if (failsRun(finding)) failed.set(`finding ${finding.kind}`, isLeak(finding) ? "leak" : "finding");
  for (const { relation, reason, expires } of run.waivedRelations ?? [])
    waived.set(`every cell of ${relation}`, { reason, expires });
  return {
    startedAt: run.startedAt,
    matrix: run.matrix.name,
    target: run.target.name,
    gitCommit: run.gitCommit,
    exitCode: run.exitCode,
    cells: run.counts.cells,
    filtered: run.filters.only.length + run.filters.personas.length > 0 || run.filters.channels.length < 2,
    passed,
    failed,
    waived,
  };
}

export interface Period {
  /** Days, `YYYY-MM-DD` in UTC, both of them within the period. */
  readonly from: string;
  readonly to: string;
  /** The end of the period, or now where that is earlier: ISO 8601. */
  readonly end: string;
  /** Between two runs of the schedule at the most. */
  readonly everyHours: number;
}

export interface Exception {
  readonly series: string;
  readonly what: string;
  readonly verdict: string;
  readonly since: string;
  readonly run: string;
  /** `undefined`: open. */
  readonly ended?: { readonly at: string; readonly run: string; readonly how: string } | undefined;
}

export interface Gap {
  readonly series: string;
  readonly from: string;
  readonly to: string;
  readonly hours: number;
}

export interface WaiverUse extends Pick<Waiver, "reason" | "expires"> {
  readonly series: string;
  readonly what: string;
  readonly firstRun: string;
  readonly lastRun: string;
}

export interface Evidence {
  readonly period: Period;
  readonly runs: readonly AuditedRun[];
  readonly gaps: readonly Gap[];
  readonly exceptions: readonly Exception[];
  readonly waivers: readonly WaiverUse[];
  readonly sample: { readonly seed: string; readonly runs: readonly string[] };
}

/** @param all every run that is kept, also before the period (what was open then) and after it (what was resolved since) */
export function evidenceOf(
  all: readonly AuditedRun[],
  period: Period,
  sample: { readonly seed: string; readonly size: number },
): Evidence {
  const ordered = all.toSorted((one, other) => startOf(one).localeCompare(startOf(other)));
  const runs = ordered.filter((run) => isWithin(startOf(run), period));
  const series = grouped(ordered.filter(isBelieved), ({ facts }) => `${facts.matrix} on ${facts.target}`);
  const each = <T>(of: (name: string, runs: readonly Believed[]) => readonly T[]): readonly T[] =>
    [...series].flatMap(([name, own]) => of(name, own));
  return {
    period,
    runs,
    gaps: each((name, own) => gapsOf(name, own, period)),
    exceptions: each((name, own) => exceptionsOf(name, own)).filter(
      ({ since, ended }) => day(since) <= period.to && (ended === undefined || day(ended.at) >= period.from),
    ),
    waivers: each((name, own) =>
      waiversOf(
        name,
        own.filter(({ facts }) => isWithin(facts.startedAt, period)),
      ),
    ),
    sample: { seed: sample.seed, runs: sampleOf(runs, sample) },
  };
}

/** What an auditor would ask about: none of it is left, or the exit code is 1. */
export function openPoints({ period, runs, gaps, exceptions }: Evidence): readonly string[] {
  const open = exceptions.filter(({ ended }) => ended === undefined).length;
  const damaged = runs.filter((run) => !isBelieved(run)).length;
  return [
    ...(runs.length === 0 ? [`no run from ${period.from} to ${period.to}`] : []),
    ...(damaged > 0 ? [`${damaged} runs whose archive is not intact`] : []),
    ...(gaps.length > 0 ? [`${gaps.length} gaps in the schedule`] : []),
    ...(open > 0 ? [`${open} exceptions that are not resolved`] : []),
  ];
}

type Believed = AuditedRun & { readonly facts: RunFacts };

function isBelieved(run: AuditedRun): run is Believed {
  return run.problems.length === 0 && run.facts !== undefined;
}

/** Of a run that is not believed, its id: that is the folder's name. */
function startOf({ id, facts }: AuditedRun): string {
  return facts?.startedAt ?? id.replace(/^(....)(..)(..)T(..)(..)(..)Z.*$/, "$1-$2-$3T$4:$5:$6.000Z");
}

const day = (time: string): string => time.slice(0, 10);

function isWithin(time: string, { from, to }: Period): boolean {
  return day(time) >= from && day(time) <= to;
}

/** Only whole runs that could do their job are runs of the schedule. */
function gapsOf(series: string, runs: readonly Believed[], period: Period): readonly Gap[] {
  const start = `${period.from}T00:00:00.000Z`;
  const times = runs
    .filter(({ facts }) => !facts.filtered && facts.exitCode !== 2)
    .map(({ facts }) => facts.startedAt)
    .filter((time) => time <= period.end);
  const before = times.findLast((time) => time < start);
  const marks = [before ?? start, ...times.filter((time) => time >= start), period.end];
  return marks.slice(1).flatMap((to, index) => {
    const from = marks[index] ?? start;
    const hours = (Date.parse(to) - Date.parse(from)) / 3_600_000;
    return hours > period.everyHours ? [{ series, from, to, hours: Math.round(hours * 10) / 10 }] : [];
  });
}

/** An exception ends where the same cell passes, or is waived, in a later run that could do its job. */
function exceptionsOf(series: string, runs: readonly Believed[]): readonly Exception[] {
  const open = new Map<string, Exception>();
  const closed: Exception[] = [];
  for (const { id, facts } of runs) {
    for (const [what, exception] of open) {
      const how = endOf(what, facts);
      if (how === undefined) continue;
      open.delete(what);
      closed.push({ ...exception, ended: { at: facts.startedAt, run: id, how } });
    }
    for (const [what, verdict] of facts.failed)
      if (!open.has(what)) open.set(what, { series, what, verdict, since: facts.startedAt, run: id });
  }
  return [...closed, ...open.values()];
}

function endOf(what: string, { failed, passed, waived, filtered, exitCode }: RunFacts): string | undefined {
  if (failed.has(what)) return undefined;
  const waiver = waived.get(what);
  if (waiver !== undefined) return `waived until ${waiver.expires}: ${waiver.reason}`;
  if (exitCode === 2) return undefined;
  if (what.startsWith("finding ")) return filtered ? undefined : "no longer found";
  return passed.has(what) ? "passed" : undefined;
}

function waiversOf(series: string, runs: readonly Believed[]): readonly WaiverUse[] {
  const uses = runs.flatMap(({ id, facts }) =>
    [...facts.waived].map(([what, { reason, expires }]) => ({ id, what, reason, expires })),
  );
  const same = grouped(uses, ({ what, reason, expires }) => JSON.stringify([what, reason, expires]));
  return [...same.values()].flatMap((all) => {
    const [first, last] = [all[0], all.at(-1)];
    if (first === undefined || last === undefined) return [];
    const { what, reason, expires } = first;
    return [{ series, what, reason, expires, firstRun: first.id, lastRun: last.id }];
  });
}

/** The runs with the lowest SHA-256 of `<seed>:<id>`: with the seed, anybody draws the same ones with sha256sum and sort. */
function sampleOf(
  runs: readonly AuditedRun[],
  { seed, size }: { readonly seed: string; readonly size: number },
): readonly string[] {
  const rank = (id: string): string => createHash("sha256").update(`${seed}:${id}`).digest("hex");
  return runs
    .map(({ id }) => ({ id, rank: rank(id) }))
    .toSorted((one, other) => one.rank.localeCompare(other.rank))
    .slice(0, size)
    .map(({ id }) => id);
}
