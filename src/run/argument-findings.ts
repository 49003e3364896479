import type { Varied } from "../arguments/vary.ts";
import { type ArgumentFault, withArgument } from "../model/argument-fault.ts";
import type { RoutineInfo } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { FunctionSpec, Persona } from "../model/matrix.ts";
import { signatureOf } from "../model/routine.ts";

// What calls with other arguments say besides the cells of declared functions.

export interface Reachable {
  readonly routine: RoutineInfo;
  readonly spec: FunctionSpec | undefined;
  readonly personas: readonly Persona[];
  /** Why it is not called; `undefined`: it is. */
  readonly left: string | undefined;
}

export interface Outcome extends Reachable {
  readonly persona: string;
  readonly varied: Varied;
}

/** One a function and kind; the personas share it. */
export function undeclaredFaults(outcomes: readonly Outcome[]): readonly Finding[] {
  const found = new Map<
    string,
    { readonly fault: ArgumentFault; readonly function: string; personas: string[] }
  >();
  for (const { spec, routine, persona, varied } of outcomes) {
    if (spec !== undefined) continue;
    for (const fault of varied.faults) {
      const key = `${fault.kind} ${routine.oid} ${fault.relation}`;
      const known = found.get(key) ?? { fault, function: signatureOf(routine), personas: [] };
      known.personas.push(persona);
      found.set(key, known);
    }
  }
  const kinds = {
    returns: "argument-leak",
    shows: "argument-leak",
    stores: "argument-answer",
    answers: "argument-answer",
    writes: "argument-writes",
  } as const;
  return [...found.values()].map(({ fault, function: name, personas }) => ({
    kind: kinds[fault.kind],
    function: name,
    personas,
    with: withArgument(fault),
    relation: fault.relation,
    rows: fault.rows,
    keys: fault.keys,
    sql: fault.sql,
  }));
}

export function truths(outcomes: readonly Outcome[]): readonly Finding[] {
  const personas = new Map<RoutineInfo, string[]>();
  for (const { routine, persona, varied } of outcomes)
    if (varied.answersAboutOthers) personas.set(routine, [...(personas.get(routine) ?? []), persona]);
  return [...personas].map(([routine, who]) => ({
    kind: "answers-about-others",
    function: signatureOf(routine),
    personas: who,
  }));
}

export function leftOut(outcomes: readonly Outcome[], reachable: readonly Reachable[]): readonly Finding[] {
  const why = new Map<RoutineInfo, string>();
  for (const { routine, left } of reachable) if (left !== undefined) why.set(routine, left);
  for (const { routine, varied } of outcomes) if (varied.left !== undefined) why.set(routine, varied.left);
  return [...why].map(([routine, because]) => ({
    kind: "arguments-not-varied",
    function: signatureOf(routine),
    because,
  }));
}
