import type { Channel } from "../model/cell.ts";
import { channels } from "../model/cell.ts";
import { failsRun } from "../model/finding.ts";
import type { Counts, RunRecord } from "../model/run.ts";
import type { Verdict } from "../model/verdict.ts";
import { verdicts } from "../model/verdict.ts";
import { probedOn, type ReportOptions } from "./archived-run.ts";
import type { Paint, Tone } from "./paint.ts";
import { painter } from "./paint.ts";
import { clean, glued, hanging, labelled, number, oneLine, plural, seconds } from "./text.ts";
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
  const title = oneLine(`${run.matrix.name} on ${who(run)}`);
  const exitCode = doubt === undefined ? run.exitCode : 2;
  const notes = doubt === undefined ? failureNotes([run], exitCode) : [doubt];
  return endingLines({ title, exitCode, runs: [run], milliseconds: run.timings.total, notes }, width, paint);
}

interface Ending {
  readonly title: string;
  readonly exitCode: RunRecord["exitCode"];
  readonly runs: readonly RunRecord[];
  readonly milliseconds: number;
  /** What comes before anything else: why it is no PASS. */
  readonly notes: readonly string[];
  /** What a PASS does not cover, besides skips and filters. */
  readonly asides?: readonly string[];
}

/** The ending of one run, or of several together. */
function endingLines(
  { title, exitCode, runs, milliseconds, notes, asides = [] }: Ending,
  width: number,
  paint: Paint,
): readonly string[] {
  const { word, means, tone } = endings[exitCode];
  const all = addCounts(runs.map(({ counts }) => counts));
  const said = runs.flatMap(({ findings }) => findings).filter((finding) => !failsRun(finding)).length;
  const waived = runs.flatMap(({ waivedRelations = [] }) => waivedRelations).length;
  const facts = [
    ...notes,
    `${glued(plural(all.cells, "cell"))} (${probed(all)}) in ${glued(seconds(milliseconds))}`,
    all.byVerdict.skipped > 0 ? glued(`${number(all.byVerdict.skipped)} skipped`) : undefined,
    all.waived > 0 ? glued(`${number(all.waived)} waived`) : undefined,
    waived > 0 ? glued(`${plural(waived, "relation")} waived`) : undefined,
    said > 0 ? glued(plural(said, "note")) : undefined,
    runs[0] === undefined ? undefined : filterText(runs[0]),
    ...asides,
    ...new Set(runs.map(gatewayNote)),
    means,
  ].filter((fact) => fact !== undefined && fact !== "");
  const lines = hanging(`${title}  ${word}  ${facts.join("; ")}`, width);
  return lines.map((line) => line.replace(new RegExp(`(?<=  )${word}(?=  |$)`), paint(tone, word)));
}

/** What failed: cells that no waiver covers, findings, or that there was nothing to fail. */
function failureNotes(runs: readonly RunRecord[], exitCode: RunRecord["exitCode"]): readonly string[] {
  if (exitCode === 0 || runs.length === 0) return [];
  const { byVerdict, waivedByVerdict } = addCounts(runs.map(({ counts }) => counts));
  const live = failureOrder
    .map((verdict) => ({ ...verdictWords[verdict], count: byVerdict[verdict] - waivedByVerdict[verdict] }))
    .filter(({ count }) => count > 0)
    .map(({ count, one, many }) => glued(plural(count, one, many)));
  const found = runs.flatMap(({ findings }) => findings).filter(failsRun).length;
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
function gatewayNote({ target }: RunRecord): string | undefined {
  const gateway = target.rest?.gateway;
  if (gateway === undefined) return undefined;
  if (gateway.kind === "builtin") return notPostgrest;
  if (gateway.image === undefined) return undefined;
  const name = `rest: ${oneLine(clean(gateway.image))}`;
  return gateway.kind === "postgrest" ? name : `${name}, which does not say that it is PostgREST`;
}

/** `school-staging (staging)`; a target that is called as its posture is named once. */
function who(run: RunRecord): string {
  const { name, posture } = run.target;
  return name === posture ? name : `${name} (${posture})`;
}

const order: readonly Verdict[] = ["pass", ...failureOrder, "skipped"];

/** `600 pass, 2 leaks, 9 skipped`: what is zero is left out. */
function tally(counts: Readonly<Record<Verdict, number>>): string {
  const parts = order
    .filter((verdict) => counts[verdict] > 0)
    .map((verdict) => glued(plural(counts[verdict], verdictWords[verdict].one, verdictWords[verdict].many)));
  return parts.length === 0 ? "none" : parts.join(", ");
}

/** Counts, what was left out and why, and where the evidence is; with `verbose`, all that was given and checked. */
export function totalLines(
  run: RunRecord,
  skips: ReadonlyMap<string, number>,
  archivePath: string,
  { width, verbose }: Pick<ReportOptions, "width" | "verbose">,
): readonly string[] {
  const { counts } = run;
  const line = (label: string, text: string): readonly string[] => labelled(label, text, width, 0, 11);
  const list = (label: string, texts: readonly string[]): readonly string[] =>
    texts.flatMap((text, index) => line(index === 0 ? label : "", text));
  const checks = run.gatewayChecks;
  return [
    ...(verbose
      ? [
          ...line("cells", `${number(counts.cells)}: ${tally(counts.byVerdict)}`),
          ...channels.flatMap((channel) => line(`  ${channel}`, channelText(run, channel))),
          ...(counts.waived > 0
            ? line("waived", `${number(counts.waived)}: ${tally(counts.waivedByVerdict)}`)
            : []),
        ]
      : []),
    ...list(
      "skipped",
      [...skips].map(([reason, count]) => `${number(count)} × ${oneLine(reason)}`),
    ),
    ...line("target", targetText(run)),
    ...list("images", imageTexts(run)),
    ...(checks === undefined || (!verbose && gatewayIsSound(checks))
      ? []
      : line("gateway", checksText(checks))),
    ...(verbose
      ? [
          ...list(
            "inputs",
            run.inputs.map(({ path, sha256 }) => `${clean(path)} (sha256 ${clean(sha256.slice(0, 12))}…)`),
          ),
          ...line("time", timeText(run)),
        ]
      : []),
    ...line("archive", clean(archivePath)),
  ];
}

function timeText({ timings, roundTrips }: RunRecord): string {
  return `${seconds(timings.total)}, of which ${seconds(timings.probe)} probing; round trips: direct ${number(roundTrips.direct)}, rest ${number(roundTrips.rest)}`;
}

function channelText(run: RunRecord, channel: Channel): string {
  const counts = run.counts.byChannel[channel];
  const sum = order.reduce((total, verdict) => total + counts[verdict], 0);
  if (sum === 0) return "not probed";
  const note = channel === "rest" ? gatewayNote(run) : undefined;
  return `${number(sum)}: ${tally(counts)}${note === undefined ? "" : ` (${note})`}`;
}

function targetText(run: RunRecord): string {
  const { database, serverVersion, rest, tls } = run.target;
  const gateway = rest === undefined ? "no gateway" : `${rest.gateway.kind} gateway ${rest.gateway.version}`;
  const way = tls === undefined ? "" : ` (${ways[tls]})`;
  return oneLine(`${who(run)}: database ${database}${way}, Postgres ${serverVersion}, ${gateway}`);
}

/** How much is known of the server that answered. */
const ways: Readonly<Record<NonNullable<RunRecord["target"]["tls"]>, string>> = {
  socket: "by its socket",
  off: "not encrypted",
  nothing: "encrypted, the server's certificate not verified",
  chain: "certificate verified, its host name not",
  "chain and host": "certificate and host name verified",
};

/** `postgres:17 (sha256:0123456789ab…)`. */
function imageTexts({ target }: RunRecord): readonly string[] {
  const { images = [], reused = false } = target.containers ?? {};
  return images.map(({ use, name, digest, id }) => {
    const known = digest === undefined ? `not from a registry, id ${short(id)}` : short(digest);
    const left = use === "postgres" && reused ? "; left by an earlier run" : "";
    return oneLine(clean(`${name} (${known}${left})`));
  });
}

function short(digest: string): string {
  return digest.length > 20 ? `${digest.slice(0, 19)}…` : digest;
}

type GatewayChecks = NonNullable<RunRecord["gatewayChecks"]>;

function gatewayIsSound(checks: GatewayChecks): boolean {
  const {
    tamperedTokenRefused,
    unknownRoleRefused,
    sameDatabase = true,
    identityShown,
    rollbackHonoured,
  } = checks;
  return [tamperedTokenRefused, unknownRoleRefused, sameDatabase, identityShown, rollbackHonoured].every(
    Boolean,
  );
}

function checksText(checks: GatewayChecks): string {
  const identity = { true: "identity arrives", false: "IDENTITY NOT SHOWN TO ARRIVE" } as const;
  return [
    checks.tamperedTokenRefused ? "tampered token refused" : "TAMPERED TOKEN ACCEPTED",
    checks.unknownRoleRefused === undefined
      ? "not asked about an unknown role"
      : checks.unknownRoleRefused
        ? "unknown role refused"
        : "UNKNOWN ROLE ACCEPTED",
    ...(checks.sameDatabase === undefined
      ? []
      : [checks.sameDatabase ? "same database" : "NOT SHOWN TO BE THE SAME DATABASE"]),
    checks.identityShown === undefined
      ? "no cell could show that the identity arrives"
      : identity[`${checks.identityShown}`],
    checks.rollbackHonoured ? "rollback honoured" : "rollback not honoured: no writes sent",
  ].join(", ");
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
  const failed = count("failed");
  const left = count("not-asked");
  const doubted = entries.filter((entry) => entry.kind === "proved" && entry.doubt !== undefined).length;
  const targets = [...new Set(runs.map(who))].join(", ");
  return endingLines(
    {
      title: `${plural(runs.length + failed, "system")}${targets === "" ? "" : ` on ${oneLine(targets)}`}`,
      exitCode,
      runs,
      milliseconds,
      notes: [
        ...failureNotes(runs, exitCode),
        ...(failed > 0 ? [`${plural(failed, "system")} could not be proved`] : []),
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
    waived: sum(all.map(({ waived }) => waived)),
    waivedByVerdict: addByVerdict(all.map(({ waivedByVerdict }) => waivedByVerdict)),
  };
}

function addByVerdict(all: readonly Readonly<Record<Verdict, number>>[]): Record<Verdict, number> {
  const added = verdicts.map((verdict) => [verdict, sum(all.map((one) => one[verdict]))] as const);
  return Object.fromEntries(added) as Record<Verdict, number>;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
