import type { Persona } from "../model/matrix.ts";
import type { RoleSetting, SettingsInForce } from "../model/settings.ts";

type Settings = Readonly<Record<string, string>>;

/**
 * What the persona's session holds from its first moment: the settings of the login role, as the server applies them,
 * behind a gateway those that PostgREST applies to the role, and above all the persona's own. Names are in lower case.
 */
export function sessionSettings(
  persona: Persona,
  inForce: SettingsInForce,
  gateway: string | undefined,
): Settings {
  const own = Object.entries(persona.settings).map(([name, value]) => [name.toLowerCase(), value] as const);
  const brought =
    persona.login === undefined && gateway !== undefined
      ? { ...withoutPath(ofLogin(inForce, gateway)), ...ofImpersonated(inForce, persona.role) }
      : ofLogin(inForce, persona.login);
  return { ...brought, ...Object.fromEntries(own) };
}

/** `role` is one too, and no setting: it says whom the session starts as. */
function ofLogin({ roles }: SettingsInForce, login: string | undefined): Settings {
  return named(
    roles
      .filter(({ role, name }) => role === login && name !== "role")
      .toSorted((a, b) => Number(a.here) - Number(b.here)),
  );
}

/** PostgREST reads what is set for every database, and puts the values in lower case. */
function ofImpersonated({ roles }: SettingsInForce, impersonated: string): Settings {
  const honoured = roles.filter(
    ({ role, name, here, postgrest }) => role === impersonated && postgrest && !here && name !== "role",
  );
  return named(honoured.map((one) => ({ ...one, value: one.value.toLowerCase() })));
}

/** PostgREST sets it for each request. */
function withoutPath(settings: Settings): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => name !== "search_path"));
}

function named(settings: readonly RoleSetting[]): Settings {
  return Object.fromEntries(settings.map(({ name, value }) => [name, value]));
}
