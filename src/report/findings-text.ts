import { factsOf, findingMessages } from "../messages/findings.ts";
import {
  failsRun,
  type Finding,
  type FindingKind,
  isChain,
  type Severity,
  severityOf,
} from "../model/finding.ts";
import type { Paint, Tone } from "./paint.ts";
import { clean, hanging, labelled, plural } from "./text.ts";

const severities: readonly Severity[] = ["leak", "error", "failure", "note"];
export const severityTones: Record<Severity, Tone> = {
  leak: "bad",
  error: "bad",
  failure: "bad",
  note: "dim",
};
/** More of one kind than this add nothing new; run.json has them all. */
const shownOfAKind = 20;

/** Worst first, grouped by kind: what it means once, then each place, then what to do. */
export function findingSections(
  findings: readonly Finding[],
  width: number,
  paint: Paint,
): readonly (readonly string[])[] {
  return findingGroups(findings).map((found) => group(found, width, paint));
}

/** Findings of one kind; `--fail-on` raises all of a kind, or none. */
export interface FindingGroup {
  readonly kind: FindingKind;
  readonly severity: Severity;
  readonly found: readonly Finding[];
}

/** Worst first, and within a severity as they came. */
export function findingGroups(findings: readonly Finding[]): readonly FindingGroup[] {
  const kinds = [...new Set(findings.map(({ kind }) => kind))];
  const groups = kinds.map((kind) => {
    const found = findings.filter((finding) => finding.kind === kind);
    return { kind, found, severity: severityOf({ kind, raised: found[0]?.raised }) };
  });
  return severities.flatMap((severity) => groups.filter((one) => one.severity === severity));
}

/** To paste into psql as it is: no line is wrapped. */
function reproduceLines(finding: Finding): readonly string[] {
  if (!isChain(finding) || !failsRun(finding)) return [];
  return finding.reproduce.split("\n").map((line) => `      ${clean(line)}`);
}

function group({ kind, severity, found }: FindingGroup, width: number, paint: Paint): readonly string[] {
  const { title, todo } = findingMessages[kind];
  const word = severity.toUpperCase();
  const [first = "", ...more] = hanging(`${word}  ${title} (${kind})`, width);
  const left = found.length - shownOfAKind;
  return [
    `${paint(severityTones[severity], word)}${first.slice(word.length)}`,
    ...more,
    ...found
      .slice(0, shownOfAKind)
      .flatMap((finding) => [
        ...labelled("-", clean(factsOf(finding)), width, 2, 2),
        ...reproduceLines(finding),
      ]),
    ...(left > 0 ? labelled("-", `and ${plural(left, "more", "more")} (see run.json)`, width, 2, 2) : []),
    ...labelled("to do", todo, width, 2, 7),
  ];
}
