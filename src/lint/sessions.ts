import type { Catalog } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { Matrix, Persona } from "../model/matrix.ts";
import type { SettingsInForce } from "../model/settings.ts";
import { policiesReadingLogin } from "./session-user.ts";

/** Where nothing says what a persona's session really holds, no cell of it is proved. `gateway`: sessions come through one. */
export function sessionFindings(
  matrix: Matrix,
  catalog: Catalog,
  settings: SettingsInForce,
  gateway: boolean,
): readonly Finding[] {
  const unclear = gateway ? [] : matrix.personas.filter(({ login }) => login === undefined);
  const reads = policiesReadingLogin(matrix, catalog).map(
    ({ relation, policy }) => `policy ${policy} of ${relation} reads session_user`,
  );
  return [
    ...escapes(matrix, catalog),
    ...unclear.flatMap((persona) => loginUnclear(persona, reads, catalog, settings)),
    ...broughtByControl(matrix, catalog, settings),
  ];
}

/** A session is not bound to the role that it starts with. What a persona of the matrix does with its login is declared. */
function escapes({ personas }: Matrix, { roles }: Catalog): readonly Finding[] {
  const logins = new Set(personas.flatMap(({ login }) => login ?? []));
  return [...logins].flatMap((login): readonly Finding[] => {
    const declared = new Set(personas.filter((one) => one.login === login).map(({ role }) => role));
    const open = roles.find(({ name }) => name === login)?.mayEscapeAs ?? [];
    const found = open.filter((role) => !declared.has(role));
    return found.length === 0 ? [] : [{ kind: "login-role-escalation", login, roles: found }];
  });
}

/** The persona's role can log in, and it would make a difference whether it does. */
function loginUnclear(
  persona: Persona,
  reads: readonly string[],
  catalog: Catalog,
  settings: SettingsInForce,
): readonly Finding[] {
  const { name, role } = persona;
  const canLogin = catalog.roles.find((one) => one.name === role)?.canLogin === true;
  const held = new Set(Object.keys(persona.settings).map((one) => one.toLowerCase()));
  const brings = settings.roles.filter((one) => one.role === role && canLogin && !held.has(one.name));
  const why = [...new Set([...brings.map((one) => `${role} has the setting ${one.name}`), ...reads])];
  return why.map((because) => ({ kind: "login-unknown", persona: name, because }));
}

/** A custom setting of rowgate's own login is in every session that it opens: a probe cannot be without. */
function broughtByControl(
  { personas }: Matrix,
  { login }: Catalog,
  { roles, custom }: SettingsInForce,
): readonly Finding[] {
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
