import type { Catalog } from "../model/catalog.ts";
import type { Finding } from "../model/finding.ts";
import type { Matrix, Persona } from "../model/matrix.ts";
import type { SettingsInForce } from "../model/settings.ts";
import { formatQualified } from "../model/sql-text.ts";

/** Where nothing says what a persona's session really holds, no cell of it is proved. `gateway`: sessions come through one. */
export function sessionFindings(
  matrix: Matrix,
  catalog: Catalog,
  settings: SettingsInForce,
  gateway: boolean,
): readonly Finding[] {
  const unclear = gateway ? [] : matrix.personas.filter(({ login }) => login === undefined);
  return [
    ...unclear.flatMap((persona) => loginUnclear(persona, matrix, catalog, settings)),
    ...broughtByControl(matrix, catalog, settings),
  ];
}

/** The persona's role can log in, and it would make a difference whether it does. */
function loginUnclear(
  persona: Persona,
  matrix: Matrix,
  catalog: Catalog,
  settings: SettingsInForce,
): readonly Finding[] {
  const { name, role } = persona;
  const reads = policiesReadingLogin(matrix, catalog);
  const canLogin = catalog.roles.find((one) => one.name === role)?.canLogin === true;
  const held = new Set(Object.keys(persona.settings).map((one) => one.toLowerCase()));
  const brings = settings.roles.filter((one) => one.role === role && canLogin && !held.has(one.name));
  const why = [...new Set([...brings.map((one) => `${role} has the setting ${one.name}`), ...reads])];
  return why.map((because) => ({ kind: "login-unclear", persona: name, because }));
}

function policiesReadingLogin(matrix: Matrix, catalog: Catalog): readonly string[] {
  const declared = new Set(matrix.relations.map((one) => formatQualified(one)));
  return catalog.relations
    .filter((info) => declared.has(formatQualified(info)))
    .flatMap((info) =>
      info.policies
        .filter(({ using, check }) => /\bsession_user\b/i.test(`${using ?? ""} ${check ?? ""}`))
        .map((policy) => `policy ${policy.name} of ${formatQualified(info)} reads session_user`),
    );
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
    .map((setting) => ({ kind: "control-brings-setting", login: login.name, setting }));
}

function hasSetting(settings: Readonly<Record<string, string>>, name: string): boolean {
  return Object.keys(settings).some((one) => one.toLowerCase() === name);
}
