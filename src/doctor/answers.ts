import type { CheckName, Diagnosis } from "../model/diagnosis.ts";
import type { Examination } from "../model/examination.ts";
import { type Facts, isUnclear, type ProblemName, problems } from "./problems.ts";

/** What a check has to say; which check it is, the table of checks knows. */
export type Answer = Omit<Diagnosis, "check">;

/** A check that has nothing to look at says nothing. */
export type Check = (of: Examination) => readonly Answer[];

export function well(sentence: string, notes: readonly string[] = []): readonly Answer[] {
  return [{ status: "well", sentence, ...(notes.length > 0 && { notes }) }];
}

export function notAsked(sentence: string): readonly Answer[] {
  return [{ status: "not-asked", sentence }];
}

export function problem<Name extends ProblemName>(
  name: Name,
  facts: Facts<Name>,
  details: readonly string[] = [],
): Answer {
  const { sentence, hint } = problems[name];
  return {
    status: isUnclear(name) ? "unclear" : "wrong",
    problem: name,
    sentence: fill(sentence, facts),
    hint: fill(hint, facts),
    ...(details.length > 0 && { details }),
  };
}

/** Something else has to be mended first. */
export function waitsFor(what: CheckName): readonly Answer[] {
  return [{ status: "unclear", problem: "waits", sentence: `could not be told: see ${what}` }];
}

/** In one pass, so that braces within a fact stay what they are. */
function fill(text: string, facts: Readonly<Record<string, string | number>>): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(facts[name] ?? ""));
}

const namesAtMost = 3;

/** `a, b, c and 4 more`. */
export function listed(names: readonly string[]): string {
  const more = names.length - namesAtMost;
  return more > 0 ? `${names.slice(0, namesAtMost).join(", ")} and ${more} more` : names.join(", ");
}
