import { factsOf, findingMessages } from "../messages/findings.ts";
import {
  type GateChange,
  gateExitCode,
  type GateRecord,
  powerText,
  refusesRows,
  returnsRows,
  type SideWrite,
  undeclaredGains,
} from "../model/gate.ts";
import { changedBy, changedThing, declaredText, groupChanges } from "./gate-changes.ts";
import { type Paint, painter } from "./paint.ts";
import { missingYaml } from "./missing-yaml.ts";
import { clean, hanging, plural, seconds } from "./text.ts";
import { verdictWords } from "./words.ts";

export interface GateTextOptions {
  readonly colour: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly width: number;
}

/** `supabase/migrations/3_open.sql:12  create policy …`; empty: it is not known. */
export function statementText({ statements }: GateRecord, index: number | undefined): string {
  const statement = index === undefined ? undefined : statements[index];
  return statement === undefined ? "" : `${statement.file}:${statement.line}  ${clean(statement.text)}`;
}

/** What a person reads of a gate: what widens first, with the statement behind it, then what is lost, then what it comes to. */
export function gateText(record: GateRecord, options: GateTextOptions): string {
  const { quiet, verbose, width } = options;
  const paint = painter(options.colour);
  const undeclared = undeclaredGains(record);
  const declared = record.gained.filter((one) => !undeclared.includes(one));
  const how = { record, paint };
  const lines = [
    ...(quiet ? [] : [headline(record, paint), ""]),
    ...changeLines(undeclared, "▲", how),
    ...futureLines(how),
    ...powerLines(how),
    ...brokenLines(how),
    ...misfitLines(how),
    ...findingLines(how, width),
    ...sideWriteLines(how, width),
    ...unknownLines(how),
    ...(quiet ? [] : changeLines(declared, "▲", how)),
    ...(quiet ? [] : changeLines(record.lost, "▼", how)),
    ...missingYaml(record.findings.map(({ finding }) => finding)).split("\n"),
    ...record.notes.flatMap((one) => hanging(`${paint("dim", "NOTE")}  ${clean(one)}`, width, 4)),
    ...(verbose ? ruleLines(record) : []),
    ...hanging(lastLine(record, paint), width),
  ];
  return `${lines.join("\n")}\n`;
}

interface How {
  readonly record: GateRecord;
  readonly paint: Paint;
}

function headline(
  { matrix, target, files, statements, relations, personas }: GateRecord,
  paint: Paint,
): string {
  const pending = `${plural(files.length, "migration")}, ${plural(statements.length, "statement")}`;
  return `${paint("strong", matrix)} on ${target}: ${pending}; ${plural(personas, "persona")} on ${plural(relations, "relation")}`;
}

function changeLines(
  changes: readonly GateChange[],
  sign: "▲" | "▼",
  { record, paint }: How,
): readonly string[] {
  const gained = sign === "▲";
  return groupChanges(changes, record).flatMap((group) => {
    const { personas, examples, declared, privilegeOnly } = group;
    const tone = !gained ? "warn" : declared === undefined ? "bad" : "good";
    return [
      `${paint(tone, sign)} ${paint("strong", clean(changedThing(group)))}  ${clean(changedBy(group))}  ${gained ? paint(tone, declaredText(group)) : "lost"}`,
      `    ${clean(personas.join(", "))}`,
      ...(examples.length === 0 || privilegeOnly ? [] : [`    such as ${clean(examples.join(", "))}`]),
      ...byStatement({ record }, group.statement),
      ...byStatement({ record }, group.filledBy, "with the rows of"),
    ];
  });
}

function byStatement(
  { record }: Pick<How, "record">,
  index: number | undefined,
  how = "by",
): readonly string[] {
  const from = statementText(record, index);
  return from === "" ? [] : [`    ${how} ${from}`];
}

function futureLines(how: How): readonly string[] {
  const { record, paint } = how;
  return record.future.flatMap(({ object, schema, owner, role, gained, lost, statement }) => {
    const changes = [
      ...(gained.length === 0 ? [] : [`${paint("bad", "▲")} ${role} gains ${gained.join(", ")}`]),
      ...(lost.length === 0 ? [] : [`${paint("warn", "▼")} ${role} loses ${lost.join(", ")}`]),
    ];
    return [
      ...changes.map((one) => `${one} on every ${object} that ${owner} creates in ${schema} from now on`),
      ...byStatement(how, statement),
    ];
  });
}

function powerLines(how: How): readonly string[] {
  return how.record.powers.flatMap((one) => [
    `${how.paint("bad", "▲")} ${clean(powerText(one))}`,
    ...byStatement(how, one.statement),
  ]);
}

function brokenLines(how: How): readonly string[] {
  const groups = new Map<string, { first: GateRecord["broken"][number]; cells: string[] }>();
  const shown = new Set(undeclaredGains(how.record).map(({ cell }) => cell));
  for (const one of how.record.broken.filter(({ cell }) => !shown.has(cell))) {
    const key = JSON.stringify([one.verdict, one.at, one.statement, one.because]);
    const group = groups.get(key) ?? { first: one, cells: [] };
    group.cells.push(one.cell);
    groups.set(key, group);
  }
  return [...groups.values()].flatMap(({ first, cells }) => [
    `${how.paint("bad", verdictWords[first.verdict].one.toUpperCase())}  ${clean(cells.slice(0, 6).join(", "))}${cells.length > 6 ? ` and ${cells.length - 6} more` : ""}`,
    `    passed before; now: ${clean(first.because)}; declared at ${clean(first.at)}`,
    ...byStatement(how, first.statement),
  ]);
}

function misfitLines(how: How): readonly string[] {
  const { misfit } = how.record;
  if (misfit === undefined) return [];
  return [
    `${how.paint("bad", "MATRIX")}  the matrix does not fit the database after the migrations`,
    ...misfit.issues.map(
      ({ message, at }) => `    ${clean(`${at.file}:${at.line}:${at.column}  ${message}`)}`,
    ),
    ...byStatement(how, misfit.statement),
  ];
}

function findingLines(how: How, width: number): readonly string[] {
  return how.record.findings.flatMap(({ finding, before, statement }) => [
    ...hanging(
      `${how.paint("bad", findingWord({ finding, before }))}  ${findingMessages[finding.kind].title} (${finding.kind}): ${clean(factsOf(finding))}`,
      width,
      4,
    ),
    ...byStatement(how, statement),
  ]);
}

function findingWord({
  finding,
  before,
}: Pick<GateRecord["findings"][number], "finding" | "before">): string {
  if (finding.kind === "waiver-expired") return "EXPIRED";
  return before === true ? "LEFT OUT" : "FINDING";
}

function sideWriteLines(how: How, width: number): readonly string[] {
  return how.record.sideWrites.flatMap((one) => [
    ...hanging(`${how.paint("bad", "UNKNOWN")}  ${clean(sideWriteText(one))}`, width, 4),
    ...byStatement(how, one.statement),
  ]);
}

/** What was not compared, and what to do. */
export function sideWriteText({ by, writes, functions, opens }: SideWrite): string {
  const waive =
    functions.length === 0
      ? `; read it, then waive "gate: ${by}" in the matrix with a reason and a day`
      : `; read it, then waive ${functions.join(", ")} in the matrix with a reason and a day`;
  const [is, verb] = /^(?:policies|defaults|checks|indexes) of /.test(by)
    ? ["are", "write"]
    : ["is", "writes"];
  if (writes.every((one) => one === refusesRows))
    return `${by} is changed, and refuses rows: what it lets through now was not compared${waive}`;
  if (writes.every((one) => one === returnsRows))
    return `${by} is changed, and runs with its owner's rights: what it returns now was not compared${waive}, or declare which rows its calls return`;
  if (opens !== undefined)
    return `${by} ${is} new or changed, and ${verb} ${writes.join(", ")}; it was tried: ${some(opens)}${waive}`;
  return `${by} ${is} new or changed, and ${verb} ${writes.join(", ")}: what that opens was not compared${waive}`;
}

function unknownLines({ record, paint }: How): readonly string[] {
  const { unknown } = record;
  if (unknown.length === 0) return [];
  const shown = clean(unknown.slice(0, 6).join(", "));
  const more = unknown.length > 6 ? ` and ${unknown.length - 6} more` : "";
  return [
    `${paint("bad", "UNKNOWN")}  what these reach was known before, and is unknown afterwards: ${shown}${more}`,
  ];
}

function ruleLines({ rules }: GateRecord): readonly string[] {
  return rules.length === 0
    ? []
    : ["", "in force otherwise than before", ...rules.map((rule) => `  ${clean(rule)}`), ""];
}

function countedFindings({ findings }: GateRecord): readonly string[] {
  const expired = findings.filter(({ finding }) => finding.kind === "waiver-expired").length;
  const left = findings.filter(({ before }) => before === true).length - expired;
  const brought = findings.length - left - expired;
  return [
    ...(brought === 0 ? [] : [plural(brought, "new finding")]),
    ...(expired === 0 ? [] : [plural(expired, "expired waiver")]),
    ...(left === 0
      ? []
      : [`the matrix leaves out ${left} ${left === 1 ? "thing" : "things"} that it left out before`]),
  ];
}

/** Never that the migrations are safe: what was compared, and what came of it. */
export function lastLine(record: GateRecord, paint: Paint): string {
  const fails = gateExitCode(record) === 1;
  const word = fails ? paint("bad", "STOP") : paint("good", "PASS");
  const undeclared = undeclaredGains(record).length;
  const parts = [
    `${record.gained.length} gained${record.gained.length === 0 ? "" : ` (${undeclared} not declared)`}, ${record.lost.length} lost`,
    ...(record.broken.length === 0
      ? []
      : [
          `${plural(record.broken.length, "cell")} of the matrix no longer ${record.broken.length === 1 ? "passes" : "pass"}`,
        ]),
    ...countedFindings(record),
    ...(record.powers.length === 0 ? [] : [plural(record.powers.length, "new power")]),
    ...(record.sideWrites.length === 0
      ? []
      : [`${plural(record.sideWrites.length, "side write")} not compared`]),
    `${plural(record.compared, "cell")} compared on the direct channel with the rows at hand, ${record.proved} of them for all rows`,
  ];
  return `${record.matrix} on ${record.target}  ${word}  ${parts.join("; ")} (${seconds(record.milliseconds)})`;
}

function some(all: readonly string[]): string {
  return [...all.slice(0, 3), ...(all.length > 3 ? [`and ${all.length - 3} more`] : [])].join("; ");
}
