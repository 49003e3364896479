import type { PlannedCall } from "../model/cell.ts";
import { RowgateError } from "../model/errors.ts";
import type { Call, Json, Matrix, Persona } from "../model/matrix.ts";
import {
  type ParameterLookup,
  bindCandidateValue,
  bindParameters,
  findParameters,
  personaParameter,
} from "../model/parameters.ts";

type Values = PlannedCall["values"];

/**
 * A call with the persona's own values. Who has none (anon has no `:sub`) sends those of the first persona that has: nothing
 * keeps a caller from naming another user in an argument, so a refusal must hold for that too.
 */
export function bindCall(
  call: Call,
  persona: Persona,
  matrix: Pick<Matrix, "personas" | "vars">,
): Pick<PlannedCall, "values" | "borrowed"> {
  for (const of of [persona, ...matrix.personas.filter((one) => one !== persona)]) {
    const values = valuesOf(call, of, matrix.vars);
    if (values !== undefined) return { values, borrowed: of === persona ? undefined : of.name };
  }
  throw new Error(`the reader let the call ${call.name} pass, for which no persona has values`);
}

function valuesOf(call: Call, persona: Persona, vars: Matrix["vars"]): Values | undefined {
  const lookup = (name: string): Json | undefined => personaParameter(persona, vars, name);
  try {
    const entries = Object.entries(call.arguments).map(
      ([name, value]) => [name, bindCandidateValue(value, lookup)] as const,
    );
    return Object.fromEntries(entries);
  } catch (error) {
    if (error instanceof RowgateError && error.code === "parameter/no-value") return undefined;
    throw error;
  }
}

/** What a predicate over a call's rows may speak of. */
export interface CallParameters {
  readonly persona: Persona;
  readonly vars: Matrix["vars"];
  readonly values: Values;
  readonly column: string | undefined;
  /** Argument → SQL, for those that the call leaves out. */
  readonly defaults: Readonly<Record<string, string>>;
}

/** `:args.<name>` is the call's argument, or its default, `:column` the column's name, every other parameter the persona's. */
export function bindCallPredicate(
  predicate: string,
  { persona, vars, values, column, defaults }: CallParameters,
): string {
  const valueOf: ParameterLookup = (name) => {
    if (name === "column") return column;
    return name.startsWith("args.") ? values[name.slice(5)] : personaParameter(persona, vars, name);
  };
  return bindParameters(withDefaults(predicate, values, defaults), valueOf);
}

function withDefaults(predicate: string, values: Values, defaults: CallParameters["defaults"]): string {
  return findParameters(predicate).reduceRight((text, { name, index }) => {
    const argument = name.startsWith("args.") ? name.slice(5) : undefined;
    const sql = argument === undefined || argument in values ? undefined : defaults[argument];
    return sql === undefined ? text : `${text.slice(0, index)} ${sql} ${text.slice(index + 1 + name.length)}`;
  }, predicate);
}
