import { createHash } from "node:crypto";
import { factsOf, findingMessages } from "../messages/findings.ts";
import type { SourcePosition } from "../model/errors.ts";
import { type Finding, findingSeverity, isLeak, severityOf } from "../model/finding.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import { verdictInfo } from "../model/verdict.ts";
import type { ArchivedRun } from "./archived-run.ts";
import { whatHappened } from "./cases.ts";
import { causePlaces, findingPlace } from "./places.ts";
import { clean, oneLine, plural, safeJson } from "./text.ts";
import { cellName, type FailingVerdict, failureOrder, headline, isFailing } from "./words.ts";
import { isWaived } from "../model/waived.ts";

/** GitHub's code scanning shows the first 5,000 results of a run, and refuses more than 25,000. */
const mostResults = 5000;

/** What code scanning ranks by; only what lets a user past a policy is a security severity. */
const scores: Readonly<Partial<Record<FailingVerdict, string>>> = { leak: "8.8", diverged: "7.0" };

const levels = { leak: "error", error: "error", failure: "error", note: "note" } as const;

/**
 * SARIF 2.1.0: one result a failing cell, worst first, and one a finding. The location is the line of the matrix; where the guilty
 * SQL is known, it is a related location to which the message links. The cells are read once a verdict that occurs.
 */
export async function* sarifReport(archive: ArchivedRun): AsyncGenerator<string, void, undefined> {
  const { run } = archive;
  const rules = ruleList();
  const driver = { name: "rowgate", version: run.rowgate, semanticVersion: run.rowgate, rules };
  const head = {
    tool: { driver },
    automationDetails: { id: `rowgate/${run.matrix.name}/${run.target.name}/` },
    originalUriBaseIds: { "%SRCROOT%": { description: { text: "The folder in which rowgate ran." } } },
    columnKind: "utf16CodeUnits",
    properties: { run: run.id, archive: archive.path, gitCommit: run.gitCommit },
  };
  yield `{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{${inner(head)},\n"results":[`;
  let separator = "\n";
  let left = 0;
  let room = mostResults;
  for await (const result of results(archive, rules)) {
    if (room === 0) {
      left += 1;
      continue;
    }
    room -= 1;
    yield `${separator}${safeJson(result)}`;
    separator = ",\n";
  }
  yield `\n],\n"invocations":[${safeJson(invocation(archive, left))}]}]}\n`;
}

function inner(value: object): string {
  return safeJson(value).slice(1, -1);
}

function invocation(archive: ArchivedRun, left: number): object {
  const { run } = archive;
  const doubt = archive.doubt();
  const exitCode = doubt === undefined ? run.exitCode : 2;
  const cut = `${plural(left, "result")} more: rowgate report ${archive.path} --verbose`;
  const notes = [...(doubt === undefined ? [] : [doubt]), ...(left === 0 ? [] : [cut])];
  return {
    executionSuccessful: exitCode !== 2,
    exitCode,
    startTimeUtc: run.startedAt,
    endTimeUtc: run.finishedAt,
    toolExecutionNotifications: notes.map((text) => ({
      level: text === doubt ? "error" : "warning",
      message: { text: literal(text) },
    })),
  };
}

interface Rule {
  readonly id: string;
}

/** Ids are verdicts and kinds of findings: they stay the same from run to run and version to version. */
function ruleList(): readonly Rule[] {
  const verdicts = failureOrder.map((verdict) => ({
    id: verdict,
    shortDescription: { text: verdictInfo[verdict].means },
    defaultConfiguration: { level: "error" },
    help: { text: `See docs/verdicts.md: ${verdict}.` },
    properties: {
      tags: ["security", "authorization"],
      ...(scores[verdict] !== undefined && { "security-severity": scores[verdict] }),
    },
  }));
  const findings = Object.entries(findingMessages).map(([kind, { title, todo }]) => ({
    id: kind,
    shortDescription: { text: literal(title) },
    defaultConfiguration: { level: levels[findingSeverity[kind as Finding["kind"]]] },
    help: { text: literal(`To do: ${todo}.`) },
    properties: {
      tags: ["security", "authorization"],
      ...(isLeak({ kind: kind as Finding["kind"] }) && { "security-severity": scores.leak }),
    },
  }));
  return [...verdicts, ...findings];
}

async function* results(archive: ArchivedRun, rules: readonly Rule[]): AsyncGenerator<object> {
  const { run } = archive;
  const index = new Map(rules.map(({ id }, at) => [id, at]));
  const rule = (id: string): object => ({ ruleId: id, ruleIndex: index.get(id) });
  let read = false;
  for (const verdict of failureOrder.filter((one) => run.counts.byVerdict[one] > 0)) {
    read = true;
    for await (const cell of archive.cells())
      if (cell.verdict === verdict && isFailing(cell.verdict)) yield { ...rule(verdict), ...ofCell(cell) };
  }
  // Whether the archive is to be believed is known once its cells were read.
  if (!read) for await (const cell of archive.cells()) void cell;
  for (const finding of run.findings) yield { ...rule(finding.kind), ...ofFinding(finding, run) };
}

function ofCell(cell: CellRecord): object {
  const places = causePlaces(cell.cause);
  const phrase = isFailing(cell.verdict) ? headline(cell.verdict, cell.operation) : cell.verdict;
  const links = places.map(
    ({ name, at }, index) => `[${literal(`${name}, ${at.file}:${at.line}`)}](${index + 1})`,
  );
  const lines = [`${cellName(cell)}: ${phrase}`, ...whatHappened(cell)].map(literal);
  return {
    level: isWaived(cell) ? "note" : "error",
    message: { text: [...lines, ...links].join("\n") },
    locations: [
      { ...location(cell.at), logicalLocations: [{ fullyQualifiedName: clean(cell.id), kind: "member" }] },
    ],
    ...(places.length > 0 && {
      relatedLocations: places.map(({ name, at }, index) => ({
        id: index + 1,
        message: { text: literal(name) },
        ...location(at),
      })),
    }),
    ...fingerprint(cell.matrix, cell.verdict, cell.id),
    ...(isWaived(cell) && {
      suppressions: [
        {
          kind: "inSource",
          justification: oneLine(`until ${cell.waiver?.expires}: ${cell.waiver?.reason}`),
          ...(cell.waiver !== undefined && { location: location(cell.waiver.at) }),
        },
      ],
    }),
    properties: { verdict: cell.verdict, cell: cell.id },
  };
}

function ofFinding(finding: Finding, run: RunRecord): object {
  const { title, todo } = findingMessages[finding.kind];
  const facts = factsOf(finding);
  return {
    level: levels[severityOf(finding)],
    message: { text: literal(`${title}: ${oneLine(facts)}. To do: ${todo}`) },
    locations: [location(findingPlace(finding, run))],
    ...fingerprint(run.matrix.name, finding.kind, facts),
    ...(isLeak(finding) && { properties: { verdict: "leak" } }),
  };
}

/** What stays the same when lines move: an alert is then the same alert. */
function fingerprint(...parts: readonly string[]): object {
  const digest = createHash("sha256").update(parts.join("\u0000")).digest("hex");
  return { partialFingerprints: { "rowgate/v1": digest } };
}

function location({ file, line, column }: SourcePosition): object {
  return {
    physicalLocation: { artifactLocation: artifact(file), region: { startLine: line, startColumn: column } },
  };
}

/** Relative to the folder in which rowgate ran, which is the repository's root in CI. */
function artifact(file: string): object {
  const segments = file.toWellFormed().replaceAll("\\", "/").split("/").map(encodeURIComponent).join("/");
  return segments.startsWith("/") ? { uri: `file://${segments}` } : { uri: segments, uriBaseId: "%SRCROOT%" };
}

/** In a message `[…](n)` is a link and `{n}` a placeholder; brackets are escaped, braces doubled. */
function literal(text: string): string {
  return clean(text)
    .replaceAll(/[\\[\]]/g, String.raw`\$&`)
    .replaceAll(/[{}]/g, "$&$&");
}
