import type { Channel } from "../model/cell.ts";
import { channels } from "../model/cell.ts";
import type { RunRecord } from "../model/run.ts";
import type { Verdict } from "../model/verdict.ts";
import { gatewayNote, imageTexts, who } from "./origin.ts";
import { clean, glued, labelled, number, oneLine, plural, seconds } from "./text.ts";
import type { VerdictWords } from "./wording.ts";
import { failureOrder, verdictWords } from "./wording.ts";

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
    ...imageTexts(run).flatMap((text, index) => line(index === 0 ? "images" : "", text)),
    ...(run.gatewayChecks === undefined ? [] : line("handshake", handshakeText(run.gatewayChecks))),
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
  const note = channel === "rest" ? gatewayNote(run) : undefined;
  return `${number(sum)}: ${tally(counts)}${note === undefined ? "" : ` (${note})`}`;
}

function targetText(run: RunRecord): string {
  const { database, serverVersion, rest, tls } = run.target;
  const gateway = rest === undefined ? "no gateway" : `${rest.gateway.kind} gateway ${rest.gateway.version}`;
  const way = tls === undefined ? "" : ` (${ways[tls]})`;
  return oneLine(`${who(run)}: database ${database}${way}, Postgres ${serverVersion}, ${gateway}`);
}

/** How much is known of who answered there. */
const ways: Readonly<Record<NonNullable<RunRecord["target"]["tls"]>, string>> = {
  socket: "by its socket",
  off: "not encrypted",
  nothing: "encrypted, the server's certificate not verified",
  chain: "certificate verified, its host name not",
  "chain and host": "certificate and host name verified",
};

function handshakeText(handshake: NonNullable<RunRecord["gatewayChecks"]>): string {
  const identity = { true: "identity arrives", false: "IDENTITY NOT SHOWN TO ARRIVE" } as const;
  return [
    handshake.tamperedTokenRefused ? "tampered token refused" : "TAMPERED TOKEN ACCEPTED",
    handshake.unknownRoleRefused === undefined
      ? "not asked about an unknown role"
      : handshake.unknownRoleRefused
        ? "unknown role refused"
        : "UNKNOWN ROLE ACCEPTED",
    ...(handshake.sameDatabase === undefined
      ? []
      : [handshake.sameDatabase ? "same database" : "NOT SHOWN TO BE THE SAME DATABASE"]),
    handshake.identityShown === undefined
      ? "no cell could show that the identity arrives"
      : identity[`${handshake.identityShown}`],
    handshake.rollbackHonoured ? "rollback honoured" : "rollback not honoured: no writes sent",
  ].join(", ");
}
