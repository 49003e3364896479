import { factsOf, findingMessages } from "../messages/findings.ts";
import { type GateChange, gateExitCode, type GateRecord, powerText, undeclaredGains } from "../model/gate.ts";
import type { Annotation } from "./github.ts";
import { annotation } from "./github.ts";
import { changedBy, changedThing, declaredText, groupChanges } from "./gate-changes.ts";
import { lastLine, sideWriteText } from "./gate.ts";
import { clean, number, plural } from "./text.ts";

/** GitHub refuses a comment that is longer; the rest is for what others put around it, such as a marker. */
const mostCharacters = 65_536 - 512;
/** GitHub shows ten of a level and step, and drops the others without a word. */
const mostAnnotations = 9;

/** For a pull request's comment or a step summary: what stops the migrations first, and never longer than GitHub takes. */
export function gateMarkdown(record: GateRecord): string {
  const undeclared = undeclaredGains(record);
  const sections = [
    changesSection("▲ Access gained that the matrix does not declare", undeclared, record),
    brokenSection(record, new Set(undeclared.map(({ cell }) => cell))),
    ...findingSections(record),
    ...otherSections(record),
    record.notes.map((one) => `\n> ${prose(one)}\n`).join(""),
    ...foldedSections(record),
  ];
  const stops = gateExitCode(record) === 1;
  const head = `### ${stops ? "❌" : "✅"} rowgate gate: ${prose(record.matrix)}\n\n${prose(lastLine(record, (_, text) => text))}\n${stops ? toPass : ""}`;
  return fitted(
    head,
    sections.filter((one) => one !== ""),
  );
}

function brokenSection(record: GateRecord, shown: ReadonlySet<string>): string {
  return section(
    "Cells that passed before",
    record.broken
      .filter(({ cell }) => !shown.has(cell))
      .map((one) => [
        code(one.cell),
        one.verdict,
        prose(one.because),
        code(one.at),
        statement(record, one.statement),
      ]),
    ["cell", "now", "because", "declared at", "statement"],
  );
}

function findingSections(record: GateRecord): readonly string[] {
  return [
    section(
      "New findings",
      record.findings
        .filter(({ before }) => before !== true)
        .map(({ finding, statement: by }) => [
          prose(`${findingMessages[finding.kind].title}: ${factsOf(finding)}`),
          statement(record, by),
        ]),
      ["finding", "statement"],
    ),
    section(
      "Waivers that have expired",
      record.findings
        .filter(({ finding }) => finding.kind === "waiver-expired")
        .map(({ finding }) => [prose(factsOf(finding))]),
      ["waiver"],
    ),
    section(
      "Left out of the matrix, before these migrations too",
      record.findings
        .filter(({ finding, before }) => before === true && finding.kind !== "waiver-expired")
        .map(({ finding }) => [prose(`${findingMessages[finding.kind].title}: ${factsOf(finding)}`)]),
      ["what (left out with `--no-require-complete`)"],
    ),
  ];
}

/** What stops the migrations besides cells and findings. */
function otherSections(record: GateRecord): readonly string[] {
  return [
    section(
      "Objects that are created from now on",
      record.future.map((one) => [
        `${code(one.role)} ${[...one.gained.map((held) => `▲ ${held}`), ...one.lost.map((held) => `▼ ${held}`)].join(", ")}`,
        `each ${one.object} that ${code(one.owner)} creates in ${code(one.schema)}`,
        statement(record, one.statement),
      ]),
      ["who", "on", "statement"],
    ),
    section(
      "The matrix does not fit the database afterwards",
      (record.misfit?.issues ?? []).map(({ message, at }) => [
        prose(message),
        code(`${at.file}:${at.line}`),
        statement(record, record.misfit?.statement),
      ]),
      ["issue", "where", "statement"],
    ),
    section(
      "New powers of roles",
      record.powers.map((one) => [prose(powerText(one)), statement(record, one.statement)]),
      ["new power", "statement"],
    ),
    section(
      "New or changed code that writes: not compared",
      record.sideWrites.map((one) => [prose(sideWriteText(one)), statement(record, one.statement)]),
      ["what", "statement"],
    ),
    section(
      "Known before, and not afterwards",
      record.unknown.map((cell) => [code(cell)]),
      ["cell"],
    ),
  ];
}

/** What stops nothing is there to be opened. */
function foldedSections(record: GateRecord): readonly string[] {
  const declared = record.gained.filter(({ declared: how }) => how !== undefined);
  return [
    folded(
      `▲ Access gained as declared (${plural(declared.length, "cell")})`,
      changeRows(declared, record),
      changeHeads,
    ),
    folded(
      `▼ Access lost (${plural(record.lost.length, "cell")})`,
      changeRows(record.lost, record).map(withoutMatrix),
      withoutMatrix(changeHeads),
    ),
    folded(
      "In force otherwise than before",
      record.rules.map((rule) => [prose(rule)]),
      ["what"],
    ),
  ];
}

const toPass =
  "\n**To pass:** change the statement that is named, or declare in the matrix, in this pull request, that the access is wanted.\n";

/** Sections are cut at a row, and what is cut is counted. */
function fitted(head: string, sections: readonly string[]): string {
  const parts = [head];
  let room = mostCharacters - head.length - 200;
  let left = 0;
  for (const text of sections.join("\n").split("\n")) {
    if (left > 0 || text.length + 1 > room) left += 1;
    else {
      parts.push(text);
      room -= text.length + 1;
    }
  }
  const note = `\n**Cut to ${number(mostCharacters)} characters**: ${plural(left, "line is", "lines are")} not shown. The whole: \`rowgate gate\` on a terminal.\n`;
  return `${parts.join("\n")}\n${left === 0 ? "" : note}`;
}

const changeHeads = ["who", "what", "before → after", "such as", "matrix", "statement"];

function changesSection(title: string, changes: readonly GateChange[], record: GateRecord): string {
  return section(title, changeRows(changes, record), changeHeads);
}

function changeRows(changes: readonly GateChange[], record: GateRecord): readonly (readonly string[])[] {
  return groupChanges(changes, record).map((group) => [
    prose(group.personas.join(", ")),
    `${group.operations.join(", ")} ${code(group.relation)}`,
    prose(changedBy(group)),
    prose(group.privilegeOnly ? "" : group.examples.join(", ")),
    prose(declaredText(group)),
    [statement(record, group.statement), filledBy(record, group.filledBy)].join(""),
  ]);
}

/** What the matrix says of access that is lost is that its cells pass no more, if they do not. */
function withoutMatrix(cells: readonly string[]): readonly string[] {
  return cells.filter((_, index) => index !== changeHeads.indexOf("matrix"));
}

function folded(title: string, rows: readonly (readonly string[])[], heads: readonly string[]): string {
  const table = [line(heads), line(heads.map(() => "---")), ...rows.map(line)];
  const summary = `<details><summary>${title}: ${plural(rows.length, "line")}</summary>`;
  return rows.length === 0 ? "" : ["", summary, "", ...table, "", "</details>"].join("\n");
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function section(title: string, rows: readonly (readonly string[])[], heads: readonly string[]): string {
  if (rows.length === 0) return "";
  return [`#### ${title}`, "", line(heads), line(heads.map(() => "---")), ...rows.map(line), ""].join("\n");
}

function statement({ statements }: GateRecord, index: number | undefined): string {
  const one = index === undefined ? undefined : statements[index];
  return one === undefined ? "" : `${code(`${one.file}:${one.line}`)} ${code(one.text.slice(0, 120))}`;
}

function filledBy(record: GateRecord, index: number | undefined): string {
  return index === undefined ? "" : `, with the rows of ${statement(record, index)}`;
}

/** As HTML, in which no backtick or pipe of a value ends anything. */
function code(text: string): string {
  return `<code>${escaped(text)}</code>`;
}

function prose(text: string): string {
  return escaped(text).replaceAll(/[*_`~[\]#]/g, String.raw`\$&`);
}

function escaped(text: string): string {
  return clean(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("|", "&#124;")
    .replaceAll("@", "&#64;")
    .replaceAll("\n", " ");
}

/** Workflow commands of GitHub Actions: what stops the migrations, at the line of the statement. */
export function gateAnnotations(record: GateRecord): string {
  const { statements, broken, findings, future, misfit } = record;
  const gains = groupChanges(undeclaredGains(record), record);
  const all = [
    ...gains.map((one) => ({
      title: `▲ ${changedThing(one)}`,
      text: `${one.personas.join(", ")}: ${changedBy(one)}; ${declaredText(one)}`,
      by: one.statement,
    })),
    ...broken
      .filter(({ cell }) => !record.gained.some((one) => one.cell === cell))
      .map(({ cell, verdict, because, statement: by }) => ({
        title: `${verdict} ${cell}`,
        text: because,
        by,
      })),
    ...findings.map(({ finding, statement: by }) => ({
      title: finding.kind,
      text: `${findingMessages[finding.kind].title}: ${factsOf(finding)}`,
      by,
    })),
    ...future
      .filter(({ gained }) => gained.length > 0)
      .map((one) => ({
        title: "default privileges",
        text: `${one.role} gains ${one.gained.join(", ")} on each ${one.object} that ${one.owner} creates in ${one.schema}`,
        by: one.statement,
      })),
    ...record.powers.map((one) => ({ title: "new power", text: powerText(one), by: one.statement })),
    ...record.sideWrites.map((one) => ({
      title: `not compared: ${one.by}`,
      text: sideWriteText(one),
      by: one.statement,
    })),
    ...(misfit?.issues ?? []).map(({ message }) => ({
      title: "the matrix does not fit",
      text: message,
      by: misfit?.statement,
    })),
  ];
  const shown = all.slice(0, mostAnnotations).map(({ title, text, by }): Annotation => {
    const at = by === undefined ? undefined : statements[by];
    return { level: "error", title, text, at: at && { file: at.file, line: at.line, column: 1 } };
  });
  const more: readonly Annotation[] =
    all.length > shown.length
      ? [
          {
            level: "error",
            title: plural(all.length - shown.length, "more", "more"),
            text: lastLine(record, (_, text) => text),
          },
        ]
      : [];
  return [...shown, ...more].map(annotation).join("");
}
