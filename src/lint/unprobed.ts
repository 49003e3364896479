import type { RoutineInfo } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import { isExposed, mayCall, signatureOf } from "../model/routine.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { declaredRelations, holdsAnything, type LintContext } from "./context.ts";

/** Roles that hold something on a declared relation, and that no persona has. */
export function unprobedRoles({ matrix, lints, gateway }: LintContext): readonly Finding[] {
  const declared = declaredRelations(matrix);
  const probed = new Set(matrix.personas.map(({ role }) => role));
  const held = new Map<string, string[]>();
  for (const row of lints["unprobed-role"]) {
    const { role, heldBy } = row.facts;
    const relation = formatQualified(row);
    if (!declared.has(relation) || role === gateway?.anonRole || heldBy.some((one) => probed.has(one)))
      continue;
    held.set(role, [...(held.get(role) ?? []), relation]);
  }
  return [...held].map(([role, relations]) => ({ kind: "unprobed-role", role, relations }));
}

/** A gateway lets everybody be this role: without a persona that has it, what it reaches has not been probed. */
export function unprobedAnonymousRole({
  matrix,
  catalog,
  lints,
  functions,
  gateway,
}: LintContext): readonly Finding[] {
  const { personas, exposes } = matrix;
  if (gateway === undefined) return [];
  const { anonRole } = gateway;
  if (personas.some(({ role, login }) => role === anonRole && login === undefined)) return [];
  const declared = declaredRelations(matrix);
  const held = catalog.relations.filter(
    (info) => declared.has(formatQualified(info)) && holdsAnything(info.privileges[anonRole]),
  );
  const oids = new Set(functions.map(({ routine }) => routine.oid));
  const helpers = new Set(
    lints["undeclared-function"].flatMap(({ facts }) => (facts.helper ? facts.oid : [])),
  );
  // What some persona may call, and no function of the matrix is, is a finding by itself.
  const reported = (one: RoutineInfo): boolean =>
    !oids.has(one.oid) && personas.some(({ role }) => mayCall(one, role));
  const called = catalog.routines
    .filter((one) => one.securityDefiner && !helpers.has(one.oid) && isExposed(one, exposes))
    .filter((one) => mayCall(one, anonRole) && !reported(one));
  const reaches = [...held.map((one) => formatQualified(one)), ...called.map((one) => signatureOf(one))];
  return reaches.length === 0 ? [] : [{ kind: "unprobed-anonymous-role", role: anonRole, reaches }];
}

/** Arguments that every declared call leaves out: what they change has not been seen. */
export function untestedArguments({ functions, lints }: LintContext): readonly Finding[] {
  const optional = new Map(lints["argument-untested"].map(({ facts }) => [facts.oid, facts.arguments]));
  return functions.flatMap(({ spec, routine }): readonly Finding[] => {
    const untested = (optional.get(routine.oid) ?? []).filter(
      (name) => !spec.calls.some((call) => Object.hasOwn(call.arguments, name)),
    );
    return untested.length === 0
      ? []
      : [{ kind: "argument-untested", function: signatureOf(routine), arguments: untested }];
  });
}
