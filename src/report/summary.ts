import type { RunRecord } from "../model/run.ts";
import { endingLines, failureNotes, lastLines } from "./ending.ts";
import { who } from "./origin.ts";
import { painter } from "./paint.ts";
import type { TerminalOptions } from "./terminal.ts";
import { reportWidth } from "./terminal.ts";
import { clean, hanging, oneLine, plural } from "./text.ts";

/** What came of one of several systems. */
export type SummaryEntry =
  /** `doubt`: why the run's own word is not believed. */
  | { readonly kind: "proved"; readonly run: RunRecord; readonly doubt: string | undefined }
  | { readonly kind: "failed"; readonly name: string; readonly message: string }
  /** The filters left none of its cells. */
  | { readonly kind: "not-asked"; readonly name: string };

type Looks = Pick<TerminalOptions, "width" | "colour" | "quiet">;

/** What parts the report of one system from that of another. */
export function systemHeading({ name, file }: RunRecord["matrix"], options: Looks): string {
  return painter(options.colour)("strong", oneLine(`== ${name} (${file}) ==`));
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
