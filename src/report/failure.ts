import { channels } from "../model/cell.ts";
import type { SourcePosition } from "../model/errors.ts";
import { formatPosition } from "../model/errors.ts";
import type { CellRecord } from "../model/run.ts";
import { verdictInfo } from "../model/verdict.ts";
import type { Told } from "./happened.ts";
import { perChannel, whoWithVerdict } from "./happened.ts";
import type { Paint } from "./paint.ts";
import { foldShell, foldSql } from "./paste.ts";
import { clean, hanging, labelled, oneLine } from "./text.ts";
import { declared, operationHeads, predicateOf, verdictWords } from "./wording.ts";

/** Everything that a person needs to know of one failing cell, and how to see it without rowgate. */
export function failureBlock(cell: CellRecord, width: number, paint: Paint): readonly string[] {
  return [
    ...header(cell, width, paint),
    ...declaredLines(cell, width),
    ...happenedLines(cell, width),
    ...inForceLines(cell, width),
    ...waiverLines(cell, width),
    ...byHandLines(cell, width),
  ];
}

/** `ana · public.courses · select`, `ana · public.profiles · execute own_org` */
export function cellName(cell: CellRecord): string {
  const relation = `${clean(cell.schema)}.${clean(cell.relation)}`;
  const call = cell.call === undefined ? "" : ` ${clean(cell.call)}`;
  const column = cell.column === undefined ? "" : ` · ${clean(cell.column)}`;
  return `${clean(cell.persona)} · ${relation} · ${operationHeads[cell.operation]}${call}${column}`;
}

export function place(at: SourcePosition): string {
  return clean(formatPosition(at));
}

function header(cell: CellRecord, width: number, paint: Paint): readonly string[] {
  const { head, tone } = verdictWords[cell.verdict];
  const [first = "", ...more] = hanging(`${head}  ${cellName(cell)}`, width);
  return [`${paint(tone, head)}${first.slice(head.length)}`, ...more];
}

function declaredLines(cell: CellRecord, width: number): readonly string[] {
  const implied = cell.implied ? ", by default: the matrix does not list it" : "";
  const said = `${declared(cell)}${implied} (${place(cell.at)})`;
  const predicate = predicateOf(cell.expectation);
  return [
    ...labelled("declared", said, width),
    ...(predicate === undefined ? [] : labelled("", `where ${predicate}`, width)),
  ];
}

function happenedLines(cell: CellRecord, width: number): readonly string[] {
  const told = perChannel(cell);
  const facts = told.map((one) => `${whoWithVerdict(one, cell)}: ${one.what}`);
  const silent = channels
    .filter((channel) => cell.channels[channel] === undefined && cell.notOn[channel] !== undefined)
    .map((channel) => `${channel}: not asked, ${oneLine(cell.notOn[channel] ?? "")}`);
  return [
    ...section("happened", [...facts, ...silent], width),
    ...section("because", becauseOf(told), width),
  ];
}

/** Who says so only where the channels give different reasons. */
function becauseOf(told: readonly Told[]): readonly string[] {
  const given = told.filter((one) => one.because !== "");
  const same = new Set(given.map((one) => one.because)).size <= 1;
  return same
    ? given.slice(0, 1).map((one) => one.because)
    : given.map((one) => `${one.who}: ${one.because}`);
}

function inForceLines(cell: CellRecord, width: number): readonly string[] {
  const rules = cell.inForce.map(oneLine);
  return section("in force", rules.length === 0 ? ["no policy and no grant was recorded"] : rules, width);
}

/** A failure that is listed although it has a waiver: its day is over, or it is an error. */
function waiverLines(cell: CellRecord, width: number): readonly string[] {
  if (cell.waiver === undefined) return [];
  const { expires, reason, at } = cell.waiver;
  const state = verdictInfo[cell.verdict].waivable ? "ended on" : "cannot cover an error, it runs until";
  return labelled("waiver", `${state} ${clean(expires)}: ${oneLine(reason)} (${place(at)})`, width);
}

function byHandLines(cell: CellRecord, width: number): readonly string[] {
  if (cell.reproduce === undefined) return [];
  const { psql, curl, undo } = cell.reproduce;
  const margin = "    ";
  const indented = (line: string): string => (line === "" ? "" : `${margin}${line}`);
  return [
    "  by hand, in psql:",
    ...foldSql(psql, width - margin.length).map(indented),
    ...(curl === undefined
      ? []
      : [
          `  by hand, in a shell${undo === undefined ? "" : " (the gateway commits: the row stays)"}:`,
          ...foldShell(curl, width - margin.length).map(indented),
        ]),
    ...(undo === undefined
      ? []
      : ["  and then, to take it back, in psql:", ...foldSql(undo, width - margin.length).map(indented)]),
  ];
}

function section(label: string, entries: readonly string[], width: number): readonly string[] {
  return entries.flatMap((entry, index) => labelled(index === 0 ? label : "", entry, width));
}
