import { factsOf } from "../messages/findings.ts";
import type { Finding } from "../model/finding.ts";

/** What is found afterwards and was not found before: of the same, roles that are left are no news. */
export function newFindings<Of extends Finding>(
  before: readonly Finding[],
  after: readonly Of[],
): readonly Of[] {
  const known = new Map<string, Set<string>>();
  for (const one of before) {
    const roles = known.get(nameOf(one)) ?? new Set();
    known.set(nameOf(one), new Set([...roles, ...rolesOf(one)]));
  }
  return after.filter((one) => {
    const roles = known.get(nameOf(one));
    return roles === undefined || rolesOf(one).some((role) => !roles.has(role));
  });
}

/** What a person reads of it, but the roles. */
function nameOf(one: Finding): string {
  return `${one.kind}: ${factsOf({ ...one, ...("roles" in one && { roles: [] }) } as Finding)}`;
}

function rolesOf(one: Finding): readonly string[] {
  return "roles" in one ? one.roles : [];
}
