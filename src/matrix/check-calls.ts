import type { CallChoice, Json } from "../model/matrix.ts";
import { callIsOpen } from "../model/matrix.ts";
import { checkParameters } from "./check-parameters.ts";
import type { FunctionDraft } from "./functions.ts";
import type { Issues } from "../yaml/issues.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import type { Personas } from "./personas.ts";
import type { Resolved } from "./precedence.ts";
import type { CandidateDraft, Said } from "./scope.ts";
import type { ParameterUse } from "./values.ts";

/** `:args.org` is the call's argument `org`; every other parameter is the persona's. */
const prefix = "args.";
const isArgument = ({ name }: ParameterUse): boolean => name.startsWith(prefix);

/**
 * Parameters of a function's calls and row sets. Who is let through must have a value for everything in the call; who is
 * refused may send another's values, so for a refused call it is enough that somebody has them.
 */
export function checkCalls(
  { scope, ...draft }: FunctionDraft,
  resolved: readonly Resolved[],
  personas: Personas,
  vars: Readonly<Record<string, Json>>,
  issues: Issues,
): void {
  const own = (uses: readonly ParameterUse[]): readonly ParameterUse[] =>
    uses.filter((use) => !isArgument(use));
  const rowSets = [...scope.rowSets].map(
    ([name, set]) => [name, set && { ...set, uses: own(set.uses) }] as const,
  );
  const said = resolved.map((one) => {
    const sent = openCalls(scope.candidates, one.said).flatMap((call) => call.uses);
    return { ...one, said: { ...one.said, uses: own([...one.said.uses, ...sent]) } };
  });
  checkParameters({ ...scope, rowSets: new Map(rowSets) }, said, personas, vars, issues);
  for (const one of new Set(resolved.map((each) => each.said))) {
    const open = openCalls(scope.candidates, one);
    if (
      one.expectation.kind !== "deny" &&
      !(one.expectation.kind === "rows" && one.calls?.reason === "filter") &&
      open.length === 0 &&
      ![...scope.candidates.values()].includes(undefined)
    )
      issues.report("matrix/contradiction", one.at, "every call is rejected here", "write `deny`");
    // A call that must return no row is asked what it would have returned.
    const asked = one.calls?.reason === "filter" ? allCalls(scope.candidates) : open;
    for (const use of one.uses.filter(isArgument)) checkArgument(use, asked, draft.name, issues);
  }
}

function openCalls(
  calls: ReadonlyMap<string, CandidateDraft | undefined>,
  { expectation, calls: choice }: Said & { readonly calls?: CallChoice | undefined },
): readonly CandidateDraft[] {
  if (expectation.kind === "deny") return [];
  return allCalls(calls).filter((call) => callIsOpen(choice, call.candidate.name));
}

function allCalls(calls: ReadonlyMap<string, CandidateDraft | undefined>): readonly CandidateDraft[] {
  return [...calls.values()].flatMap((call) => call ?? []);
}

function checkArgument(
  use: ParameterUse,
  open: readonly CandidateDraft[],
  name: string,
  issues: Issues,
): void {
  const argument = use.name.slice(prefix.length);
  const lacking = open.filter(({ candidate }) => (candidate.values[argument] ?? null) === null);
  if (lacking.length === 0) return;
  const given = [...new Set(open.flatMap(({ candidate }) => Object.keys(candidate.values)))];
  const meant = nearest(argument, given);
  const message = `\`:${use.name}\` has no value in ${listNames(lacking.map(({ candidate }) => candidate.name))} of \`${name}\`${didYouMean(meant && `:${prefix}${meant}`)}`;
  issues.report(
    "matrix/unknown-parameter",
    use.at,
    message,
    "`:args.<name>` is what the call gives for that argument; one that is left to its default has no value here",
  );
}
