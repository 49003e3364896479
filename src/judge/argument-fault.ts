import { type ArgumentFault, withArgument } from "../model/argument-fault.ts";
import type { Judgement } from "../model/verdict.ts";

/** A call that is judged, and what the same function gave the same persona for other arguments. */
export function withArgumentFault(judgement: Judgement, fault: ArgumentFault | undefined): Judgement {
  if (fault === undefined || judgement.verdict === "error" || judgement.verdict === "leak") return judgement;
  return {
    ...judgement,
    verdict: "leak",
    effect: "allowed",
    because: faultText(fault),
    evidence: undefined,
    fromProof: true,
  };
}

function faultText(fault: ArgumentFault): string {
  const { kind, relation, rows, keys, argument, value } = fault;
  if (kind === "stores")
    return `${shownBy(fault)} ${argument} = '${value}', which depends on rows of ${relation} that this persona may not read (a default, a generated column, a trigger or a function puts it there)`;
  const which = `${rows} ${rows === 1 ? "row" : "rows"} of ${relation}`;
  const shown = keys.length === 0 ? "" : ` (${keys.join(", ")}${rows > keys.length ? ", …" : ""})`;
  if (kind === "shows")
    return `its column ${argument} shows '${value}', a value of ${which}${shown} that the matrix does not let this persona read: declare these rows as readable, or write \`carries: [${argument}]\` if the column may show them`;
  const what = {
    returns: `it returned ${which}${shown} that the matrix does not declare for this persona`,
    answers: `its answer depends on rows of ${relation} that this persona may not read`,
    writes: `it changed ${which}${shown} that this persona may not change`,
  }[kind];
  return `called ${withArgument(fault)}, ${what}`;
}

function shownBy({ shown }: ArgumentFault): string {
  const { operation = "insert", where } = shown ?? {};
  if (where !== undefined) return `after the ${operation}, ${where} shows this persona`;
  return {
    insert: "the inserted row gives back",
    update: "the updated row gives back",
    delete: "the deleted row gives back",
    call: "the call returns",
  }[operation];
}
