import { randomUUID } from "node:crypto";
import type { Identity } from "../model/channel.ts";
import type { Moment } from "../lib/moment.ts";
import type { RoleSetting, SettingsInForce } from "../model/settings.ts";
import { identityOf } from "./identity.ts";
import { issuedClaims } from "./supabase.ts";
import type { Matrix, Persona } from "../model/matrix.ts";
import type { Target } from "../model/target.ts";

export interface SignInRequest {
  readonly matrix: Matrix;
  readonly target: Target;
  /** Where `token: ${NAME}` is looked up. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Seconds that tokens live: a quarter of an hour, longer where many cells are asked for, and never more than an hour. */
function lifetimeFor(cells: number): number {
  return Math.min(Math.max(15 * 60, Math.ceil(cells * slowCell)), 60 * 60);
}

/** Seconds that a cell takes through a gateway far away, several in flight. */
const slowCell = 0.2;

/**
 * Every persona made ready: claims for both channels, and a token where one is sent.
 * @param cells how many are asked for
 * @throws RowgateError `persona/…`
 */
export function signIn(
  { matrix, target, environment }: SignInRequest,
  inForce: SettingsInForce,
  at: Moment,
  cells: number,
): ReadonlyMap<string, Identity> {
  const issuedAt = Math.floor(at.wall / 1000);
  const options = {
    lifetime: { issuedAt, expiresAt: issuedAt + lifetimeFor(cells) },
    anonRole: target.rest?.anonRole,
    key: target.signingKey,
  };
  const session = { sessionId: randomUUID(), signedInAt: issuedAt };
  return new Map(
    matrix.personas.map((persona) => {
      const handedIn = persona.tokenFrom === undefined ? undefined : environment[persona.tokenFrom];
      const settings = sessionSettings(persona, inForce, target.rest?.login);
      // Without a gateway a persona may have no token at all: its identity is its login or its settings.
      const hasToken = target.rest !== undefined || persona.claims !== undefined;
      const issuer = hasToken ? target.issuer : undefined;
      const defaults = issuedClaims(persona, issuer, session, matrix.personas);
      return [persona.name, identityOf(persona, { ...options, handedIn, settings, defaults })];
    }),
  );
}

type Settings = Readonly<Record<string, string>>;

/**
 * What the persona's session holds from its first moment: the settings of the login role, as the server applies them,
 * behind a gateway those that PostgREST applies to the role, and above all the persona's own. Names are in lower case.
 */
function sessionSettings(persona: Persona, inForce: SettingsInForce, gateway: string | undefined): Settings {
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
