import type { Finding } from "../model/finding.ts";
import type { LintContext } from "./context.ts";
import { bypassPaths, loginsUnknown, privilegedLoginSettings, roleEscalations } from "./logins.ts";
import { aboveRls, immutableFunctions, sessionUserPolicies } from "./policies.ts";
import {
  missingPreRequest,
  undeclaredExposedSchemas,
  undeclaredFunctions,
  undeclaredRelations,
} from "./undeclared.ts";
import { untestedArguments, unprobedAnonymousRole, unprobedRoles } from "./unprobed.ts";
import { cascades, sideEffects, untestedForbiddenUpdates } from "./writes.ts";

/** A check: facts of the lints and what the matrix says, to findings. Adding one is a line here. */
const checks: readonly ((context: LintContext) => readonly Finding[])[] = [
  undeclaredRelations,
  undeclaredFunctions,
  unprobedRoles,
  unprobedAnonymousRole,
  aboveRls,
  sessionUserPolicies,
  immutableFunctions,
  undeclaredExposedSchemas,
  missingPreRequest,
  cascades,
  untestedArguments,
  untestedForbiddenUpdates,
  roleEscalations,
  loginsUnknown,
  privilegedLoginSettings,
  bypassPaths,
  sideEffects,
];

/** What a run has to report besides its cells, as far as matrix and catalogue say. */
export function findFindings(context: LintContext): readonly Finding[] {
  return checks.flatMap((check) => check(context));
}
