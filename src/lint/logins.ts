import type { Finding } from "../model/finding.ts";
import type { Persona } from "../model/matrix.ts";
import type { LintContext } from "./context.ts";
import { policiesReadingLogin } from "./policies.ts";

/** A session is not bound to the role that it starts with. What a persona of the matrix does with its login is declared. */
export function roleEscalations({ matrix: { personas }, lints }: LintContext): readonly Finding[] {
  return lints["login-role-escalation"].flatMap(({ name: login, facts }): readonly Finding[] => {
    const declared = new Set(personas.filter((one) => one.login === login).map(({ role }) => role));
    const roles = facts.roles.filter((role) => !declared.has(role));
    return roles.length === 0 ? [] : [{ kind: "login-role-escalation", login, roles }];
  });
}

/** What SQL that no probe sends can do past the policies. */
export function bypassPaths({ lints, sql }: LintContext): readonly Finding[] {
  return lints["login-bypass-path"]
    .filter(({ facts: { query } }) => query === null || sql.query(query)?.filters !== false)
    .map(({ name: place, facts: { role, way, of } }) => ({
      kind: "login-bypass-path",
      role,
      way,
      place,
      of,
    }));
}

/** The persona's role can log in, nothing says whether it does, and it would make a difference. */
export function loginsUnknown(context: LintContext): readonly Finding[] {
  if (context.gateway !== undefined) return [];
  const reads = policiesReadingLogin(context).map(
    ({ relation, policy }) => `policy ${policy} of ${relation} reads session_user`,
  );
  return context.matrix.personas
    .filter(({ login }) => login === undefined)
    .flatMap((persona) => loginUnknown(persona, reads, context));
}

function loginUnknown(
  { name, role, settings: own }: Persona,
  reads: readonly string[],
  { catalog, settings }: LintContext,
): readonly Finding[] {
  const canLogin = catalog.roles.find((one) => one.name === role)?.canLogin === true;
  const brings = settings.roles.filter((one) => one.role === role && canLogin && !hasSetting(own, one.name));
  const why = [...new Set([...brings.map((one) => `${role} has the setting ${one.name}`), ...reads])];
  return why.map((because) => ({ kind: "login-unknown", persona: name, because }));
}

/** A custom setting of rowgate's own login is in every session that it opens: a probe cannot be without. */
export function privilegedLoginSettings({
  matrix: { personas },
  catalog: { login },
  settings: { roles, custom },
}: LintContext): readonly Finding[] {
  const brought = new Set(
    roles.filter(({ role, name }) => role === login.name && custom.has(name)).map(({ name }) => name),
  );
  return [...brought]
    .filter(
      (name) =>
        !personas.every(({ settings, login: own }) => own === login.name || hasSetting(settings, name)),
    )
    .map((setting) => ({ kind: "privileged-login-setting", login: login.name, setting }));
}

function hasSetting(settings: Readonly<Record<string, string>>, name: string): boolean {
  return Object.keys(settings).some((one) => one.toLowerCase() === name);
}
