import type { BoundCandidate } from "../model/cell.ts";
import { RowgateError } from "../model/errors.ts";
import type { Candidate, Matrix, Persona } from "../model/matrix.ts";
import { bindCandidateValue, personaParameter } from "../model/parameters.ts";

/** A candidate with a parameter that a denied persona has no value for is not its own to send. */
export function bindCandidate(
  candidate: Candidate,
  matrix: Matrix,
  persona: Persona,
  required: boolean,
): readonly BoundCandidate[] {
  try {
    return [bindValues(candidate, matrix, persona)];
  } catch (error) {
    if (!required && error instanceof RowgateError && error.code === "parameter/no-value") return [];
    throw error;
  }
}

export function bindValues({ name, values }: Candidate, matrix: Matrix, persona: Persona): BoundCandidate {
  const valueOf = (parameter: string) => personaParameter(persona, matrix.vars, parameter);
  const entries = Object.entries(values).map(
    ([column, value]) => [column, bindCandidateValue(value, valueOf)] as const,
  );
  return { name, origin: "declared", values: Object.fromEntries(entries) };
}
