import type { BaselineRecord } from "../model/baseline.ts";
import { channels } from "../model/cell.ts";
import { failsRun, isChain, isLeak } from "../model/finding.ts";
import type { Counts, EscalationRecord, RunRecord } from "../model/run.ts";
import type { Verdict } from "../model/verdict.ts";
import { evidences, verdicts } from "../model/verdict.ts";
import { probedOn, type ReportOptions } from "./archived-run.ts";
import type { Paint, Tone } from "./paint.ts";
import { painter } from "./paint.ts";
import { clean, glued, hanging, number, oneLine, plural, seconds } from "./text.ts";
import { failureOrder, verdictWords } from "./words.ts";

const endings: Record<
  RunRecord["exitCode"],
  { readonly word: string; readonly means: string; readonly tone: Tone }
> = {
  0: { word: "PASS", means: "", tone: "good" },
  1: { word: "FAIL", means: "exit 1: an expectation failed", tone: "bad" },
  2: { word: "ERROR", means: "exit 2: rowgate could not do its job", tone: "bad" },
};

/** The line that everybody reads: verdict of the run, how much was probed, and what a PASS does not cover. */
export function lastLines(
  run: RunRecord,
  width: number,
  paint: Paint,
  doubt: string | undefined,
): readonly string[] {
  return endingLines(endingOf(run, doubt), width, paint);
}

/** The same, in its parts. */
export function runEnding(run: RunRecord, doubt: string | undefined): EndingParts {
  const ending = endingOf(run, doubt);
  return { title: ending.title, ...endings[ending.exitCode], facts: factsOf(ending) };
}

export interface EndingParts {
  readonly title: string;
  readonly word: string;
  readonly tone: Tone;
  readonly facts: readonly string[];
}

function endingOf(run: RunRecord, doubt: string | undefined): Ending {
  const title = oneLine(`${run.matrix.name} on ${who(run)}`);
  const exitCode = doubt === undefined ? run.exitCode : 2;
  const failed = doubt === undefined ? failureNotes([run], exitCode) : [doubt];
  return { title, exitCode, runs: [run], milliseconds: run.timings.total, failed };
}

interface Ending {
  readonly title: string;
  readonly exitCode: RunRecord["exitCode"];
  readonly runs: readonly RunRecord[];
  readonly milliseconds: number;
  /** What comes before anything else: why it is no PASS. */
  readonly failed: readonly string[];
  /** What a PASS does not cover, besides skips and filters. */
  readonly asides?: readonly string[];
}

/** The ending of one run, or of several together. */
function endingLines(ending: Ending, width: number, paint: Paint): readonly string[] {
  const { word, tone } = endings[ending.exitCode];
  const lines = hanging(`${ending.title}  ${word}  ${factsOf(ending).join("; ")}`, width);
  return lines.map((line) => line.replace(new RegExp(`(?<=  )${word}(?=  |$)`), paint(tone, word)));
}

function factsOf({ exitCode, runs, milliseconds, failed, asides = [] }: Ending): readonly string[] {
  const { means } = endings[exitCode];
  const all = addCounts(runs.map(({ counts }) => counts));
  const notes = runs.flatMap(({ findings }) => findings).filter((finding) => !failsRun(finding)).length;
  const leftOut = runs.flatMap(({ waivedRelations = [] }) => waivedRelations);
  const functions = leftOut.filter(({ relation }) => relation.endsWith(")")).length;
  const waived = leftOut.length - functions;
  return [
    ...failed,
    `${glued(plural(all.cells, "cell"))} (${probed(all)}) in ${glued(seconds(milliseconds))}`,
    all.byVerdict.skipped > 0 ? glued(`${number(all.byVerdict.skipped)} skipped`) : undefined,
    all.waived > 0 ? glued(`${number(all.waived)} waived`) : undefined,
    waived > 0 ? glued(`${plural(waived, "relation")} waived`) : undefined,
    functions > 0 ? glued(`${plural(functions, "function")} waived`) : undefined,
    (all.observed ?? 0) > 0
      ? `${glued(`${number(all.observed ?? 0)} observed`)}, not confirmed: an observation is no intention`
      : undefined,
    runs[0] === undefined ? undefined : filterText(runs[0]),
    ...asides,
    ...escalationFacts(runs),
    ...new Set(runs.map(gatewayNote)),
    ...new Set(runs.map(baselineNote)),
    notes > 0 ? glued(plural(notes, "note")) : undefined,
    means,
  ].filter((fact): fact is string => fact !== undefined && fact !== "");
}

/** How many chains were tried: what was not is no part of a PASS. */
function escalationFacts(runs: readonly RunRecord[]): readonly string[] {
  const all = runs.flatMap(({ escalation }) => escalation ?? []);
  const searched = all.filter(({ because }) => because === undefined);
  const unsearched = [...new Set(all.flatMap(({ because }) => because ?? []))];
  const counts = (of: (one: EscalationRecord) => number): number =>
    searched.reduce((total, one) => total + of(one), 0);
  const gained = runs
    .flatMap(({ findings }) => findings)
    .filter((one) => isChain(one) && failsRun(one)).length;
  const tried = `${number(counts((one) => one.tried))} of ${number(counts((one) => one.possible))} one-step chains tried`;
  const notConfirmed = counts((one) => one.notConfirmed ?? 0);
  return [
    ...(searched.length === 0
      ? []
      : [`${tried}, ${gained === 0 ? "none gained" : `${number(gained)} gained`}`]),
    ...(notConfirmed === 0
      ? []
      : [`${glued(plural(notConfirmed, "chain"))} gained once and not again: others changed rows meanwhile`]),
    ...unsearched.map((because) => `escalation not searched (${oneLine(because)})`),
  ];
}

/** What failed: cells that no waiver covers, findings, or that there was nothing to fail. */
function failureNotes(runs: readonly RunRecord[], exitCode: RunRecord["exitCode"]): readonly string[] {
  if (exitCode === 0 || runs.length === 0) return [];
  const { byVerdict, waivedByVerdict } = addCounts(runs.map(({ counts }) => counts));
  const failing = runs.flatMap(({ findings }) => findings).filter(failsRun);
  const leaks = failing.filter(isLeak);
  const live = failureOrder
    .map((verdict) => ({
      ...verdictWords[verdict],
      count: byVerdict[verdict] - waivedByVerdict[verdict] + (verdict === "leak" ? leaks.length : 0),
    }))
    .filter(({ count }) => count > 0)
    .map(({ count, one, many }) => glued(plural(count, one, many)));
  const found = failing.length - leaks.length;
  const parts = [...live, ...(found > 0 ? [glued(plural(found, "failing finding"))] : [])];
  if (parts.length > 0) return [parts.join(", ")];
  return runs.some(({ exitCode: own }) => own !== 0) ? ["no cell was probed"] : [];
}

function probed(counts: Counts): string {
  return channels.map((channel) => glued(`${channel} ${number(probedOn(counts, channel))}`)).join(", ");
}

/** A filtered run proves what it probed and no more. */
function filterText(run: RunRecord): string | undefined {
  const { only, personas, channels: asked } = run.filters;
  const parts = [
    ...only.map((pattern) => `--only ${pattern}`),
    ...personas.map((persona) => `--persona ${persona}`),
    ...(asked.length < channels.length ? asked.map((channel) => `--channel ${channel}`) : []),
  ];
  return parts.length === 0 ? undefined : oneLine(`filtered by ${parts.join(" ")}`);
}

/** What a gateway that is not PostgREST must be called wherever something passed through it. */
const notPostgrest = "rest: builtin gateway, not PostgREST";

/** What answered on the rest channel, where that must be said: it is not PostgREST, or which image's PostgREST it is. */
export function gatewayNote({ target }: RunRecord): string | undefined {
  const gateway = target.rest?.gateway;
  if (gateway === undefined) return undefined;
  if (gateway.kind === "builtin") return notPostgrest;
  if (gateway.image === undefined) return undefined;
  const name = `rest: ${oneLine(clean(gateway.image))}`;
  return gateway.kind === "postgrest" ? name : `${name}, which does not say that it is PostgREST`;
}

/** What a database was made to look like, where its new tables follow rules that the target it replaces may not have. */
export function baselineNote({ target: { baseline } }: RunRecord): string | undefined {
  if (baseline === undefined) return undefined;
  const skipped = baseline.skipped.length;
  const left = skipped === 0 ? "" : `, ${skipped} statement${skipped === 1 ? "" : "s"} skipped or noted`;
  const extensions = baseline.standIns.flatMap((one) => /^extension (\S+)/.exec(one)?.[1] ?? []);
  const imitated = extensions.length === 0 ? "" : `, stand-ins for ${extensions.join(", ")}`;
  if (baseline.name === "plain") return left === "" ? undefined : left.slice(2);
  return `imitated Supabase, default privileges ${privilegesText(baseline)}${left}${imitated}`;
}

/** `legacy (assumed)`, `as-captured (live, 2026-05-04)` */
function privilegesText({ defaultPrivileges, privilegesFrom, captured }: BaselineRecord): string {
  if (captured !== undefined)
    return oneLine(clean(`as-captured (${captured.target}, ${captured.capturedAt.slice(0, 10)})`));
  return `${defaultPrivileges}${privilegesFrom === "assumed" ? " (assumed)" : ""}`;
}

/** `school-staging (staging)`; a target that is called as its posture is named once. */
export function who(run: RunRecord): string {
  const { name, posture } = run.target;
  return name === posture ? name : `${name} (${posture})`;
}

/** What came of one of several systems. */
export type SummaryEntry =
  /** `doubt`: why `run.json` is not believed. */
  | { readonly kind: "proved"; readonly run: RunRecord; readonly doubt: string | undefined }
  | { readonly kind: "failed"; readonly name: string; readonly message: string }
  /** The filters left none of its cells. */
  | { readonly kind: "not-asked"; readonly name: string };

type Looks = Pick<ReportOptions, "width" | "colour" | "quiet">;

/** What parts the report of one system from that of another. */
export function systemHeading({ name, file }: RunRecord["matrix"], options: Looks): string {
  return painter(options.colour)("strong", oneLine(`== ${name} (${file}) ==`));
}

export function reportWidth({ width }: Pick<ReportOptions, "width">): number {
  return Math.min(Math.max(width, 40), 120);
}

/** A line a system, in their order, and one over all. In a quiet run each system has had its line. */
export function summarise(
  entries: readonly SummaryEntry[],
  exitCode: RunRecord["exitCode"],
  milliseconds: number,
  options: Looks,
): string {
  const width = reportWidth(options);
  const paint = painter(options.colour);
  const lines = (entry: SummaryEntry): readonly string[] =>
    entry.kind === "proved" ? lastLines(entry.run, width, paint, entry.doubt) : otherLines(entry, width);
  const each = entries.filter(({ kind }) => !options.quiet || kind !== "proved").flatMap(lines);
  return `${[...each, ...overallLines(entries, exitCode, milliseconds, options)].join("\n")}\n`;
}

function otherLines(entry: Exclude<SummaryEntry, { kind: "proved" }>, width: number): readonly string[] {
  const text =
    entry.kind === "failed"
      ? `ERROR  ${oneLine(entry.message)}`
      : "not probed: none of its cells was asked for";
  return hanging(`${clean(entry.name)}  ${text}`, width);
}

function overallLines(
  entries: readonly SummaryEntry[],
  exitCode: RunRecord["exitCode"],
  milliseconds: number,
  options: Looks,
): readonly string[] {
  const runs = entries.flatMap((entry) => (entry.kind === "proved" ? [entry.run] : []));
  const count = (kind: SummaryEntry["kind"]): number => entries.filter((entry) => entry.kind === kind).length;
  const broken = count("failed");
  const left = count("not-asked");
  const doubted = entries.filter((entry) => entry.kind === "proved" && entry.doubt !== undefined).length;
  const targets = [...new Set(runs.map(who))].join(", ");
  return endingLines(
    {
      title: `${plural(runs.length + broken, "system")}${targets === "" ? "" : ` on ${oneLine(targets)}`}`,
      exitCode,
      runs,
      milliseconds,
      failed: [
        ...failureNotes(runs, exitCode),
        ...(broken > 0 ? [`${plural(broken, "system")} could not be proved`] : []),
        ...(doubted > 0 ? [`${plural(doubted, "archive")} not believed`] : []),
      ],
      asides: left > 0 ? [`${plural(left, "system")} not asked for`] : [],
    },
    reportWidth(options),
    painter(options.colour),
  );
}

/** The counts of several runs together. */
function addCounts(all: readonly Counts[]): Counts {
  const byChannel = channels.map(
    (channel) => [channel, addByVerdict(all.map((counts) => counts.byChannel[channel]))] as const,
  );
  return {
    cells: sum(all.map(({ cells }) => cells)),
    byVerdict: addByVerdict(all.map(({ byVerdict }) => byVerdict)),
    byChannel: Object.fromEntries(byChannel) as Counts["byChannel"],
    byEvidence: Object.fromEntries(
      evidences.map((one) => [one, sum(all.map(({ byEvidence }) => byEvidence?.[one] ?? 0))]),
    ) as Counts["byEvidence"],
    anyTables: sum(all.map(({ anyTables = 0 }) => anyTables)),
    waived: sum(all.map(({ waived }) => waived)),
    waivedByVerdict: addByVerdict(all.map(({ waivedByVerdict }) => waivedByVerdict)),
    observed: sum(all.map(({ observed = 0 }) => observed)),
  };
}

function addByVerdict(all: readonly Readonly<Record<Verdict, number>>[]): Record<Verdict, number> {
  const added = verdicts.map((verdict) => [verdict, sum(all.map((one) => one[verdict]))] as const);
  return Object.fromEntries(added) as Record<Verdict, number>;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
