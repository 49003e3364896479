import type { Channel } from "../model/cell.ts";
import { channels } from "../model/cell.ts";
import type { Counts, RunRecord } from "../model/run.ts";
import type { Verdict } from "../model/verdict.ts";
import { failsRun } from "./findings-text.ts";
import type { Paint, Tone } from "./paint.ts";
import { clean, glued, hanging, labelled, number, oneLine, plural, seconds } from "./text.ts";
import type { VerdictWords } from "./wording.ts";
import { failureOrder, verdictWords } from "./wording.ts";

/** What a gateway that is not PostgREST must be called wherever something passed through it. */
const notPostgrest = "rest: builtin gateway, not PostgREST";

const order: readonly Verdict[] = ["pass", ...failureOrder, "skipped"];

/** `600 pass, 2 leaks, 9 skipped`: what is zero is left out. */
function tally(counts: Readonly<Record<Verdict, number>>): string {
  const parts = order.filter((verdict) => counts[verdict] > 0).map((verdict) => counted(verdict, counts));
  return parts.length === 0 ? "none" : parts.join(", ");
}

function counted(verdict: Verdict, counts: Readonly<Record<Verdict, number>>): string {
  const words: VerdictWords = verdictWords[verdict];
  return glued(plural(counts[verdict], words.one, words.many));
}

/** Counts, what was left out and why, what was read, and where the evidence lies. */
export function totalLines(
  run: RunRecord,
  skips: ReadonlyMap<string, number>,
  archivePath: string,
  width: number,
): readonly string[] {
  const { counts } = run;
  const line = (label: string, text: string): readonly string[] => labelled(label, text, width, 0, 11);
  return [
    ...line("cells", `${number(counts.cells)}: ${tally(counts.byVerdict)}`),
    ...channels.flatMap((channel) => line(`  ${channel}`, channelText(run, channel))),
    ...(counts.waived > 0
      ? line("waived", `${number(counts.waived)}: ${tally(counts.waivedByVerdict)}`)
      : []),
    ...[...skips].flatMap(([reason, count], index) =>
      line(index === 0 ? "skipped" : "", `${number(count)} × ${oneLine(reason)}`),
    ),
    ...line("target", targetText(run)),
    ...(run.handshake === undefined ? [] : line("handshake", handshakeText(run.handshake))),
    ...run.inputs.flatMap((input, index) =>
      line(index === 0 ? "inputs" : "", `${clean(input.path)} (sha256 ${clean(input.sha256.slice(0, 12))}…)`),
    ),
    ...line(
      "time",
      `${seconds(run.timings.total)}, of which ${seconds(run.timings.probe)} probing; round trips: direct ${number(run.roundTrips.direct)}, rest ${number(run.roundTrips.rest)}`,
    ),
    ...line("archive", clean(archivePath)),
  ];
}

function channelText(run: RunRecord, channel: Channel): string {
  const counts = run.counts.byChannel[channel];
  const sum = order.reduce((total, verdict) => total + counts[verdict], 0);
  if (sum === 0) return "not probed";
  return `${number(sum)}: ${tally(counts)}${channel === "rest" && isBuiltin(run) ? ` (${notPostgrest})` : ""}`;
}

function isBuiltin(run: RunRecord): boolean {
  return run.target.rest?.gateway.kind === "builtin";
}

/** `school-staging (staging)`; a target that is called as its posture is named once. */
function who(run: RunRecord): string {
  const { name, posture } = run.target;
  return name === posture ? name : `${name} (${posture})`;
}

function targetText(run: RunRecord): string {
  const { database, serverVersion, rest } = run.target;
  const gateway = rest === undefined ? "no gateway" : `${rest.gateway.kind} gateway ${rest.gateway.version}`;
  return oneLine(`${who(run)}: database ${database}, Postgres ${serverVersion}, ${gateway}`);
}

function handshakeText(handshake: NonNullable<RunRecord["handshake"]>): string {
  const identity = { true: "identity arrives", false: "IDENTITY NOT SHOWN TO ARRIVE" } as const;
  return [
    handshake.tamperedTokenRefused ? "tampered token refused" : "TAMPERED TOKEN ACCEPTED",
    handshake.unknownRoleRefused ? "unknown role refused" : "UNKNOWN ROLE ACCEPTED",
    handshake.identityShown === undefined
      ? "no cell could show that the identity arrives"
      : identity[`${handshake.identityShown}`],
    handshake.rollbackHonoured ? "rollback honoured" : "rollback not honoured: no writes sent",
  ].join(", ");
}

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
  const { word, means, tone } = endings[doubt === undefined ? run.exitCode : 2];
  const title = oneLine(`${run.matrix.name} on ${who(run)}`);
  const { byVerdict, waived } = run.counts;
  const facts = [
    doubt,
    run.exitCode === 0 || doubt !== undefined ? undefined : failures(run),
    `${glued(plural(run.counts.cells, "cell"))} (${probed(run)}) in ${glued(seconds(run.timings.total))}`,
    byVerdict.skipped > 0 ? glued(`${number(byVerdict.skipped)} skipped`) : undefined,
    waived > 0 ? glued(`${number(waived)} waived`) : undefined,
    filterText(run),
    isBuiltin(run) ? notPostgrest : undefined,
    means,
  ].filter((fact) => fact !== undefined && fact !== "");
  const lines = hanging(`${title}  ${word}  ${facts.join("; ")}`, width);
  return lines.map((line) => line.replace(new RegExp(`(?<=  )${word}(?=  |$)`), paint(tone, word)));
}

/** What failed the run: cells that no waiver covers, findings, or that there was nothing to fail. */
function failures(run: RunRecord): string {
  const { byVerdict, waivedByVerdict } = run.counts;
  const live = failureOrder
    .map((verdict) => ({ ...verdictWords[verdict], count: byVerdict[verdict] - waivedByVerdict[verdict] }))
    .filter(({ count }) => count > 0)
    .map(({ count, one, many }) => glued(plural(count, one, many)));
  const found = run.findings.filter(failsRun).length;
  const parts = [...live, ...(found > 0 ? [glued(plural(found, "failing finding"))] : [])];
  return parts.length > 0 ? parts.join(", ") : "no cell was probed";
}

export function nothingProbed(counts: Counts): boolean {
  return channels.every((channel) => sent(counts, channel) === 0);
}

/** Cells that a channel was asked for; what was skipped proves nothing and is not among them. */
function sent(counts: Counts, channel: Channel): number {
  const byVerdict = counts.byChannel[channel];
  return order.reduce((sum, verdict) => sum + (verdict === "skipped" ? 0 : byVerdict[verdict]), 0);
}

function probed(run: RunRecord): string {
  return channels.map((channel) => glued(`${channel} ${number(sent(run.counts, channel))}`)).join(", ");
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
