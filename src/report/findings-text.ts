import { factsOf, findingMessages } from "../messages/findings.ts";
import { type Finding, type FindingKind, findingSeverity, type Severity } from "../model/finding.ts";
import type { Paint, Tone } from "./paint.ts";
import { clean, hanging, labelled, plural } from "./text.ts";

const severities: readonly Severity[] = ["error", "failure", "note"];
const tones: Record<Severity, Tone> = { error: "bad", failure: "bad", note: "dim" };
/** More of one kind than this add nothing new; run.json has them all. */
const shownOfAKind = 20;

/** Worst first, grouped by kind: what it means once, then each place, then what to do. */
export function findingSections(
  findings: readonly Finding[],
  width: number,
  paint: Paint,
): readonly (readonly string[])[] {
  const kinds = [...new Set(findings.map((finding) => finding.kind))];
  const bySeverity = severities.flatMap((severity) =>
    kinds.filter((kind) => findingSeverity[kind] === severity),
  );
  return bySeverity.map((kind) => {
    const ofKind = findings.filter((finding) => finding.kind === kind);
    return group(kind, ofKind, width, paint);
  });
}

function group(kind: FindingKind, found: readonly Finding[], width: number, paint: Paint): readonly string[] {
  const { title, todo } = findingMessages[kind];
  const severity = findingSeverity[kind];
  const word = severity.toUpperCase();
  const [first = "", ...more] = hanging(`${word}  ${title} (${kind})`, width);
  const left = found.length - shownOfAKind;
  return [
    `${paint(tones[severity], word)}${first.slice(word.length)}`,
    ...more,
    ...found.slice(0, shownOfAKind).flatMap((finding) => labelled("-", clean(factsOf(finding)), width, 2, 2)),
    ...(left > 0 ? labelled("-", `and ${plural(left, "more", "more")} (see run.json)`, width, 2, 2) : []),
    ...labelled("to do", todo, width, 2, 7),
  ];
}
