import { operationInfo } from "../model/operations.ts";
import type { Declaration, Expectation, Operation, RelationSpec } from "../model/matrix.ts";
import { recent } from "../lib/recent.ts";

/** What a cell is held to, and whether the matrix says it or it follows. */
export interface ResolvedExpectation {
  readonly expectation: Expectation;
  readonly declaration: Declaration | undefined;
  readonly implied: boolean;
}

const denied: Expectation = { kind: "deny", reason: undefined };

/**
 * The expectation of persona × operation: what is not listed is denied. Blind writes follow their filtered forms, and an
 * upsert may not reach past UPDATE. `undefined`: the cell would say nothing that another does not.
 */
export function resolveExpectation(
  spec: RelationSpec,
  persona: string,
  operation: Operation,
): ResolvedExpectation | undefined {
  const own = declarationOf(spec, persona, operation);
  if (own !== undefined) return { expectation: spelledOut(own, spec), declaration: own, implied: false };
  const source = operationInfo[operation].follows;
  const declaration = declarationOf(spec, persona, source ?? "update");
  if (source !== undefined && declaration !== undefined)
    return { expectation: declaration.expectation, declaration, implied: true };
  if (operation !== "upsert" || declaration === undefined)
    return { expectation: denied, declaration: undefined, implied: true };
  const { expectation } = declaration;
  if (expectation.kind === "allow") return undefined;
  const bounded: Expectation = expectation.kind === "rows" ? { ...expectation, kind: "within" } : denied;
  return { expectation: bounded, declaration, implied: true };
}

/** Looked up for every cell: a scan over the declarations would be quadratic in the personas. */
const indexOf = recent(
  ({ declarations }: RelationSpec) =>
    new Map(declarations.map((one) => [`${one.persona}/${one.operation}`, one])),
);

function declarationOf(spec: RelationSpec, persona: string, operation: Operation): Declaration | undefined {
  return indexOf(spec).get(`${persona}/${operation}`);
}

/**
 * Candidates that an INSERT does not list as accepted are refused: default deny holds for them as well. Where `check` alone says
 * which rows may be written, no candidate is.
 */
function spelledOut({ expectation, check }: Declaration, spec: RelationSpec): Expectation {
  if (expectation.kind !== "candidates") return expectation;
  if (check !== undefined && expectation.accept.length + expectation.reject.length === 0) return expectation;
  const others = spec.candidates.map(({ name }) => name).filter((name) => !expectation.accept.includes(name));
  return { ...expectation, reject: [...new Set([...expectation.reject, ...others])] };
}
