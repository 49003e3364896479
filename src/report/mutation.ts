import {
  type MutantResult,
  type MutantState,
  mutantStateInfo,
  mutantStates,
  type MutationRecord,
  scoreOf,
} from "../model/mutation.ts";
import type { Paint } from "./paint.ts";
import { tableLines } from "./table.ts";
import { clean } from "./text.ts";

export interface MutationTextOptions {
  readonly paint: Paint;
  readonly quiet: boolean;
  /** Every mutant, not only those that survived. */
  readonly verbose: boolean;
  /** Fail below this percentage. */
  readonly minScore: number | undefined;
}

/** What a person reads of one matrix: the score of each relation, what survived, and what it comes to. */
export function mutationText(record: MutationRecord, options: MutationTextOptions): string {
  const { paint, quiet, verbose } = options;
  const survivors = record.mutants.filter(isUndetected);
  const left = record.mutants.filter(({ state }) => mutantStateInfo[state].score === "left out");
  return [
    ...(quiet
      ? []
      : [`${paint("strong", record.matrix)}: ${cellsText(record)}`, "", ...scores(record, paint), ""]),
    ...survivors.flatMap((mutant) => mutantLines(mutant, paint)),
    ...(verbose ? left.flatMap((mutant) => mutantLines(mutant, paint)) : []),
    ...(verbose
      ? record.mutants.filter(({ state }) => state === "killed").flatMap((one) => mutantLines(one, paint))
      : []),
    lastLine(record, options),
    "",
  ].join("\n");
}

function isUndetected({ state }: MutantResult): boolean {
  return mutantStateInfo[state].score === "undetected";
}

function cellsText({ cells, passed }: MutationRecord): string {
  const unable = cells - passed;
  const rest = unable === 0 ? "" : `; ${count(unable, "cell")} did not pass and cannot notice a change`;
  return `${count(passed, "cell")} passed on the direct channel${rest}`;
}

/** The relation with the lowest score first: it needs cells. */
function scores(record: MutationRecord, paint: Paint): readonly string[] {
  const relations = [...new Set(record.mutants.map(({ relation }) => relation))];
  const rows = relations
    .map((relation) => ({ relation, mutants: record.mutants.filter((one) => one.relation === relation) }))
    .map(({ relation, mutants }) => ({ relation, mutants, percent: scoreOf(mutants).percent ?? 101 }))
    .toSorted((a, b) => a.percent - b.percent || (a.relation < b.relation ? -1 : 1))
    .map(({ relation, mutants }) => [
      clean(relation),
      percentText(scoreOf(mutants).percent),
      ...mutantStates.map((state) => String(mutants.filter((one) => one.state === state).length)),
    ]);
  const shown = mutantStates.map((_, index) => rows.some((row) => row[index + 2] !== "0"));
  const keep = <T>(row: readonly T[]): readonly T[] =>
    row.filter((_, index) => index < 2 || shown[index - 2]);
  return tableLines(keep(["relation", "score", ...mutantStates]), rows.map(keep), paint);
}

function mutantLines(
  { state, operator, relation, subject, from, to, because, killedBy, asked, add }: MutantResult,
  paint: Paint,
): readonly string[] {
  const why = killedBy === undefined ? because : `${killedBy.cell}: ${killedBy.verdict}: ${because ?? ""}`;
  return [
    `${paint(tones[state], state)}  ${clean(relation)}, ${clean(subject)} (${operator})`,
    `  - ${clean(from)}`,
    `  + ${clean(to)}`,
    ...(why === undefined ? [] : [`  ${clean(why)}`]),
    ...(state === "no coverage" && why === undefined
      ? ["  no cell that passed asks about this relation and command"]
      : []),
    ...(state === "survived" ? [`  passed with the change as without it: ${askedText(asked)}`] : []),
    ...(add === undefined
      ? []
      : [
          "  add to the matrix:",
          ...add
            .trimEnd()
            .split("\n")
            .map((line) => `    ${clean(line)}`),
        ]),
    "",
  ];
}

const tones: Readonly<Record<MutantState, Parameters<Paint>[0]>> = {
  killed: "good",
  timeout: "warn",
  survived: "bad",
  "no coverage": "bad",
  "runtime error": "warn",
  "compile error": "dim",
  ignored: "dim",
};

const askedAtMost = 5;

function askedText(asked: readonly string[]): string {
  const more = asked.length - askedAtMost;
  const shown = asked.slice(0, askedAtMost).map(clean).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function lastLine(record: MutationRecord, { paint, minScore }: MutationTextOptions): string {
  const { detected, undetected, percent } = scoreOf(record.mutants);
  const left = record.mutants.length - detected - undetected;
  const text = `mutation score ${percentText(percent)}: ${detected} of ${detected + undetected} changes noticed, ${left} left out (${seconds(record)})`;
  const below = isBelow(record, minScore);
  return paint(below ? "bad" : "good", below ? `${text}; below --min-score ${minScore}` : text);
}

/** A matrix about which nothing could be asked does not reach a score. */
export function isBelow({ mutants }: MutationRecord, minScore: number | undefined): boolean {
  return minScore !== undefined && (scoreOf(mutants).percent ?? 0) < minScore;
}

function seconds({ milliseconds, phases, mutants, reused }: MutationRecord): string {
  const earlier =
    reused === 0
      ? ""
      : `; ${reused} of ${count(mutants.length, "result")} reused: nothing that they rest on has changed`;
  return `${secondsText(milliseconds)}, of which ${secondsText(phases.changes)} for the changes${earlier}`;
}

function secondsText(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Never rounded up: 99.96 is no 100. */
function percentText(percent: number | undefined): string {
  return percent === undefined ? "-" : `${(Math.floor(percent * 10) / 10).toFixed(1)} %`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
