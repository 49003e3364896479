import type { Catalog } from "../model/catalog.ts";
import type { Issue } from "../model/errors.ts";
import type { Matrix, Persona } from "../model/matrix.ts";
import type { SettingsInForce } from "../model/settings.ts";

/** Personas that could not log in as the matrix says they do. */
export function loginIssues(matrix: Matrix, catalog: Catalog, settings: SettingsInForce): readonly Issue[] {
  return matrix.personas.flatMap((persona) => {
    if (persona.login === undefined) return [];
    const wrong = problem(persona, persona.login, catalog, settings);
    return wrong === undefined ? [] : [{ code: "preflight/login", at: persona.at, ...wrong }];
  });
}

function problem(
  { name, role }: Persona,
  login: string,
  { roles, database }: Catalog,
  settings: SettingsInForce,
): Pick<Issue, "message" | "hint"> | undefined {
  const who = `the persona ${name} logs in as ${login}`;
  const found = roles.find((one) => one.name === login);
  // A missing role that is also the persona's is already reported.
  if (found === undefined && login === role) return undefined;
  if (found === undefined)
    return { message: `${who}, which does not exist in the database ${database}`, hint: "create the role" };
  if (!found.canLogin)
    return {
      message: `${who}, which is NOLOGIN`,
      hint: `name the role that logs in, and \`role: ${login}\` beside it`,
    };
  if (login !== role && roles.some((one) => one.name === role) && !found.mayBecome.includes(role))
    return {
      message: `${who}, which may not SET ROLE ${role}`,
      hint: `grant ${role} to ${login}, or name another role`,
    };
  const starts = startsAs(login, settings);
  if (starts !== undefined && starts !== role)
    return {
      message: `${who}, whose sessions start as ${starts} (ALTER ROLE … SET role)`,
      hint: `say \`role: ${starts}\``,
    };
  return undefined;
}

function startsAs(login: string, { roles }: SettingsInForce): string | undefined {
  const own = roles.filter(({ role, name }) => role === login && name === "role");
  return (own.find(({ here }) => here) ?? own[0])?.value;
}
