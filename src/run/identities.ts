import { randomUUID } from "node:crypto";
import type { Identity } from "../model/channel.ts";
import type { Moment } from "../model/moment.ts";
import type { SettingsInForce } from "../model/settings.ts";
import { identityOf } from "../persona/identity.ts";
import { sessionSettings } from "../persona/session.ts";
import { issuedClaims } from "../persona/supabase.ts";
import type { RunRequest } from "./request.ts";

/** Tokens live as long as a run may: minutes. */
const lifetimeSeconds = 15 * 60;

/** Every persona made ready: claims for both channels, and a token where one is sent. @throws RowgateError `persona/…` */
export function signIn(
  { matrix, target, environment }: RunRequest,
  inForce: SettingsInForce,
  at: Moment,
): ReadonlyMap<string, Identity> {
  const issuedAt = Math.floor(at.wall / 1000);
  const options = {
    lifetime: { issuedAt, expiresAt: issuedAt + lifetimeSeconds },
    anonRole: target.rest?.anonRole,
    key: target.signingKey,
  };
  const session = { sessionId: randomUUID(), signedInAt: issuedAt };
  return new Map(
    matrix.personas.map((persona) => {
      const handedIn = persona.tokenFrom === undefined ? undefined : environment[persona.tokenFrom];
      const settings = sessionSettings(persona, inForce, target.rest?.login);
      const defaults = issuedClaims(persona, target.issuer, session);
      return [persona.name, identityOf(persona, { ...options, handedIn, settings, defaults })];
    }),
  );
}
