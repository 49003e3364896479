import { shellWord } from "../lib/shell-word.ts";
import { channels } from "../model/cell.ts";
import { postureRules } from "../model/posture.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import { verdictInfo } from "../model/verdict.ts";
import type { ReportOptions } from "./archived-run.ts";
import type { FailureGroup } from "./failures.ts";
import { type ChannelFacts, channelFacts, rowFacts, whoWithVerdict } from "./happened.ts";
import type { Paint } from "./paint.ts";
import { foldShell, foldSql } from "./paste.ts";
import { fitted, tableLines } from "./table.ts";
import { clean, cut, hanging, labelled, oneLine, plural } from "./text.ts";
import {
  causeText,
  cellName,
  countHeads,
  declared,
  headline,
  placeName,
  position,
  predicateOf,
  verdictWords,
} from "./words.ts";

export interface FailureTextOptions extends Pick<ReportOptions, "running"> {
  readonly width: number;
  readonly paint: Paint;
  readonly run: RunRecord;
}

const margin = "    ";

/** One headline, one table, what lets it through, what is in force, one way to reproduce it. */
export function groupBlock(group: FailureGroup, options: FailureTextOptions): readonly string[] {
  const { width } = options;
  const [first] = group.shown;
  if (first === undefined) return [];
  return [
    ...groupHead(group, first, options),
    ...groupTable(group, options),
    ...causeLines(first, width),
    ...section("in force", unionOf(group.shown.map(({ inForce }) => inForce.map(oneLine))), width),
    ...reproduceLines(first, options),
  ];
}

function groupHead(
  group: FailureGroup,
  first: CellRecord,
  { width, paint }: FailureTextOptions,
): readonly string[] {
  const { head, tone } = verdictWords[group.verdict];
  const { place, what } = groupTitle(group, first);
  const [line = "", ...more] = hanging(`${head}  ${place}: ${what}`, width);
  return [`${paint(tone, head)}${line.slice(head.length)}`, ...more];
}

/** Where, and who did what. */
export function groupTitle(
  { verdict, cells }: FailureGroup,
  first: CellRecord,
): { readonly place: string; readonly what: string } {
  const place = placeName({ ...first, column: undefined });
  const isColumn = first.column !== undefined;
  const who = isColumn
    ? plural(cells, "cell")
    : cells === 1
      ? clean(first.persona)
      : plural(cells, "persona");
  const what =
    isColumn && verdict === "leak"
      ? first.operation === "select" || first.operation === "execute"
        ? "showed a column that must be hidden"
        : "stored a value in a column that is fixed"
      : headline(verdict, first.operation);
  return { place, what: `${who} ${what}` };
}

/** Persona × declared × read × example keys; beneath one another where the screen is too narrow. */
function groupTable({ verdict, cells, shown }: FailureGroup, options: FailureTextOptions): readonly string[] {
  const { width, paint } = options;
  const rows = shown.flatMap((cell) => rowFacts(cell).map((facts, index) => ({ cell, facts, index })));
  const reasons = new Set(rows.map(({ facts }) => facts.because));
  const files = new Set(shown.map(({ at }) => at.file));
  const [operation] = shown.map((cell) => cell.operation);
  const head = [
    "persona",
    "column",
    "declared",
    files.size === 1 ? "line" : "declared at",
    "channel",
    operation === undefined ? "" : countHeads[operation],
    verdict === "leak" ? "too many" : "missing",
    reasons.size > 1 ? "because" : "keys",
  ];
  const lines = rows.map(({ cell, facts, index }) => [
    // Of the second channel only what differs.
    ...[
      clean(cell.persona),
      clean(cell.column ?? ""),
      cut(declared(cell), 32),
      files.size === 1 ? `${cell.at.line}:${cell.at.column}` : position(cell.at),
    ].map((text) => (index === 0 ? text : "")),
    facts.channel,
    facts.did,
    facts.beyond,
    [facts.keys, ...(reasons.size > 1 ? [facts.because] : [])].filter((part) => part !== "").join("; "),
  ]);
  const table = fitted(head, lines, width);
  const left = cells - shown.length;
  const [file] = files.size === 1 ? files : [];
  const [because = ""] = reasons.size === 1 ? reasons : [];
  return [
    ...(table === undefined
      ? lines.flatMap((line) => labelled("-", line.filter((part) => part !== "").join(", "), width, 2, 2))
      : tableLines(table.head, table.rows, paint)),
    ...(left > 0 ? [`  … and ${plural(left, "more", "more")}`] : []),
    ...(file === undefined ? [] : labelled("declared", `in ${clean(file)}`, width)),
    ...(because === "" ? [] : labelled("happened", because, width)),
    ...waivers(shown, width),
  ];
}

/** Failures that are listed although they have a waiver: its day is over, or it is an error. */
export function waiverTexts(cells: readonly CellRecord[]): readonly string[] {
  const texts = cells.flatMap((cell) => {
    if (cell.waiver === undefined) return [];
    const { expires, reason, at, error } = cell.waiver;
    const state = verdictInfo[cell.verdict].waivable
      ? "expired after"
      : error === undefined
        ? "covers no error that it does not name (`error: <SQLSTATE>`), runs until"
        : `covers ${clean(error)} alone, on every channel, runs until`;
    return [`${state} ${clean(expires)}: ${oneLine(reason)} (${position(at)})`];
  });
  return [...new Set(texts)];
}

function waivers(cells: readonly CellRecord[], width: number): readonly string[] {
  return section("waiver", waiverTexts(cells), width);
}

function causeLines({ cause }: CellRecord, width: number): readonly string[] {
  return cause === undefined ? [] : labelled("cause", causeText(cause), width);
}

export function unionOf(lists: readonly (readonly string[])[]): readonly string[] {
  const all = [...new Set(lists.flat())];
  const shown = all.slice(0, 12);
  return all.length > shown.length
    ? [...shown, `and ${plural(all.length - shown.length, "more", "more")}`]
    : shown;
}

/** What works now: a server that rowgate has started is gone, unless it was kept. */
function reproduceLines(cell: CellRecord, { run, running, width }: FailureTextOptions): readonly string[] {
  if (cell.reproduce === undefined) return [];
  const there = running || postureRules[run.target.posture].shared;
  const room = width - margin.length;
  if (there)
    return [
      ...hanging(`reproduce in psql, as ${clean(cell.persona)}:`, width - 2).map((line) => `  ${line}`),
      ...foldSql(cell.reproduce.psql, room).map(indented),
    ];
  const how = "the target is gone; this starts it again, keeps it running, and prints SQL to paste:";
  return [
    ...labelled("reproduce", how, width, 2, 11),
    ...foldShell(keepingCommand(run, cell), room).map(indented),
  ];
}

/** Starts the target again, keeps it running, and prints what to paste. */
export function keepingCommand({ command, matrix }: RunRecord, cell: CellRecord): string {
  const words = command ?? ["run", matrix.file];
  return ["rowgate", ...words, "--only", cell.id, "--keep"].map(shellWord).join(" ");
}

/** Everything that a person needs to know of one failing cell, and how to see it without rowgate. */
export function cellBlock(cell: CellRecord, { width, paint }: FailureTextOptions): readonly string[] {
  const { head, tone } = verdictWords[cell.verdict];
  const [first = "", ...more] = hanging(`${head}  ${cellName(cell)}`, width);
  return [
    `${paint(tone, head)}${first.slice(head.length)}`,
    ...more,
    ...declaredLines(cell, width),
    ...happenedLines(cell, width),
    ...causeLines(cell, width),
    ...section(
      "in force",
      cell.inForce.length === 0 ? ["no policy and no grant was recorded"] : cell.inForce.map(oneLine),
      width,
    ),
    ...waivers([cell], width),
    ...pasteLines(cell, width),
  ];
}

function declaredLines(cell: CellRecord, width: number): readonly string[] {
  const implied = cell.implied ? ", by default: the matrix does not list it" : "";
  const predicate = predicateOf(cell.expectation);
  return [
    ...labelled("declared", `${declared(cell)}${implied} (${position(cell.at)})`, width),
    ...(predicate === undefined ? [] : labelled("", `where ${predicate}`, width)),
  ];
}

function happenedLines(cell: CellRecord, width: number): readonly string[] {
  const found = channelFacts(cell);
  const facts = found.map((one) => `${whoWithVerdict(one, cell)}: ${one.what}`);
  const silent = channels
    .filter((channel) => cell.channels[channel] === undefined && cell.notOn[channel] !== undefined)
    .map((channel) => `${channel}: not asked, ${oneLine(cell.notOn[channel] ?? "")}`);
  return [
    ...section("happened", [...facts, ...silent], width),
    ...section("because", becauseOf(found), width),
  ];
}

/** Who says so only where the channels give different reasons. */
function becauseOf(found: readonly ChannelFacts[]): readonly string[] {
  const given = found.filter((one) => one.because !== "");
  const same = new Set(given.map((one) => one.because)).size <= 1;
  return same
    ? given.slice(0, 1).map((one) => one.because)
    : given.map((one) => `${one.who}: ${one.because}`);
}

function pasteLines(cell: CellRecord, width: number): readonly string[] {
  if (cell.reproduce === undefined) return [];
  const { psql, curl, undo } = cell.reproduce;
  const room = width - margin.length;
  return [
    "  reproduce in psql:",
    ...foldSql(psql, room).map(indented),
    ...(curl === undefined
      ? []
      : [
          `  reproduce in a shell${undo === undefined ? "" : " (the gateway commits: the row stays)"}:`,
          ...foldShell(curl, room).map(indented),
        ]),
    ...(undo === undefined ? [] : ["  then remove the row, in psql:", ...foldSql(undo, room).map(indented)]),
  ];
}

function indented(line: string): string {
  return line === "" ? "" : `${margin}${line}`;
}

function section(label: string, entries: readonly string[], width: number): readonly string[] {
  return entries.flatMap((entry, index) => labelled(index === 0 ? label : "", entry, width));
}
