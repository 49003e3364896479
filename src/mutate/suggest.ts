import { stringify } from "yaml";
import type { Cell } from "../model/cell.ts";
import { isFor } from "../model/operations.ts";
import type { Plan } from "../plan/plan.ts";
import type { Mutant } from "./mutant.ts";

/**
 * What to add to the matrix so that a cell notices the change, as YAML; `undefined` where rowgate knows no cell that would.
 * A privilege that a role does not hold is noticed by `deny: grant`; a relation that the matrix does not name, by naming it.
 */
export function suggestionFor(mutant: Mutant, own: readonly Cell[], plan: Plan): string | undefined {
  const { after } = mutant;
  if (after.kind === "function") return undefined;
  const name = after.schema === plan.matrix.schema ? after.name : `${after.schema}.${after.name}`;
  const expect = isNamed(mutant, plan) ? deniedByGrant(mutant, own, plan) : deniedToAll(mutant, plan);
  if (expect.length === 0) return undefined;
  return stringify({ relations: { [name]: { expect: Object.fromEntries(expect) } } });
}

function isNamed({ after }: Mutant, { work }: Plan): boolean {
  return work.some(({ relation }) => relation.info.oid === after.oid);
}

type Expected = readonly (readonly [persona: string, expectation: unknown])[];

/** Whom the matrix gives nothing is denied; where someone should have rows, that is for people to say. */
function deniedToAll({ roles }: Mutant, { matrix, catalog }: Plan): Expected {
  return matrix.personas.flatMap((persona) => {
    const role = catalog.roles.find(({ name }) => name === persona.role);
    return role !== undefined && isFor(roles, role) ? [[persona.name, "deny"]] : [];
  });
}

/** Only where the role holds the privilege on no column now: then the cell passes, and fails with the grant. */
function deniedByGrant(
  { alters, operator, after }: Mutant,
  own: readonly Cell[],
  { catalog }: Plan,
): Expected {
  if (operator !== "grant" || typeof alters !== "string") return [];
  const before = catalog.relations.find(({ oid }) => oid === after.oid);
  return own.flatMap(({ operation, column, persona, expectation }): Expected => {
    const held = before?.privileges[persona.role]?.[alters];
    const holds = typeof held === "boolean" ? held : held === undefined || held.length > 0;
    if (operation !== alters || column !== undefined || holds) return [];
    // Declared already, and what refuses is another relation's privilege.
    if (expectation.kind !== "deny" || expectation.reason === "grant") return [];
    return [[persona.name, { [operation]: { deny: "grant" } }]];
  });
}
