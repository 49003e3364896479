import { factsOf, findingMessages } from "../messages/findings.ts";
import { IssuesError, RowgateError, type SourcePosition } from "../model/errors.ts";
import type { ArchivedRun } from "./archived-run.ts";
import { lastLines } from "./ending.ts";
import { groupBlock } from "./failure-text.ts";
import { createFailures, type FailureGroup } from "./failures.ts";
import { type FindingGroup, findingGroups } from "./findings-text.ts";
import type { Paint } from "./paint.ts";
import { causePlaces, findingPlace } from "./places.ts";
import { clean, plural } from "./text.ts";
import { isFailing, placeName, verdictWords } from "./words.ts";
import { isWaived } from "../model/waived.ts";

type Level = "error" | "warning" | "notice";

export interface Annotation {
  readonly level: Level;
  readonly title: string;
  readonly at?: SourcePosition | undefined;
  readonly text: string;
}

/** GitHub shows ten of a level and step, and drops the others without a word. */
const shownOfALevel = 10;
const personasOfAGroup = 8;
const placesOfAKind = 10;
const plain: Paint = (_, text) => text;

/**
 * Workflow commands of GitHub Actions, which become annotations: one a group of failing cells, where the guilty SQL is if that is
 * known, and one a kind of finding; waived groups are warnings and notes are notices.
 */
export async function* githubReport(archive: ArchivedRun): AsyncGenerator<string, void, undefined> {
  const { run } = archive;
  const failed = createFailures(run, personasOfAGroup);
  const waived = createFailures(run, personasOfAGroup);
  for await (const cell of archive.cells())
    if (isFailing(cell.verdict)) (isWaived(cell) ? waived : failed).add(cell, cell.verdict);
  const doubt = archive.doubt();
  const all: readonly Annotation[] = [
    ...(doubt === undefined ? [] : [{ level: "error" as const, title: "archive", text: doubt }]),
    ...failed.groups().map((group) => ofGroup(group, "error", archive)),
    ...findingGroups(run.findings).map((group) => ofFindings(group, archive)),
    ...waived.groups().map((group) => ofGroup(group, "warning", archive)),
  ];
  for (const level of ["error", "warning", "notice"] as const)
    yield* capped(
      all.filter((one) => one.level === level),
      level,
      archive,
    );
}

function ofGroup(group: FailureGroup, level: Level, { run }: ArchivedRun): Annotation {
  const { verdict, shown } = group;
  const [first] = shown;
  const [sql] = causePlaces(first?.cause);
  const block = groupBlock(group, { width: 100, paint: plain, run, running: false });
  return {
    level,
    title: `${level === "warning" ? "waived " : ""}${verdictWords[verdict].one}: ${first === undefined ? "" : placeName({ ...first, column: undefined })}`,
    at: sql?.at ?? first?.at,
    text: block.join("\n"),
  };
}

function ofFindings({ kind, severity, found }: FindingGroup, { run }: ArchivedRun): Annotation {
  const { title, todo } = findingMessages[kind];
  const places = found.slice(0, placesOfAKind).map((finding) => `- ${clean(factsOf(finding))}`);
  const left = found.length - places.length;
  const [first] = found;
  return {
    level: severity === "note" ? "notice" : "error",
    title: kind,
    at: first && findingPlace(first, run),
    text: [
      title,
      ...places,
      ...(left > 0 ? [`- and ${plural(left, "more", "more")}`] : []),
      `To do: ${todo}`,
    ].join("\n"),
  };
}

/** The last of ten says how many there are besides, and where. */
function* capped(all: readonly Annotation[], level: Level, archive: ArchivedRun): Generator<string> {
  const shown = all.length > shownOfALevel ? all.slice(0, shownOfALevel - 1) : all;
  for (const one of shown) yield annotation(one);
  if (shown.length === all.length) return;
  yield annotation({
    level,
    title: `${plural(all.length - shown.length, "more", "more")}`,
    text: `${lastLines(archive.run, 100, plain, archive.doubt()).join("\n")}\nall of it: rowgate report ${archive.path}`,
  });
}

/** Why nothing could be proved: the mistakes of a matrix at their lines. */
export function errorAnnotations(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(errorAnnotations).join("");
  const level = "error";
  const title = error instanceof RowgateError ? error.code : "unexpected";
  if (error instanceof IssuesError)
    return error.issues
      .slice(0, shownOfALevel)
      .map(({ code, at, message, hint }) =>
        annotation({ level, title: code, at, text: withHint(message, hint) }),
      )
      .join("");
  if (!(error instanceof RowgateError)) return annotation({ level, title, text: String(error) });
  return annotation({ level, title, at: error.at, text: withHint(error.message, error.hint) });
}

function withHint(message: string, hint: string | undefined): string {
  return hint === undefined ? message : `${message}\n${hint}`;
}

/** One line that the runner of GitHub Actions obeys. */
export function annotation({ level, title, at, text }: Annotation): string {
  const place = at === undefined ? "" : `file=${property(at.file)},line=${at.line},col=${at.column},`;
  return `::${level} ${place}title=${property(`rowgate: ${title}`)}::${data(text.split("\n").map(clean).join("\n"))}\n`;
}

function data(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function property(text: string): string {
  return data(clean(text)).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
