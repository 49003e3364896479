import { factsOf } from "../messages/findings.ts";
import type { Finding } from "../model/finding.ts";

/** What is found afterwards and was not found before: of the same or of worse, roles that are left are no news. */
export function newFindings<Of extends Finding>(
  before: readonly Finding[],
  after: readonly Of[],
): readonly Of[] {
  const known = new Map<string, Set<string>>();
  for (const one of before)
    for (const name of namesOf(one)) known.set(name, new Set([...(known.get(name) ?? []), ...rolesOf(one)]));
  return after.filter((one) => {
    const [name = ""] = namesOf(one);
    const roles = known.get(name);
    return roles === undefined || rolesOf(one).some((role) => !roles.has(role));
  });
}

/** Of a function that the matrix leaves out: what is worst first. */
const leftOut: readonly Finding["kind"][] = [
  "undeclared-definer",
  "undeclared-identity-setter",
  "undeclared-function",
];

/** What a person reads of it, but the roles; and what is milder, which it covers. */
function namesOf(one: Finding): readonly string[] {
  if ("function" in one && leftOut.includes(one.kind))
    return leftOut.slice(leftOut.indexOf(one.kind)).map((kind) => `${kind}: ${one.function}`);
  return [`${one.kind}: ${factsOf({ ...one, ...("roles" in one && { roles: [] }) } as Finding)}`];
}

function rolesOf(one: Finding): readonly string[] {
  return "roles" in one ? one.roles : [];
}
