import type { Control, TableName } from "./controls.ts";
import { type Evidence, openPoints } from "./evidence.ts";

/** One table, for the page and as CSV. */
export interface Table {
  readonly name: TableName | "controls";
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function tablesOf(evidence: Evidence, controls: readonly Control[]): readonly Table[] {
  return [
    {
      name: "controls",
      title: "Controls, and the tables that support them",
      columns: ["framework", "control", "title", "tables"],
      rows: controls.map(({ framework, id, title, evidence: names }) => [
        framework,
        id,
        title,
        names.join(", "),
      ]),
    },
    {
      name: "exceptions",
      title: "Exceptions, and when each was resolved",
      columns: [
        "matrix and target",
        "cell or finding",
        "verdict",
        "since",
        "first run",
        "resolved",
        "resolving run",
        "how",
      ],
      rows: evidence.exceptions.map(({ series, what, verdict, since, run, ended }) => {
        const first = [series, what, verdict, since, run];
        return [...first, ...(ended === undefined ? ["open", "", ""] : [ended.at, ended.run, ended.how])];
      }),
    },
    {
      name: "gaps",
      title: `Gaps of more than ${evidence.period.everyHours} hours between runs of the whole matrix`,
      columns: ["matrix and target", "from", "to", "hours"],
      rows: evidence.gaps.map(({ series, from, to, hours }) => [series, from, to, String(hours)]),
    },
    {
      name: "waivers",
      title: "Waivers that runs of the period used",
      columns: ["matrix and target", "cell", "reason", "expires", "first run", "last run"],
      rows: evidence.waivers.map((one) => {
        const { series, what, reason, expires, firstRun, lastRun } = one;
        return [series, what, reason, expires, firstRun, lastRun];
      }),
    },
    {
      name: "sample",
      title: `Sample of runs, by the seed ${evidence.sample.seed}`,
      columns: ["run"],
      rows: evidence.sample.runs.map((id) => [id]),
    },
    {
      name: "runs",
      title: "Population: every run of the period",
      columns: [
        "run",
        "started",
        "matrix",
        "target",
        "commit",
        "cells",
        "failed",
        "waived",
        "exit code",
        "scope",
        "archive",
        "signed by",
      ],
      rows: evidence.runs.map(({ id, facts, problems, signedBy }) => [
        id,
        facts?.startedAt ?? "",
        facts?.matrix ?? "",
        facts?.target ?? "",
        facts?.gitCommit ?? "",
        String(facts?.cells ?? ""),
        String(facts?.failed.size ?? ""),
        String(facts?.waived.size ?? ""),
        String(facts?.exitCode ?? ""),
        facts === undefined ? "" : facts.filtered ? "filtered" : "whole matrix",
        problems.length === 0 ? "intact" : problems.join("; "),
        signedBy.join(", "),
      ]),
    },
  ];
}

/** RFC 4180. */
export function csvOf({ columns, rows }: Table): string {
  return [columns, ...rows].map((row) => `${row.map(csvField).join(",")}\r\n`).join("");
}

/** A spreadsheet must not take a name of the database for a formula. */
function csvField(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

const style =
  "body{font:14px/1.4 system-ui,sans-serif;margin:2em;color-scheme:light}table{border-collapse:collapse;width:100%}th,td{border:1px solid #999;padding:.3em .5em;text-align:left;vertical-align:top;overflow-wrap:anywhere}thead{display:table-header-group}tr{break-inside:avoid}@media print{body{margin:0;font-size:10px}}";

/** Prints whole; without any program. */
export function pageOf(evidence: Evidence, tables: readonly Table[]): string {
  const { from, to } = evidence.period;
  const points = openPoints(evidence);
  const state =
    points.length === 0 ? "No exception is open, and no gap was found." : `Open: ${points.join("; ")}.`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rowgate: evidence from ${from} to ${to}</title><style>${style}</style></head>
<body><main><h1>Evidence of access control tests, ${from} to ${to}</h1>
<p>${escaped(state)} ${evidence.runs.length} runs. Times are in UTC.</p>
${tables.map(tableHtml).join("\n")}
</main></body></html>
`;
}

function tableHtml({ name, title, columns, rows }: Table): string {
  const row = (cells: readonly string[], tag: "td" | "th"): string =>
    `<tr>${cells.map((cell) => `<${tag}${tag === "th" ? ' scope="col"' : ""}>${escaped(cell)}</${tag}>`).join("")}</tr>`;
  const body =
    rows.length === 0
      ? "<p>None.</p>"
      : `<table><thead>${row(columns, "th")}</thead><tbody>${rows.map((one) => row(one, "td")).join("")}</tbody></table>`;
  return `<section id="${name}"><h2>${escaped(title)}</h2>${body}</section>`;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);
}
