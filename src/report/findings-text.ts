import type { BypassPath } from "../model/bypass-path.ts";
import type { Finding, FindingKind } from "../model/finding.ts";
import { findingInfo, type FindingInfo } from "../model/finding-info.ts";
import { place } from "./failure.ts";
import type { Paint, Tone } from "./paint.ts";
import { clean, hanging, labelled, number, oneLine, plural } from "./text.ts";

type Facts = { readonly [K in FindingKind]: (of: Extract<Finding, { kind: K }>) => string };

/** What one finding is about; what its kind means is in `findingInfo`. */
const facts: Facts = {
  "undeclared-relation": (of) => `${clean(of.relation)} (${clean(of.relationKind)})`,
  "undeclared-function": (of) => `${clean(of.function)}: ${of.roles.map(clean).join(", ")}`,
  "undeclared-definer": (of) =>
    `${clean(of.function)}, with the rights of ${clean(of.owner)}: ${of.roles.map(clean).join(", ")}`,
  "undeclared-identity-setter": (of) => `${clean(of.function)}: ${of.roles.map(clean).join(", ")}`,
  "undeclared-exposed-schema": (of) => clean(of.schema),
  "missing-pre-request": (of) => clean(of.function),
  "unprobed-anonymous-role": (of) => `${clean(of.role)}: ${of.reaches.map(clean).join(", ")}`,
  "owner-bypasses-rls": (of) => `${clean(of.persona)}: role ${clean(of.role)} owns ${clean(of.relation)}`,
  "superuser-persona": (of) => `${clean(of.persona)}: role ${clean(of.role)} is ${superpower[of.why]}`,
  "login-role-escalation": (of) => `${clean(of.login)}, as ${of.roles.map(clean).join(", ")}`,
  "login-bypass-path": (of) => `${clean(of.role)}: ${around[of.way](clean(of.place), clean(of.of ?? ""))}`,
  "unprobed-role": (of) => `${clean(of.role)}: ${of.relations.map(clean).join(", ")}`,
  "argument-untested": (of) => `${clean(of.function)}: ${of.arguments.map(clean).join(", ")}`,
  "forbidden-update-untested": (of) =>
    `${clean(of.relation)}.${clean(of.column)}, by ${of.personas.map(clean).join(", ")}: read by policies of ${some(of.of)}`,
  "cascades-past-a-deny": (of) =>
    `DELETE from ${clean(of.from)} ${of.does} rows of ${clean(of.relation)}, for ${of.personas.map(clean).join(", ")}`,
  "no-privileged-connection": (of) => `login ${clean(of.login)}`,
  "rows-changed": (of) => clean(of.relation),
  "rows-unreadable": (of) => oneLine(of.because),
  "probe-rows-left": (of) => `${clean(of.relation)}: ${plural(of.rows, "row")}`,
  "changed-by-others": (of) => clean(of.relation),
  "session-user-policy": (of) => `${clean(of.relation)}, policy ${clean(of.policy)}`,
  "immutable-reads-setting": (of) => clean(of.function),
  "rollback-not-honoured": (of) => `gateway ${clean(of.gateway)}`,
  "waiver-expired": (of) => `${clean(of.cell)}, ended on ${clean(of.expires)} (${place(of.at)})`,
  "side-effect-outside-transaction": (of) =>
    `${clean(of.relation)}: ${clean(of.function)} reaches ${clean(of.reaches)}`,
  "sequences-advanced": (of) => oneLine(of.sequences.join(", ")),
  "not-watched": (of) => `${clean(of.relation)}: ${oneLine(of.because)}`,
  "login-unknown": (of) => `${clean(of.persona)}: ${oneLine(of.because)}`,
  "privileged-login-setting": (of) => `login ${clean(of.login)}, setting ${clean(of.setting)}`,
  "writes-committed": (of) =>
    `${plural(of.rows, "row")} made, ${of.left === 0 ? "all" : number(of.rows - of.left)} gone`,
  "clock-was-set": ({ seconds }) => `${number(Math.abs(seconds))} s ${seconds > 0 ? "forward" : "back"}`,
  "production-override": (of) => oneLine(of.because),
  "rest-not-probed": (of) => oneLine(of.reason),
};

function some(names: readonly string[]): string {
  const left = names.length - 3;
  return `${names.slice(0, 3).map(clean).join(", ")}${left > 0 ? ` and ${number(left)} more` : ""}`;
}

const around: Record<BypassPath["way"], (on: string, of: string) => string> = {
  replication: () => "REPLICATION streams every row of every table",
  trigger: (on) => `TRIGGER on ${on}: what it hangs there runs with the rights of whoever writes`,
  schema: (on, of) => `owns the schema ${on}, and may drop ${of}`,
  force: (on) => `owns ${on}, and may take FORCE ROW LEVEL SECURITY away`,
  shadow: (on, of) => `function ${on} finds ${of} by search_path, where a temporary table comes first`,
  barrier: (on) => `view ${on} hides rows without security_barrier`,
};

const superpower = { superuser: "a superuser", bypassrls: "allowed to bypass RLS" } as const;

const severities: readonly FindingInfo["severity"][] = ["error", "failure", "note"];
const tones: Record<FindingInfo["severity"], Tone> = { error: "bad", failure: "bad", note: "dim" };
/** More of one kind than this say nothing new; run.json has them all. */
const shownOfAKind = 20;

/** Whether a finding fails the run, whatever its cells say. */
export function failsRun(finding: Finding): boolean {
  return findingInfo[finding.kind].severity !== "note";
}

/** Worst first, grouped by kind: what it means once, then each place, then what to do. */
export function findingSections(
  findings: readonly Finding[],
  width: number,
  paint: Paint,
): readonly (readonly string[])[] {
  const kinds = [...new Set(findings.map((finding) => finding.kind))];
  const bySeverity = severities.flatMap((severity) =>
    kinds.filter((kind) => findingInfo[kind].severity === severity),
  );
  return bySeverity.map((kind) => {
    const ofKind = findings.filter((finding) => finding.kind === kind);
    return group(kind, ofKind, width, paint);
  });
}

function factOf(finding: Finding): string {
  return (facts[finding.kind] as (of: Finding) => string)(finding);
}

function group(kind: FindingKind, found: readonly Finding[], width: number, paint: Paint): readonly string[] {
  const { severity, title, remedy } = findingInfo[kind];
  const word = severity.toUpperCase();
  const [first = "", ...more] = hanging(`${word}  ${title} (${kind})`, width);
  const left = found.length - shownOfAKind;
  return [
    `${paint(tones[severity], word)}${first.slice(word.length)}`,
    ...more,
    ...found.slice(0, shownOfAKind).flatMap((finding) => labelled("-", factOf(finding), width, 2, 2)),
    ...(left > 0 ? labelled("-", `and ${plural(left, "more", "more")} (see run.json)`, width, 2, 2) : []),
    ...labelled("to do", remedy, width, 2, 7),
  ];
}
