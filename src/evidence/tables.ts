import { createHash } from "node:crypto";
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

/** Light and dark by the reader's system; a print is light, and shows columns that a narrow window scrolls to. */
const style = `:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:90rem;padding:1.5rem;background:light-dark(#fff,#14161a);color:light-dark(#1b1d21,#e6e8eb)}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}a{color:light-dark(#1f55c0,#8db4ff)}
.state{padding:.6em .8em;border-left:.4em solid;border-color:light-dark(#1a663a,#86d7a2);background:light-dark(#e5f4ea,#14301f)}
.state.open{border-color:light-dark(#ae2019,#ff9d92);background:light-dark(#fdeceb,#3a1916)}
nav ul{display:flex;flex-wrap:wrap;gap:.2em 1.2em;list-style:none;padding:0}
.scroll{overflow-x:auto}:focus-visible{outline:3px solid light-dark(#1f55c0,#8db4ff);outline-offset:2px}
table{border-collapse:collapse;min-width:100%}th,td{border:1px solid light-dark(#c8ccd2,#454b54);padding:.3em .5em;text-align:left;vertical-align:top}
th{background:light-dark(#f1f2f4,#22262c)}td{overflow-wrap:break-word;min-width:5em}
@media print{:root{color-scheme:light}body{max-width:none;margin:0;padding:0;font-size:9px}nav{display:none}.scroll{overflow:visible}table{width:100%}td{min-width:0;overflow-wrap:anywhere}@page{margin:12mm}thead{display:table-header-group}tr{break-inside:avoid}h2{break-after:avoid}}`;
const styleHash = createHash("sha256").update(style).digest("base64");

/** Prints whole; without any program. */
export function pageOf(
  evidence: Evidence,
  tables: readonly Table[],
  problems: readonly string[] = [],
): string {
  const { from, to } = evidence.period;
  const points = [...openPoints(evidence), ...problems];
  const isOpen = points.length > 0;
  const state = isOpen ? `Open: ${points.join("; ")}.` : "No exception is open, and no gap was found.";
  const links = tables.map(({ name, rows }) => `<li><a href="#${name}">${name}</a> (${rows.length})</li>`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>rowgate: evidence from ${from} to ${to}</title><style>${style}</style></head>
<body><main><h1>Evidence of access control tests, ${from} to ${to}</h1>
<p class="state${isOpen ? " open" : ""}">${escaped(state)} ${evidence.runs.length} runs. Times are in UTC.</p>
<nav aria-label="Tables"><ul>${links.join("")}</ul></nav>
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
      : `<div class="scroll" tabindex="0" role="group" aria-labelledby="${name}-title"><table aria-labelledby="${name}-title"><thead>${row(columns, "th")}</thead><tbody>${rows.map((one) => row(one, "td")).join("")}</tbody></table></div>`;
  return `<section id="${name}"><h2 id="${name}-title">${escaped(title)}</h2>${body}</section>`;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);
}
