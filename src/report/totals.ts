import type { Channel } from "../model/cell.ts";
import { channels } from "../model/cell.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import { type Evidence, evidenceInfo, evidences, type Verdict } from "../model/verdict.ts";
import type { ReportOptions } from "./archived-run.ts";
import { gatewayNote, who } from "./ending.ts";
import { clean, glued, labelled, number, oneLine, plural, seconds } from "./text.ts";
import { failureOrder, verdictWords } from "./words.ts";

const order: readonly Verdict[] = ["pass", ...failureOrder, "skipped"];

/** `600 pass, 2 leaks, 9 skipped`: what is zero is left out. */
function tally(counts: Readonly<Record<Verdict, number>>): string {
  const parts = order
    .filter((verdict) => counts[verdict] > 0)
    .map((verdict) => glued(plural(counts[verdict], verdictWords[verdict].one, verdictWords[verdict].many)));
  return parts.length === 0 ? "none" : parts.join(", ");
}

/** Reasons for skips come from a few sentences of ours; should they hold names, they must not fill the memory. */
const mostReasons = 8;

export function countSkips(cell: CellRecord, skips: Map<string, number>): void {
  for (const [channel, record] of Object.entries(cell.channels)) {
    if (record.verdict !== "skipped") continue;
    const { observation } = record;
    const reason = `${channel}: ${observation.kind === "skipped" ? observation.reason : record.because}`;
    const key = skips.has(reason) || skips.size < mostReasons ? reason : "for other reasons";
    skips.set(key, (skips.get(key) ?? 0) + 1);
  }
}

/** Counts, what was left out and why, and where the evidence is; with `verbose`, all that was given and checked. */
export function totalLines(
  run: RunRecord,
  skips: ReadonlyMap<string, number>,
  archivePath: string,
  { width, verbose }: Pick<ReportOptions, "width" | "verbose">,
): readonly string[] {
  return totalFacts(run, skips, archivePath, verbose).flatMap(([label, text]) =>
    labelled(label, text, width, 0, 11),
  );
}

type TotalFact = readonly [label: string, text: string];

function line(label: string, text: string): readonly TotalFact[] {
  return [[label, text]];
}

function list(label: string, texts: readonly string[]): readonly TotalFact[] {
  return texts.map((text, index) => [index === 0 ? label : "", text]);
}

/** The same as pairs; an empty label goes on with the one before it. */
export function totalFacts(
  run: RunRecord,
  skips: ReadonlyMap<string, number>,
  archivePath: string,
  verbose: boolean,
): readonly TotalFact[] {
  const { counts } = run;
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
    ...(counts.byEvidence === undefined
      ? []
      : line("evidence", evidenceText(counts.byEvidence, counts.anyTables))),
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

/** `4,458 pass: 3,901 for all rows, 300 by privilege`: the strongest first, what is zero left out. */
/** @param anyTables how many of those for all rows hold whatever other tables hold */
export function evidenceText(counts: Readonly<Record<Evidence, number>>, anyTables = 0): string {
  const total = evidences.reduce((sum, one) => sum + counts[one], 0);
  const parts = evidences
    .filter((one) => counts[one] > 0)
    .map((one) => {
      const more =
        one === "all-rows" && anyTables > 0 ? ` (${number(anyTables)} whatever other tables hold)` : "";
      return `${number(counts[one])} ${evidenceInfo[one].short}${more}`;
    });
  return [`${number(total)} pass`, ...(parts.length === 0 ? [] : [parts.join(", ")])].join(": ");
}

function timeText({ timings, roundTrips }: RunRecord): string {
  return `${seconds(timings.total)}, of which ${seconds(timings.probe)} probing; round trips: direct ${number(roundTrips.direct)}, rest ${number(roundTrips.rest)}`;
}

function channelText(run: RunRecord, channel: Channel): string {
  const counts = run.counts.byChannel[channel];
  const asked = order.reduce((total, verdict) => total + counts[verdict], 0);
  if (asked === 0) return "not probed";
  const note = channel === "rest" ? gatewayNote(run) : undefined;
  return `${number(asked)}: ${tally(counts)}${note === undefined ? "" : ` (${note})`}`;
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
    checks.tamperedTokenRefused === undefined
      ? "not asked about a tampered token"
      : checks.tamperedTokenRefused
        ? "tampered token refused"
        : "TAMPERED TOKEN ACCEPTED",
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
