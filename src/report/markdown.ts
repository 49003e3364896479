import { factsOf, findingMessages } from "../messages/findings.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import { type ArchivedRun, exitCodeOf } from "./archived-run.ts";
import { lastLines } from "./ending.ts";
import { groupBlock } from "./failure-text.ts";
import { createFailures, type FailureGroup, type Failures } from "./failures.ts";
import { type FindingGroup, findingGroups } from "./findings-text.ts";
import { createGridStore, type GridStore } from "./grid.ts";
import { rowFacts } from "./happened.ts";
import { mapLines } from "./map.ts";
import type { Paint } from "./paint.ts";
import { clean, cut, number, oneLine, plural } from "./text.ts";
import {
  causeText,
  cellName,
  countHeads,
  declared,
  headline,
  isFailing,
  placeName,
  position,
  verdictWords,
  waivedTogether,
} from "./words.ts";
import { isWaived } from "../model/waived.ts";

/** GitHub refuses a comment that is longer; the rest is for what others put around it, such as a marker. */
const mostCharacters = 65_536 - 512;
const personasOfAGroup = 12;
const placesOfAKind = 20;
const widestValue = 300;
const largestMap = 5000;

const signs = { 0: "✅", 1: "❌", 2: "⚠️" } as const;
const plain: Paint = (_, text) => text;

/** A part that is shown whole or named among what was cut. */
interface Section {
  readonly what: string;
  readonly text: string;
}

/** For a pull request's comment or a step summary: what failed first, and never longer than GitHub takes. */
export async function* markdownReport(archive: ArchivedRun): AsyncGenerator<string, void, undefined> {
  const { run } = archive;
  const failed = createFailures(run, personasOfAGroup);
  const waived = createFailures(run, personasOfAGroup);
  const grid = createGridStore();
  for await (const cell of archive.cells()) {
    grid.add(cell);
    if (isFailing(cell.verdict)) (isWaived(cell) ? waived : failed).add(cell, cell.verdict);
  }
  const findings = findingGroups(run.findings);
  const sections: readonly Section[] = [
    ...failed.groups().map((group) => failureSection(group, run)),
    ...elsewhere(failed),
    ...findings.filter(({ severity }) => severity !== "note").map(findingSection),
    ...waivedSections(waived, run),
    ...mapSection(grid, run),
    ...noteSections(findings.filter(({ severity }) => severity === "note")),
  ];
  yield fitted([heading(archive), ...sections], archive);
}

function fitted([first, ...sections]: readonly Section[], archive: ArchivedRun): string {
  const tail = `\n<sub>${code(`rowgate report ${archive.path}`)}, run ${code(archive.run.id)}, rowgate ${prose(archive.run.rowgate)}</sub>\n`;
  let room = mostCharacters - (first?.text.length ?? 0) - tail.length;
  const shown: string[] = [];
  const left: string[] = [];
  for (const { what, text } of sections) {
    if (text.length + 1 > room - 400) left.push(what);
    else {
      room -= text.length + 1;
      shown.push(text);
    }
  }
  const note =
    left.length === 0
      ? []
      : [
          `**Cut to ${number(mostCharacters)} characters.** Not shown: ${counted(left)}. The whole: see below.\n`,
        ];
  return [first?.text ?? "", ...shown, ...note].join("\n") + tail;
}

/** `3 failing groups, notes` */
function counted(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => plural(count, name)).join(", ");
}

function heading(archive: ArchivedRun): Section {
  const { run } = archive;
  const [line = "", ...more] = lastLines(run, 10_000, plain, archive.doubt());
  const title = `### ${signs[exitCodeOf(archive)]} rowgate: ${prose(run.matrix.name)}`;
  return { what: "heading", text: `${title}\n\n${prose([line, ...more].join(" "))}\n` };
}

function failureSection(group: FailureGroup, run: RunRecord): Section {
  const { verdict, cells, shown } = group;
  const [first] = shown;
  if (first === undefined) return { what: "failing group", text: "" };
  const who = first.column === undefined && cells > 1 ? plural(cells, "persona") : plural(cells, "cell");
  const block = groupBlock(group, { width: 100, paint: plain, run, running: false });
  const left = cells - shown.length;
  return {
    what: "failing group",
    text: [
      `#### ${verdictWords[verdict].head} ${code(placeName({ ...first, column: undefined }))}`,
      "",
      `${who} ${headline(verdict, first.operation)}.`,
      "",
      ...failureTable(shown, countHeads[first.operation], verdict === "leak" ? "too many" : "missing"),
      ...(left > 0 ? ["", `… and ${plural(left, "more", "more")}`] : []),
      ...(first.cause === undefined ? [] : ["", `**Cause**: ${prose(causeText(first.cause))}`]),
      "",
      ...folded("In force, and how to reproduce it", block.map((line) => cut(line, 1000)).join("\n")),
    ].join("\n"),
  };
}

function failureTable(cells: readonly CellRecord[], did: string, beyond: string): readonly string[] {
  const rows = cells.flatMap((cell) =>
    rowFacts(cell).map((facts) => [
      code(cell.persona),
      ...(cells.some(({ column }) => column !== undefined) ? [code(cell.column ?? "")] : []),
      code(declared(cell)),
      code(position(cell.at)),
      prose(facts.channel === "" ? "all" : facts.channel),
      prose(facts.did),
      prose(facts.beyond),
      facts.keys === "" ? "" : code(facts.keys),
      prose(facts.because, widestValue),
    ]),
  );
  const column = cells.some((cell) => cell.column !== undefined) ? ["column"] : [];
  return table(["persona", ...column, "declared", "at", "channel", did, beyond, "keys", "because"], rows);
}

/** Columns that are empty in every row are left out. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const used = head.flatMap((_, index) => (rows.some((row) => row[index] !== "") ? [index] : []));
  const line = (cells: readonly string[]): string =>
    `| ${used.map((index) => cells[index] ?? "").join(" | ")} |`;
  return rows.length === 0 ? [] : [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

function elsewhere(failures: Failures): readonly Section[] {
  return [...failures.left()].map(([verdict, count]) => ({
    what: "count",
    text: `… and ${plural(count, verdictWords[verdict].one, verdictWords[verdict].many)} elsewhere (cells.ndjson)\n`,
  }));
}

function findingSection({ kind, severity, found }: FindingGroup): Section {
  const { title, todo } = findingMessages[kind];
  return {
    what: "finding",
    text: [
      `#### ${severity.toUpperCase()} ${code(kind)}`,
      "",
      `${prose(title)}.`,
      "",
      ...placesOf(found.map(factsOf)),
      "",
      `To do: ${prose(todo)}.`,
      "",
    ].join("\n"),
  };
}

function placesOf(texts: readonly string[]): readonly string[] {
  const left = texts.length - placesOfAKind;
  return [
    ...texts.slice(0, placesOfAKind).map((text) => `- ${code(text)}`),
    ...(left > 0 ? [`- and ${plural(left, "more", "more")} (run.json)`] : []),
  ];
}

/** By name: a PASS does not cover them. */
function waivedSections(waived: Failures, run: RunRecord): readonly Section[] {
  const relations = waivedTogether(run).map(
    ({ names, expires, reason }) => `${names}, until ${expires}: ${reason}`,
  );
  const cells = waived
    .groups()
    .flatMap(({ verdict, shown }) =>
      shown.map(
        (cell) =>
          `${verdictWords[verdict].one}: ${cellName(cell)}, until ${cell.waiver?.expires}: ${cell.waiver?.reason}`,
      ),
    );
  const all = [...relations, ...cells];
  if (all.length === 0) return [];
  return [
    {
      what: "list of waivers",
      text: folded(`Waived: ${run.counts.waived}`, all.map(oneLine).join("\n")).join("\n"),
    },
  ];
}

function mapSection(grid: GridStore, run: RunRecord): readonly Section[] {
  const failuresOnly = run.counts.cells > largestMap;
  const lines = mapLines(grid, run, { width: 120, paint: plain, failuresOnly });
  return lines.length === 0
    ? []
    : [{ what: "map", text: folded("Who may do what", lines.join("\n")).join("\n") }];
}

function noteSections(notes: readonly FindingGroup[]): readonly Section[] {
  return notes.map(({ kind, found }) => ({
    what: "note",
    text: folded(
      `Note: ${kind} (${number(found.length)})`,
      [
        `${findingMessages[kind].title}.`,
        ...found.slice(0, placesOfAKind).map((one) => `- ${oneLine(factsOf(one))}`),
      ].join("\n"),
    ).join("\n"),
  }));
}

/** `<pre>` shows everything as it is; a blank line within it ends nothing. */
function folded(title: string, text: string): readonly string[] {
  return [
    "<details>",
    `<summary>${html(title)}</summary>`,
    "",
    `<pre>${html(text)}</pre>`,
    "",
    "</details>",
    "",
  ];
}

function html(text: string): string {
  return text
    .split("\n")
    .map(clean)
    .join("\n")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}

/** Characters that Markdown, GitHub's or GitLab's, gives a meaning; as entities they have none. */
const special = /[\\`*_{}[\]<>#&|~!@$:]|www\./gi;

/** A name or key as it is: within `<code>` nothing becomes a mention or a reference either. */
function code(text: string): string {
  return `<code>${cut(oneLine(text), widestValue).replaceAll(special, entity)}</code>`;
}

/** A sentence, in which a database may have put anything. A comment parts what would be a mention or a reference. */
function prose(text: string, width = 2000): string {
  return cut(oneLine(text), width).replaceAll(special, (found) =>
    /[@#!]/.test(found) ? `${entity(found)}<!-- -->` : entity(found),
  );
}

function entity(found: string): string {
  return found.length > 1 ? found.replace(".", "&#46;") : `&#${found.charCodeAt(0)};`;
}
